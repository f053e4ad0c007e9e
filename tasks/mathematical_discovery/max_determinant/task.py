"""Square matrices of signs with the largest determinant. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (determinant of the seed program's matrix, what determinants are divided by, largest known determinant, source).
# For n = 13, 15 and 17 the largest one is proved. For n = 29, published ratios refer to 342 * 7^12 * 2^28.
SIZES = {
    13: (4 * 2**12, 14929920, 14929920, "maximal by Raghavarao 1959, OEIS A003433"),
    15: (178 * 2**14, 418037760, 418037760, "maximal by Orrick 2005, OEIS A003433"),
    17: (400 * 2**16, 21474836480, 21474836480, "maximal by Moyssiadis and Kounias 1982, OEIS A003433"),
    29: (14034200 * 2**28, 342 * 7**12 * 2**28, 320 * 7**12 * 2**28,
         "largest known determinant 320 * 7^12 * 2^28, ratio 0.935673"),
}

STATEMENT = """Find a matrix of {n} rows and {n} columns, each entry +1 or -1, whose determinant is as large as \
possible in magnitude.

Write `construct(n, previous=None)` with n = {n}. Return a list of lists or an array of shape (n, n), each entry \
exactly 1 or -1. `previous` is the array that the parent program reached, or None.

Invalid: another shape, any entry that is not 1 or -1.

Score: |det| / {bound}, with the determinant computed in exact integers; higher is better. {record}

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return a {n} x {n} matrix, each entry 1 or -1. Maximise |det|."


def determinant(matrix: list[list[int]]) -> int:
  """Exact determinant by elimination without fractions (Bareiss 1968)."""
  rows, sign, before = [list(row) for row in matrix], 1, 1
  for k in range(len(rows) - 1):
    pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
    if pivot is None:
      return 0
    if pivot != k:
      rows[k], rows[pivot], sign = rows[pivot], rows[k], -sign
    head, top = rows[k][k], rows[k][k + 1:]
    for i in range(k + 1, len(rows)):
      first = rows[i][k]
      rows[i][k + 1:] = [(head * x - first * y) // before for x, y in zip(rows[i][k + 1:], top, strict=True)]
    before = head
  return sign * rows[-1][-1]


def evaluate(session: core.Session, n: int) -> core.Score:
  matrix = checks.array(session.call("construct", n, session.previous), (n, n), dtype=int, low=-1, high=1,
                        name="matrix")
  if not matrix.all():
    i, j = np.argwhere(matrix == 0)[0]
    raise core.Invalid(f"matrix[{i}, {j}] is 0, expected 1 or -1")
  exact = abs(determinant(matrix.tolist()))
  gram = np.abs(matrix @ matrix.T - n * np.eye(n, dtype=int))
  metrics = {"log10_determinant": float(np.log10(float(max(exact, 1)))), "largest_row_product": int(gram.max()),
             "mean_row_product": float(gram.sum() / (n * (n - 1)))}
  return core.Score(exact / SIZES[n][1], metrics, construction=matrix)


def task(n: int, start: int, bound: int, best: int, source: str) -> core.Task:
  record = "The maximum is 1." if best == bound else f"Best known: {best / bound:.6f}."
  return core.Task(
      name=f"max_determinant_{n}", family="max_determinant", domain="mathematical_discovery",
      statement=STATEMENT.format(n=n, bound=bound, record=record), brief=BRIEF.format(n=n),
      seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
      baseline=start / bound, best_known=best / bound, source=source,
      limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))


TASKS = [task(n, *row) for n, row in SIZES.items()]
