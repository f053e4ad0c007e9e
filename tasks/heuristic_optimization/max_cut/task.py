"""Max-cut on random graphs and toroidal grids with weights +-1, against the eigenvalue bound. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIDES = {"search": 8, "full": 12}  # the grids have this many rows and columns, and all graphs as many nodes as they
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (words, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "random": ("Two nodes are joined with probability 0.15, all edges have weight 1.", 0.5196, 0.708, 0.042),
    "torus": ("The graph is a square grid closed to a torus; edges have weight 1 or -1 at random.", 0.05515, 0.491,
              0.12),
    "dense": ("All nodes are joined; weights are whole numbers from -10 to 10.", 0.2156, 0.495, 0.085),
}

STATEMENT = """Max-cut: divide the nodes of a graph into two sides such that the edges between the sides have large \
total weight. {words}

Write `solve(weights)`. `weights` has shape ({count}, n, n): {count} symmetric matrices with zero diagonal, weights[b, \
i, j] is the weight of the edge between nodes i and j of instance b, 0 for no edge; n = 64 (144 at full fidelity). \
Return an array (or lists) of shape ({count}, n) of 0 and 1: the side of each node.

Invalid: another shape, an entry that is neither 0 nor 1.

Score: weight of the cut over the eigenvalue bound (n / 4 times the largest eigenvalue of the Laplacian), averaged \
over {hidden} hidden instances; {public} are public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Divide the nodes of weighted graphs into two sides. Maximise cut weight over the eigenvalue bound."


def draw(kind: str, seed: int, side: int) -> np.ndarray:
  """Symmetric weights [n, n] with n = side^2; nodes stand in random order."""
  rng = np.random.default_rng(seed)
  n = side * side
  if kind == "torus":
    weights = np.zeros((n, n), np.int64)
    cell = np.arange(n).reshape(side, side)
    for axis in (0, 1):
      weights[cell.ravel(), np.roll(cell, -1, axis).ravel()] = rng.choice((-1, 1), n)
  else:
    weights = rng.random((n, n)) < 0.15 if kind == "random" else rng.integers(-10, 11, (n, n))
    weights = np.triu(weights, 1).astype(np.int64)
  order = rng.permutation(n)
  return (weights + weights.T)[order][:, order]


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], side: int) -> tuple[np.ndarray, np.ndarray]:
  """Weights [B, n, n] and eigenvalue bounds [B]."""
  weights = np.stack([draw(kind, seed, side) for seed in seeds])
  laplacian = np.einsum("bij,jk->bjk", weights, np.eye(side * side)) - weights
  bounds = side * side / 4 * np.linalg.eigvalsh(laplacian)[:, -1]
  weights.setflags(write=False)
  return weights, bounds


def evaluate(session: core.Session, kind: str) -> core.Score:
  weights, bounds = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), SIDES[session.fidelity])
  side = checks.array(session.call("solve", weights.copy()), weights.shape[:2], dtype=int, low=0, high=1, name="side")
  cuts = np.einsum("bi,bij,bj->b", side, weights, 1 - side, optimize=True)
  values = (1 - checks.MARGIN) * cuts / bounds
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"max_cut_{kind}_own", family="max_cut", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: annealed flips and descent",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
