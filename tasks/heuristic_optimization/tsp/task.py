"""Euclidean travelling salesman: short closed tours through points that are uniform or clustered. Solver shape.

Instances are ours, from hidden seeds. Lengths are compared with the minimum spanning tree, a lower bound that costs
nothing; the ratio of the optimal tour lies near 0.8, so that both fidelities compare.
"""

import functools
import pathlib

import numpy as np
from scipy.sparse import csgraph
from scipy.spatial import distance

from eft_jax import core
from eft_jax.core import checks

POINTS = {"search": 30, "full": 200}
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (words, value of the seed program, value of our reference, largest distance of the seed's value over keys)
KINDS = {
    "uniform": ("uniform in the unit square", 0.6717, 0.816, 0.035),
    "clustered": ("in 5 Gaussian clusters of width 0.05 with centres uniform in the unit square", 0.5756, 0.725, 0.033),
}

STATEMENT = """Travelling salesman in the plane: find short closed tours. The points of an instance are {words}.

Write `solve(points)`. `points` has shape ({count}, n, 2): {count} instances of n points, n = {search} ({full} at full \
fidelity). Return an array (or lists) of shape ({count}, n): row b holds the numbers 0 to n - 1, each once, in the \
order in which the tour of instance b visits the points; it closes by itself.

Invalid: another shape, a number that is not an integer from 0 to n - 1, a point visited twice.

Score: length of the minimum spanning tree over length of the tour, averaged over {hidden} hidden instances; the other \
{public} are public. Higher is better; no tour reaches 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Visit n points of the plane in short closed tours, many instances at once. Maximise spanning tree over length."


def draw(kind: str, seed: int, n: int) -> np.ndarray:
  """Points [n, 2]."""
  rng = np.random.default_rng(seed)
  if kind == "uniform":
    return rng.random((n, 2))
  return rng.random((5, 2))[rng.integers(5, size=n)] + rng.normal(0, 0.05, (n, 2))


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
  """Points [B, n, 2] and lengths of their minimum spanning trees [B]."""
  points = np.stack([draw(kind, seed, n) for seed in seeds])
  trees = np.array([csgraph.minimum_spanning_tree(distance.squareform(distance.pdist(p))).sum() for p in points])
  points.setflags(write=False)
  return points, trees


def lengths(points: np.ndarray, tours: np.ndarray) -> np.ndarray:
  """Lengths [B] of closed tours [B, n] through points [B, n, 2]."""
  visited = np.take_along_axis(points, tours[:, :, None], axis=1)
  return np.linalg.norm(visited - np.roll(visited, 1, axis=1), axis=2).sum(axis=1)


def evaluate(session: core.Session, kind: str) -> core.Score:
  points, trees = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), POINTS[session.fidelity])
  tours = checks.permutations(session.call("solve", points.copy()), *points.shape[:2], name="tours")
  values = (1 - checks.MARGIN) * trees / lengths(points, tours)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"tsp_{kind}_own", family="tsp", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN,
                                   **POINTS),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: 2-opt with restarts",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
