"""Degree and diameter: a graph of given order and degree, few pairs far apart. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (n, d, k): (value of the seed program, least value). n is the largest order known for degree d and diameter k.
SIZES = {(50, 7, 2): (434, 0), (38, 3, 4): (167, 0), (41, 4, 3): (190, 0)}

STATEMENT = """Find a graph on {n} vertices in which every vertex has at most {d} edges and as few pairs of \
vertices as possible are further than {k} edges apart.

Write `construct(n, d, k, previous=None)` with n = {n}, d = {d}, k = {k}. Return the list of edges, shape (m, \
2): each edge is a pair of vertices from 0 to {top}; m is between 1 and {most}. Loops and repeated edges are \
allowed, but every end of an edge counts for the degree of its vertex. `previous` is the sorted (m, 2) array of \
edges that the parent program reached, or None.

Invalid: no edge or more than {most}, a vertex that is not an integer from 0 to {top}, a vertex with more than \
{d} ends.

Score: the number of unordered pairs of vertices whose distance is above {k} or infinite; lower is better. The \
optimum is 0: {n} is the largest order known for which it can be reached.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return edges on {n} vertices, at most {d} a vertex. Minimise the pairs of vertices further than {k} "
         "edges apart.")


def evaluate(session: core.Session, n: int, d: int, k: int) -> core.Score:
  result = session.call("construct", n, d, k, session.previous)
  edges = checks.array(result, (range(1, n * d // 2 + 1), 2), dtype=int, low=0, high=n - 1, name="edges")
  edges.sort(axis=1)
  edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
  degrees = np.bincount(edges.ravel(), minlength=n)
  if not (degrees.max() <= d):
    raise core.Invalid(f"vertex {degrees.argmax()} has {degrees.max()} ends of edges, expected at most {d}")
  near = np.eye(n, dtype=np.int64)
  near[edges[:, 0], edges[:, 1]] = near[edges[:, 1], edges[:, 0]] = 1
  reached = np.linalg.matrix_power(near, k) > 0
  far = np.triu(~reached, 1)
  artifacts = {}
  if far.any():
    i, j = (int(x) for x in np.argwhere(far)[0])
    artifacts["far_pair"] = f"vertices {i} and {j}"
  worst = int((~reached).sum(0).max())
  return core.Score(float(far.sum()), {"most_far_vertices_of_one": worst, "edges": len(edges)}, artifacts,
                    construction=edges)


TASKS = [
    core.Task(
        name=f"degree_diameter_{d}_{k}", family="degree_diameter", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, d=d, k=k, top=n - 1, most=n * d // 2),
        brief=BRIEF.format(n=n, d=d, k=k),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source=f"a graph of order {n}, degree {d}, diameter {k}: table of the degree-diameter problem (Hoffman and "
               "Singleton 1960, Doty 1982, Allwright 1992)",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n, d=d, k=k))
    for (n, d, k), (baseline, best) in SIZES.items()
]
