"""Graphs without a 4-cycle, with as many edges as possible. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, most edges). Optimal: Clapham, Flockhart and Sheehan 1989; Yuansheng and Rowlinson
# 1992; Fueredi 1983 for 31 (OEIS A006855).
SIZES = {20: (35, 46), 25: (45, 63), 30: (60, 85), 31: (63, 90)}

STATEMENT = """Find a simple graph on the vertices 0 to {top} that has as many edges as possible and no cycle \
of length 4: no two vertices may have two common neighbours.

Write `construct(n, previous=None)` with n = {n}. Return the list of edges, shape (m, 2): each edge is a pair of \
two different vertices, in any order; m is your choice. `previous` is the sorted (m, 2) array of edges that the \
parent program reached, or None.

Invalid: an empty list, a vertex that is not an integer from 0 to {top}, an edge from a vertex to itself, an \
edge that stands twice, two vertices with more than one common neighbour.

Score: m, the number of edges; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return distinct edges (i, j), 0 <= i, j < {n}; no two vertices with two common neighbours. Maximise the edges."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  edges = checks.array(result, (range(1, n * (n - 1) // 2 + 1), 2), dtype=int, low=0, high=n - 1, name="edges")
  edges.sort(axis=1)
  edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
  if (loop := edges[:, 0] == edges[:, 1]).any():
    raise core.Invalid(f"edge {edges[loop.argmax()].tolist()} joins a vertex to itself")
  if (twice := (np.diff(edges, axis=0) == 0).all(1)).any():
    raise core.Invalid(f"edge {edges[twice.argmax()].tolist()} stands twice")
  linked = np.zeros((n, n), dtype=np.int64)
  linked[edges[:, 0], edges[:, 1]] = linked[edges[:, 1], edges[:, 0]] = 1
  common = np.triu(linked @ linked, 1)
  if (common > 1).any():
    i, j = np.unravel_index(common.argmax(), common.shape)
    raise core.Invalid(f"vertices {i} and {j} have {common[i, j]} common neighbours: "
                       f"{np.flatnonzero(linked[i] & linked[j])[:4].tolist()}")
  addable = np.triu((np.linalg.matrix_power(linked, 3) == 0) & (linked == 0), 1)
  degrees = linked.sum(0)
  metrics = {"edges_that_could_be_added": int(addable.sum()), "least_degree": int(degrees.min()),
             "largest_degree": int(degrees.max())}
  return core.Score(float(len(edges)), metrics, construction=edges)


TASKS = [
    core.Task(
        name=f"c4_free_graph_{n}", family="c4_free_graph", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, top=n - 1),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal: ex(n; C4), OEIS A006855",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
