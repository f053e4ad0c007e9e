"""Points of a square grid without the corners of a square. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, most points known). OEIS A240443.
SIZES = {10: (36, 50), 12: (47, 67)}

STATEMENT = """Choose as many points as possible of the {n} by {n} grid, triples (x, y) of integers from 0 to \
{top}, such that no four of them are the corners of a square of any size and position, tilted ones included: \
there must be no points p, p + (a, b), p + (a - b, a + b) and p + (-b, a) in the set, with (a, b) not (0, 0).

Write `construct(n, previous=None)` with n = {n}. Return the list of points, shape (m, 2), in any order; m is \
your choice. `previous` is the sorted (m, 2) array of points that the parent program reached, or None.

Invalid: an empty list, a coordinate that is not an integer from 0 to {top}, a point that stands twice, four \
points that are the corners of a square.

Score: the number of points; higher is better. Most known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return distinct points (x, y), 0 <= x, y < {n}, no four the corners of a square. Maximise the points."


@functools.lru_cache(maxsize=8)
def _squares(n: int) -> np.ndarray:
  """Cells p, p + (a, b), p + (-b, a), p + (a - b, a + b) of every square inside the grid [K, 4], cell = n x + y."""
  px, py, qx, qy = (x.ravel() for x in np.indices((n, n, n, n)))
  rx, ry = px - (qy - py), py + (qx - px)
  sx, sy = qx + rx - px, qy + ry - py
  fits = [(x >= 0) & (x < n) for x in (rx, ry, sx, sy)]
  first = [n * px + py < n * x + y for x, y in ((qx, qy), (rx, ry), (sx, sy))]  # each square once
  inside = np.all(fits + first, axis=0)
  squares = np.stack([n * px + py, n * qx + qy, n * rx + ry, n * sx + sy], axis=1)[inside]
  squares.flags.writeable = False
  return squares


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (range(1, n * n + 1), 2), dtype=int, low=0, high=n - 1, name="points")
  cells = np.sort(points @ np.array([n, 1]))
  if not (np.diff(cells) > 0).all():
    raise core.Invalid(f"point {[int(x) for x in divmod(cells[np.argmin(np.diff(cells) > 0)], n)]} stands twice")
  taken = np.bincount(cells, minlength=n * n)
  squares = _squares(n)
  full = taken[squares]
  if (bad := full.all(1)).any():
    corners = [[int(x) for x in divmod(cell, n)] for cell in squares[bad.argmax()]]
    raise core.Invalid(f"{int(bad.sum())} squares, among them {corners}")
  blocked = taken.copy()
  triples = full.sum(1) == 3
  blocked[squares[triples][full[triples] == 0]] = 1
  return core.Score(float(len(cells)), {"points_that_could_be_added": int((blocked == 0).sum())},
                    construction=np.stack(np.divmod(cells, n), axis=1))


TASKS = [
    core.Task(
        name=f"square_free_grid_{n}", family="square_free_grid", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, top=n - 1),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="most known, OEIS A240443",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
