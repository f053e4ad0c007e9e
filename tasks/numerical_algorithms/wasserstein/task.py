"""Barycenters of point clouds in the Wasserstein distance: n points nearest to several clouds at once. Solver shape.

After AlgoTune's wasserstein_dist, with the harder inverse problem: the distance itself is an assignment, which the
trusted side solves exactly.
"""

import functools
import pathlib

import numpy as np
from scipy import optimize

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (4, 14), "full": (6, 40)}  # clouds of each instance, points of each cloud
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 32
STARTS, SWEEPS = 3, 6  # of the reference

STATEMENT = """Find barycenters of clouds of points in the plane: n points that are near to m clouds of n points \
each. The distance of two clouds is the least mean squared distance over all ways to pair their points one to one \
(the squared 2-Wasserstein distance).

Write `barycenter(clouds)` with an array of shape (B, m, n, 2) for B instances at once. Return an array of shape (B, \
n, 2).

Invalid: another shape, numbers that are not finite, coordinates beyond 100.

Score: for each instance the sum of distances from the returned points to its m clouds; the sum of a reference over \
it, averaged over {hidden} hidden instances (m, n = {search}; {full} at full fidelity). Higher is better. The \
reference pairs and averages in turn, {sweeps} times from {starts} of the clouds; 1 is as good.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = "Find n points nearest to m clouds of n points in the Wasserstein distance. Maximise the closeness."


def draw(seed: int, count: int, points: int) -> np.ndarray:
  """Clouds [count, points, 2]: turned, bent and noisy copies of one curve."""
  rng = np.random.default_rng(seed)
  along = np.linspace(0, 1, points)
  made = []
  waves = rng.integers(1, 4)
  for _ in range(count):
    shape = np.stack([along * 2 - 1, np.sin(waves * np.pi * along + rng.uniform(0, 2 * np.pi))], axis=1)
    angle = rng.uniform(-1.5, 1.5)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    cloud = shape * rng.uniform(0.5, 1.2, 2) @ turn + rng.normal(0, 0.15, (points, 2)) + rng.uniform(-0.3, 0.3, 2)
    made.append(rng.permutation(cloud))
  return np.array(made)


def paired(points: np.ndarray, clouds: np.ndarray) -> tuple[float, np.ndarray]:
  """Sum of distances of points [n, 2] to clouds [m, n, 2], and the clouds' points in the order of their partners."""
  squared = ((points[None, :, None] - clouds[:, None]) ** 2).sum(axis=3)
  orders = np.array([optimize.linear_sum_assignment(costs)[1] for costs in squared])
  partners = np.take_along_axis(clouds, orders[:, :, None], axis=1)
  return float(((points - partners) ** 2).sum(axis=2).mean(axis=1).sum()), partners


def reference(clouds: np.ndarray) -> float:
  best = np.inf
  for points in clouds[:STARTS]:
    for _ in range(SWEEPS):
      total, partners = paired(points, clouds)
      best, points = min(best, total), partners.mean(axis=0)
  return min(best, paired(points, clouds)[0])


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], count: int, points: int) -> tuple[np.ndarray, np.ndarray]:
  """Clouds [B, count, points, 2] and the reference's sums [B]."""
  clouds = np.stack([draw(seed, count, points) for seed in seeds])
  return clouds, np.array([reference(each) for each in clouds])


def evaluate(session: core.Session) -> core.Score:
  count, points = SIZES[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("clouds", HIDDEN))
  clouds, right = instances(seeds, count, points)
  result = session.call("barycenter", clouds)
  made = checks.array(result, (len(seeds), points, 2), low=-100, high=100, name="points")
  values = right / np.array([paired(*pair)[0] for pair in zip(made, clouds, strict=True)])
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean())},
                    instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="wasserstein_barycenter_own", family="wasserstein", domain="numerical_algorithms",
        statement=STATEMENT.format(hidden=HIDDEN, starts=STARTS, sweeps=SWEEPS, **{
            name: f"{m}, {n}" for name, (m, n) in SIZES.items()}),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="barycenter", direction="max",
        baseline=0.566, best_known=1.0, spread=0.05, source="our own reference: pairing and averaging in turn",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
