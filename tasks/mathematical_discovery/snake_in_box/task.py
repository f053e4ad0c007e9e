"""Snake in the box: longest induced path in a hypercube. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# dimension: (value of the seed program, longest snake in edges). Optimal: Davies 1965, Potter et al. 1994, Kochut 1996
# (OEIS A099155).
SIZES = {5: (8, 13), 6: (15, 26), 7: (27, 50)}

STATEMENT = """The vertices of the {n}-dimensional hypercube are the integers from 0 to {top}; two of them are \
neighbours if they differ in exactly one binary digit. A snake is a path in the hypercube without shortcuts: \
consecutive vertices of the path are neighbours, and no other two vertices of the path are neighbours or equal. \
Find a snake that is as long as possible.

Write `construct(n, previous=None)` with n = {n}. Return the list of vertices of the path, in order. `previous` \
is the array of vertices that the parent program reached, or None.

Invalid: fewer than 2 vertices, a vertex that is not an integer from 0 to {top}, two consecutive vertices that \
are not neighbours, two other vertices that are neighbours or equal.

Score: the number of edges of the path, vertices minus 1; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return an induced path of the {n}-cube as a list of integers 0..{top}. Maximise its number of edges."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  path = checks.array(result, (range(2, 2**n + 1),), dtype=int, low=0, high=2**n - 1, name="path")
  distance = np.bitwise_count(path[:, None] ^ path)
  for i, step in enumerate(np.diagonal(distance, 1)):
    if step != 1:
      raise core.Invalid(f"path[{i}] = {path[i]} and path[{i + 1}] = {path[i + 1]} differ in {step} binary digits, "
                         "expected 1")
  near = np.argwhere(np.triu(distance <= 1, 2))
  if len(near):
    i, j = near[0]
    raise core.Invalid(f"path[{i}] = {path[i]} and path[{j}] = {path[j]} are "
                       f"{'neighbours' if distance[i, j] else 'equal'}; {len(near)} such pairs")
  rest = np.arange(2**n)
  free = int((np.bitwise_count(rest[:, None] ^ path) > 1).all(1).sum())
  return core.Score(float(len(path) - 1), {"vertices_not_near_the_path": free}, construction=path)


TASKS = [
    core.Task(
        name=f"snake_in_box_{n}", family="snake_in_box", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, top=2**n - 1),
        brief=BRIEF.format(n=n, top=2**n - 1),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal by exhaustive search, OEIS A099155",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
