"""Golomb rulers: n integer marks with all differences distinct, least length. Construction shape, exact integers."""

import functools
import itertools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# Order: (value of the seed program, optimal length). Optimal by exhaustive search (OEIS A003022).
ORDERS = {10: (98, 55), 11: (122, 72), 12: (157, 85), 13: (170, 106)}

STATEMENT = """A Golomb ruler is a set of integer marks in which no two pairs of marks are the same distance apart. \
Find a ruler with {n} marks that is as short as possible.

Write `construct(n, previous=None)` with n = {n}. Return a list of n integers, the marks, in any order. `previous` is \
the sorted array of marks, from 0, that the parent program reached, or None.

Invalid: another number of marks, a mark that is not an integer, a mark outside -1,000,000 to 1,000,000, equal \
marks, two pairs with the same difference.

Score: the length, largest minus smallest mark; lower is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} integer marks; all pairwise differences must be distinct. Minimise largest minus smallest mark."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  marks = np.sort(checks.array(result, (n,), dtype=int, low=-1_000_000, high=1_000_000, name="marks"))
  if not (np.diff(marks) > 0).all():
    raise core.Invalid(f"mark {marks[:-1][np.diff(marks) == 0][0]} stands twice")
  pair_of: dict[int, tuple[int, int]] = {}
  for pair in itertools.combinations(marks.tolist(), 2):
    difference = pair[1] - pair[0]
    if difference in pair_of:
      a, b = pair_of[difference]
      raise core.Invalid(f"marks {a}, {b} and marks {pair[0]}, {pair[1]} both differ by {difference}")
    pair_of[difference] = pair
  marks -= marks[0]
  return core.Score(float(marks[-1]), construction=marks)


TASKS = [
    core.Task(
        name=f"golomb_ruler_{n}", family="golomb_ruler", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best), source="optimal by exhaustive search, OEIS A003022",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in ORDERS.items()
]
