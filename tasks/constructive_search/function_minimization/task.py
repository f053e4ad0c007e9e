"""Function minimisation: find the lowest point of hidden functions of two variables in few evaluations. Policy shape.

The functions are of the kind of the textbook's sine surface (sin x cos y + sin xy + a bowl), with waves and wells
drawn from hidden seeds. The trusted side evaluates and counts; the candidate chooses points.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24
ROUNDS = {"search": 12, "full": 60}
BATCH = 5
SIDE = 4.0
FLOOR = 1e-6

STATEMENT = """Find the minimum of an unknown function of two variables on the square [-4, 4] x [-4, 4] within \
{search} rounds of 5 evaluations ({full} at full fidelity). The functions are smooth and have many local minima.

Write `propose(points, values)`. It is called once per round, for B = {instances} functions at once. `points` has \
shape (B, k, 2), the k points evaluated so far, and `values` shape (B, k), their values (k = 0 in the first round). \
Return an array of shape (B, 5, 2): the next 5 points of each function. Points outside of the square are moved to its \
edge.

Invalid: another shape, numbers that are not finite and real.

Score: the mean over hidden functions of -log10(gap + 1e-6), where gap is the lowest value found minus the minimum, \
over the function's range; higher is better, 6 is a perfect search.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Choose 5 points (B, 5, 2) per round from points (B, k, 2) and values (B, k) so far. Maximise -log10 of the "
         "gap to the functions' minima.")


def surfaces(seeds: tuple[int, ...]) -> dict[str, np.ndarray]:
  """Parameters of the functions, one row each."""
  draws = [np.random.default_rng(seed) for seed in seeds]
  return {
      "centre": np.stack([rng.uniform(-2.5, 2.5, 2) for rng in draws]),
      "bowl": np.stack([rng.uniform(0.05, 0.2, 2) for rng in draws]),
      "wave": np.stack([rng.uniform(-2.2, 2.2, (4, 2)) for rng in draws]),
      "phase": np.stack([rng.uniform(0, 2 * np.pi, 4) for rng in draws]),
      "height": np.stack([rng.uniform(0.3, 1.0, 4) for rng in draws]),
      "twist": np.stack([rng.uniform(0.2, 0.8, 1) for rng in draws]),
  }


def values_at(surface: dict[str, np.ndarray], points: np.ndarray) -> np.ndarray:
  """Values [B, k] at points [B, k, 2]."""
  offset = points - surface["centre"][:, None]
  bowl = (surface["bowl"][:, None] * offset**2).sum(axis=2)
  waves = surface["height"][:, None] * np.sin(points @ surface["wave"].transpose(0, 2, 1) + surface["phase"][:, None])
  return bowl + waves.sum(axis=2) + surface["twist"] * np.sin(offset[:, :, 0] * offset[:, :, 1])


@functools.lru_cache(maxsize=4)
def ground(seeds: tuple[int, ...]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
  """Functions, their minima [B] and their ranges [B]: a fine grid, and pattern search from its best cells."""
  surface = surfaces(seeds)
  axis = np.linspace(-SIDE, SIDE, 81)
  grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(1, -1, 2).repeat(len(seeds), axis=0)
  values = values_at(surface, grid)
  best = np.take_along_axis(grid, values.argpartition(12, axis=1)[:, :12, None], axis=1)
  size = axis[1] - axis[0]
  moves = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)])
  for _ in range(40):
    near = np.clip(best[:, :, None] + size * moves, -SIDE, SIDE)
    found = values_at(surface, near.reshape(len(seeds), -1, 2)).reshape(near.shape[:3])
    best = np.take_along_axis(near, found.argmin(axis=2)[:, :, None, None], axis=2)[:, :, 0]
    size *= 0.7
  return surface, values_at(surface, best).min(axis=1), np.ptp(values, axis=1)


def search(session: core.Session, seeds: tuple[int, ...], rounds: int) -> np.ndarray:
  """Lowest values [B] that the candidate finds."""
  surface = ground(seeds)[0]
  points, values = np.zeros((len(seeds), 0, 2)), np.zeros((len(seeds), 0))
  for _ in range(rounds):
    result = session.call("propose", points.copy(), values.copy())
    new = np.clip(checks.array(result, (len(seeds), BATCH, 2), name="propose"), -SIDE, SIDE)
    points = np.concatenate([points, new], axis=1)
    values = np.concatenate([values, values_at(surface, new)], axis=1)
  return values.min(axis=1)


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("surfaces", HIDDEN))
  _, lowest, ranges = ground(seeds)
  gap = np.maximum(search(session, seeds, ROUNDS[session.fidelity]) - lowest, 0) / ranges
  values = -np.log10(gap + FLOOR)
  public, hidden = float(values[:len(PUBLIC_SEEDS)].mean()), float(values[len(PUBLIC_SEEDS):].mean())
  missed = int((gap[:len(PUBLIC_SEEDS)] > 0.02).sum())
  return core.Score(hidden, {"public": public, "gap": hidden - public},
                    {"public functions": f"{missed} of {len(PUBLIC_SEEDS)} ended in a wrong valley or far from any"},
                    instances=tuple(values[:len(PUBLIC_SEEDS)].tolist()))


TASKS = [
    core.Task(
        name="function_minimization_own", family="function_minimization", domain="constructive_search",
        statement=STATEMENT.format(**ROUNDS, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="propose", direction="max",
        baseline=1.9, spread=0.35, best_known=6.0, source="bound: the minimum itself, found on a fine grid",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
