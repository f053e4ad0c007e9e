"""Clustering by k-means: centres of least total squared distance, within half a second for all clouds. Solver shape.

After AlgoTune's kmeans, scored by cost in the place of seconds.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (150, 10), "full": (400, 16)}  # points and centres of each cloud
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8
STARTS = 8  # of the reference

STATEMENT = """Place k centres in each of B clouds of points so that the sum of squared distances from the points to \
their nearest centres is small.

Write `cluster(points, k)` with an array of shape (B, N, 2), coordinates in [0, 1]. Return an array of shape (B, k, \
2). Every cloud is a mixture of unequal, overlapping, stretched groups and some scattered points.

Invalid: another shape, numbers that are not finite, coordinates beyond 100.

Score: cost of a reference over cost of the program, averaged over {hidden} hidden clouds (N, k = {search}; {full} at \
full fidelity); higher is better. The reference is the best of {starts} runs of Lloyd's algorithm from random \
spread-out starts; 1 is as good.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = "Place k centres in each of B clouds of points, result (B, k, 2). Maximise the reference's cost over yours."


def draw(seed: int, count: int, k: int) -> np.ndarray:
  """Points [count, 2] of a mixture of about k groups."""
  rng = np.random.default_rng(seed)
  middle, size = rng.uniform(0.1, 0.9, (k, 2)), rng.uniform(0.01, 0.08, (k, 2))
  share = rng.dirichlet(np.full(k, 2.0))
  group = rng.choice(k, count, p=share)
  points = middle[group] + size[group] * rng.normal(size=(count, 2))
  loose = rng.random(count) < 0.08
  points[loose] = rng.uniform(0, 1, (int(loose.sum()), 2))
  return np.clip(points, 0, 1)


def cost(points: np.ndarray, centres: np.ndarray) -> float:
  """Sum of squared distances of points [N, 2] to the nearest of centres [k, 2]."""
  return float(((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1).sum())


def reference(points: np.ndarray, k: int) -> float:
  """Cost of the best of STARTS runs of Lloyd's algorithm from k-means++ starts."""
  best = np.inf
  for start in range(STARTS):
    rng = np.random.default_rng(start)
    centres = points[rng.integers(len(points), size=1)]
    while len(centres) < k:
      weight = ((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
      centres = np.vstack([centres, points[rng.choice(len(points), p=weight / weight.sum())]])
    for _ in range(25):
      member = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)[:, None] == np.arange(k)
      sums = member.T.astype(float) @ points
      count = member.sum(axis=0)[:, None]
      centres = np.where(count > 0, sums / np.maximum(count, 1), centres)
    best = min(best, cost(points, centres))
  return best


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], count: int, k: int) -> tuple[np.ndarray, np.ndarray]:
  """Points [B, count, 2] and reference costs [B]."""
  clouds = np.stack([draw(seed, count, k) for seed in seeds])
  return clouds, np.array([reference(points, k) for points in clouds])


def evaluate(session: core.Session) -> core.Score:
  count, k = SIZES[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("clouds", HIDDEN))
  clouds, right = instances(seeds, count, k)
  centres = checks.array(session.call("cluster", clouds, k), (len(seeds), k, 2), low=-100, high=100, name="centres")
  values = right / np.array([cost(*pair) for pair in zip(clouds, centres, strict=True)])
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean())},
                    instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="kmeans_mixtures_own", family="kmeans", domain="numerical_algorithms",
        statement=STATEMENT.format(
            hidden=HIDDEN, starts=STARTS, **{name: f"{n}, {k}" for name, (n, k) in SIZES.items()}),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="cluster", direction="max",
        baseline=0.497, best_known=1.0, spread=0.09, source="our own reference: best of 8 runs of Lloyd's algorithm",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
