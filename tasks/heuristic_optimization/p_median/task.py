"""p-median and p-centre in the plane: p of n points serve the others. Solver shape.

Costs are compared with a greedy rule that the evaluation runs itself: for the median add the point that helps most, for
the centre add the point that is farthest from the chosen ones (Gonzalez 1985).
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (60, 6), "full": (300, 15)}  # points, and how many are chosen
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (words of the goal, words of the score, value of the seed program, of our reference, spread of the seed's value)
KINDS = {
    "sum": ("the mean distance from a point to the nearest chosen one", "mean distance", 0.6629, 1.085, 0.11),
    "center": ("the largest distance from a point to the nearest chosen one", "largest distance", 0.635, 1.395, 0.11),
}

STATEMENT = """Choose p of n points in the plane such that {words} is small.

Write `solve(points, p)`. `points` has shape ({count}, n, 2), {count} instances of points in the unit square, half of \
them in clusters; n = 60 and p = 6 (300 and 15 at full fidelity). Return an array (or lists) of shape ({count}, p): \
row b holds the numbers, 0 to n - 1, of the points chosen in instance b.

Invalid: another shape, a number that is not an integer from 0 to n - 1, a point chosen twice.

Score: the {short} of a greedy rule over that of the choice, averaged over {hidden} hidden instances; {public} are \
public. Higher is better; above 1 the choice beats the rule.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Choose p of n points so that {words} is small. Maximise the cost of a greedy rule over yours."
SHORT = {"sum": "the mean distance to them", "center": "the largest distance to them"}


def draw(seed: int, n: int) -> np.ndarray:
  """Points [n, 2]: half of them uniform, half around 5 centres."""
  rng = np.random.default_rng(seed)
  spots = rng.random((5, 2))[rng.integers(5, size=n - n // 2)]
  points = np.vstack([rng.random((n // 2, 2)), spots + rng.normal(0, 0.04, spots.shape)])
  return rng.permutation(np.clip(points, 0, 1))


def costs(kind: str, points: np.ndarray, chosen: np.ndarray) -> np.ndarray:
  """Mean or largest distance [B] to the nearest of the chosen points [B, p]."""
  centres = np.take_along_axis(points, chosen[:, :, None], axis=1)
  nearest = np.linalg.norm(points[:, :, None] - centres[:, None], axis=3).min(axis=2)
  return nearest.mean(axis=1) if kind == "sum" else nearest.max(axis=1)


def greedy(kind: str, points: np.ndarray, p: int) -> np.ndarray:
  """Chosen points [B, p] of the greedy rule."""
  gaps = np.linalg.norm(points[:, :, None] - points[:, None], axis=3)
  nearest, chosen = np.full(points.shape[:2], np.inf), []
  for step in range(p):
    if kind == "sum" or step == 0:  # the centre begins with the point of least eccentricity
      reach = np.minimum(nearest[:, None], gaps)
      pick = (reach.sum(axis=2) if kind == "sum" else reach.max(axis=2)).argmin(axis=1)
    else:
      pick = nearest.argmax(axis=1)
    nearest = np.minimum(nearest, gaps[np.arange(len(points)), pick])
    chosen.append(pick)
  return np.stack(chosen, axis=1)


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int, p: int) -> tuple[np.ndarray, np.ndarray]:
  """Points [B, n, 2] and costs of the greedy rule [B]."""
  points = np.stack([draw(seed, n) for seed in seeds])
  rule = np.concatenate([costs(kind, part, greedy(kind, part, p)) for part in np.split(points, len(points))])
  points.setflags(write=False)
  return points, rule


def evaluate(session: core.Session, kind: str) -> core.Score:
  n, p = SIZES[session.fidelity]
  points, rule = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), n, p)
  result = session.call("solve", points.copy(), p)
  chosen = checks.array(result, (len(points), p), dtype=int, low=0, high=n - 1, name="chosen")
  ordered = np.sort(chosen, axis=1)
  twice = np.argwhere(ordered[:, 1:] == ordered[:, :-1])
  if len(twice):
    raise core.Invalid(f"instance {twice[0][0]}: point {ordered[tuple(twice[0])]} is chosen twice")
  values = (1 - checks.MARGIN) * rule / costs(kind, points, chosen)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"p_median_{kind}_own", family="p_median", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, short=short, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC),
                                   hidden=HIDDEN),
        brief=BRIEF.format(words=SHORT[kind]), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="solve", direction="max", baseline=baseline, best_known=best, spread=spread,
        source="our own reference: interchange from several starts",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, short, baseline, best, spread) in KINDS.items()
]
