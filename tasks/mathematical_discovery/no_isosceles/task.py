"""Points of a square grid without isosceles right triangles. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, most points). Optimal by exhaustive search, OEIS A271906.
SIZES = {8: (11, 17), 10: (15, 23), 11: (15, 26)}

STATEMENT = """Choose as many points as possible of the {n} by {n} grid, pairs (x, y) of integers from 0 to \
{top}, such that no three of them are the corners of an isosceles right triangle of any size and position, \
tilted ones included: there must be no points p, p + (a, b) and p + (-b, a) in the set, with (a, b) not (0, 0).

Write `construct(n, previous=None)` with n = {n}. Return the list of points, shape (m, 2), in any order; m is \
your choice. `previous` is the sorted (m, 2) array of points that the parent program reached, or None.

Invalid: an empty list, a coordinate that is not an integer from 0 to {top}, a point that stands twice, three \
points that form an isosceles right triangle.

Score: the number of points; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return distinct points (x, y), 0 <= x, y < {n}, no three of them an isosceles right triangle. "
         "Maximise the points.")


@functools.lru_cache(maxsize=8)
def _triangles(n: int) -> np.ndarray:
  """Cells p, p + (a, b), p + (-b, a) of every triangle inside the grid [K, 3], cell = n x + y."""
  px, py, qx, qy = (x.ravel() for x in np.indices((n, n, n, n)))
  rx, ry = px - (qy - py), py + (qx - px)
  inside = (rx >= 0) & (rx < n) & (ry >= 0) & (ry < n) & ((px != qx) | (py != qy))
  triangles = np.stack([n * px + py, n * qx + qy, n * rx + ry], axis=1)[inside]
  triangles.flags.writeable = False
  return triangles


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (range(1, n * n + 1), 2), dtype=int, low=0, high=n - 1, name="points")
  cells = np.sort(points @ np.array([n, 1]))
  if not (np.diff(cells) > 0).all():
    raise core.Invalid(f"point {[int(x) for x in divmod(cells[np.argmin(np.diff(cells) > 0)], n)]} stands twice")
  taken = np.bincount(cells, minlength=n * n)
  triangles = _triangles(n)
  full = taken[triangles]
  if (bad := full.all(1)).any():
    corners = [[int(x) for x in divmod(cell, n)] for cell in triangles[bad.argmax()]]
    raise core.Invalid(f"{int(bad.sum())} isosceles right triangles, among them {corners}")
  blocked = taken.copy()
  pairs = full.sum(1) == 2
  blocked[triangles[pairs][full[pairs] == 0]] = 1
  return core.Score(float(len(cells)), {"points_that_could_be_added": int((blocked == 0).sum())},
                    construction=np.stack(np.divmod(cells, n), axis=1))


TASKS = [
    core.Task(
        name=f"no_isosceles_{n}", family="no_isosceles", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, top=n - 1),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal by exhaustive search, OEIS A271906",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
