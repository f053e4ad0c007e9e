"""Landmarks for A*: which nodes of a road grid make later searches visit the fewest nodes. Solver shape.

After AlgoTune's shortest_path_dijkstra, with counted work in the place of seconds. With landmarks (Goldberg and
Harrelson 2005), h(v) = max over landmarks l of |d(l, v) - d(l, t)| never exceeds the distance from v to the target t,
so that a search from s must visit every node with d(s, v) + h(v) < d(s, t): the count needs no search.
"""

import functools
import pathlib

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from eft_jax import core
from eft_jax.core import checks

SHAPES = {"search": (13, 30), "full": (20, 100)}  # side of the grid, queries per grid
LANDMARKS = 6
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 12

STATEMENT = """Choose landmarks that guide A* in a road grid. Crossings (i, j) of a square grid of side n are \
numbered i n + j; neighbours are joined by roads in both directions, with lengths that vary from place to place. A \
search from s to t uses the bound h(v) = max over landmarks l of |d(l, v) - d(l, t)|, with d the length of a shortest \
path, and must visit all v with d(s, v) + h(v) < d(s, t).

Write `choose(across, down, k)` for B grids at once: across has shape (B, n, n-1), the lengths between (i, j) and (i, \
j+1); down has shape (B, n-1, n), those between (i, j) and (i+1, j). Return an integer array of shape (B, k) with k = \
{k}: the landmarks of each grid.

Invalid: another shape, entries that are no integers from 0 to n^2 - 1.

Score: nodes that random queries must visit, in percent of those visited without landmarks (h = 0), averaged over \
{hidden} hidden grids (n = {search}, {full} at full fidelity); lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = "Choose {k} landmarks in each of B road grids so that A* visits few nodes. Minimise the visited share."


def draw(seed: int, side: int) -> tuple[np.ndarray, np.ndarray]:
  """Lengths across [side, side-1] and down [side-1, side]: a smooth field of slow and fast regions, and noise."""
  rng = np.random.default_rng(seed)
  field = np.zeros((side, side))
  place = np.mgrid[0:side, 0:side] / side
  for _ in range(6):
    middle, width = rng.uniform(0, 1, (2, 1, 1)), rng.uniform(0.08, 0.3)
    field += rng.uniform(0, 4) * np.exp(-((place - middle) ** 2).sum(axis=0) / (2 * width**2))
  noise = lambda shape: rng.uniform(0.7, 1.3, shape)
  across = (1 + (field[:, 1:] + field[:, :-1]) / 2) * noise((side, side - 1))
  return across, (1 + (field[1:] + field[:-1]) / 2) * noise((side - 1, side))


def distances(across: np.ndarray, down: np.ndarray) -> np.ndarray:
  """Of all pairs of nodes [N, N]."""
  side = len(across)
  number = np.arange(side * side).reshape(side, side)
  tails = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
  heads = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
  graph = sparse.csr_matrix((np.concatenate([across.ravel(), down.ravel()]), (tails, heads)), (side**2, side**2))
  return csgraph.dijkstra(graph, directed=False)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], side: int, queries: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Lengths across and down, distances [B, N, N], and queries [B, Q, 2] of different nodes."""
  grids = [draw(seed, side) for seed in seeds]
  rng = np.random.default_rng([*seeds])
  pairs = np.array([[rng.choice(side * side, 2, replace=False) for _ in range(queries)] for _ in seeds])
  across, down = (np.stack(parts) for parts in zip(*grids, strict=True))
  return across, down, np.stack([distances(*grid) for grid in grids]), pairs


def visited(lengths: np.ndarray, pairs: np.ndarray, landmarks: np.ndarray) -> tuple[int, int]:
  """Nodes that queries [Q, 2] must visit in a graph with distances [N, N]: with landmarks, and without."""
  sources, targets = pairs.T
  bound = np.zeros((len(pairs), len(lengths)))
  for row in lengths[landmarks]:
    np.maximum(bound, np.abs(row[None, :] - row[targets][:, None]), out=bound)
  limit = lengths[sources, targets][:, None] * (1 - 1e-9)  # rounding must not decide about nodes on the way
  return int((lengths[sources] + bound < limit).sum()), int((lengths[sources] < limit).sum())


def evaluate(session: core.Session) -> core.Score:
  side, queries = SHAPES[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("grids", HIDDEN))
  across, down, lengths, pairs = instances(seeds, side, queries)
  result = session.call("choose", across, down, LANDMARKS)
  landmarks = checks.array(result, (len(seeds), LANDMARKS), dtype=int, low=0, high=side * side - 1, name="landmarks")
  counts = [visited(*each) for each in zip(lengths, pairs, landmarks, strict=True)]
  shares = np.array([100 * few / many for few, many in counts])
  public, hidden = shares[:len(PUBLIC_SEEDS)], shares[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean())},
                    instances=tuple((0.0 - public).tolist()))


TASKS = [
    core.Task(
        name="shortest_paths_landmarks_own", family="shortest_paths", domain="numerical_algorithms",
        statement=STATEMENT.format(k=LANDMARKS, hidden=HIDDEN, search=SHAPES["search"][0], full=SHAPES["full"][0]),
        brief=BRIEF.format(k=LANDMARKS), seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="choose",
        direction="min", baseline=13.4, best_known=5.6, spread=2.2,
        source="our own reference: local search on other random queries of the same grids",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
