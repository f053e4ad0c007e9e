"""Sets with more sums than differences. Construction shape, counts are exact integers."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# Most elements: (value of the seed program, best value). Conway's set of 8 has 26 sums and 25 differences, 1.0122; the
# best value is that of our own annealing.
SIZES = {30: (0.979266855, 1.022821069)}
LARGEST = 100

STATEMENT = """Find a set U of at most {n} integers from 0 to {largest} with many sums and few differences. U + \
U is the set of all sums u + v and U - U the set of all differences u - v of elements of U (u = v too). Because \
u + v = v + u but u - v and v - u differ, most sets have more differences than sums.

Write `construct(n, previous=None)` with n = {n}. Return the list of elements of U, in any order; how many is \
your choice, from 2 to {n}. `previous` is the sorted array of elements that the parent program reached, or None.

Invalid: fewer than 2 elements or more than {n}, an element that is not an integer from 0 to {largest}, an \
element that stands twice.

Score: log |U + U| / log |U - U|; higher is better. An arithmetic progression reaches 1. Best of our own search: \
{best:.6f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return at most {n} distinct integers 0..{largest}, a set U. Maximise log |U + U| / log |U - U|, "
         "sums over differences.")


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  elements = np.sort(checks.array(result, (range(2, n + 1),), dtype=int, low=0, high=LARGEST, name="elements"))
  if not (np.diff(elements) > 0).all():
    raise core.Invalid(f"element {elements[np.argmin(np.diff(elements) > 0)]} stands twice")
  sums = len(np.unique(elements[:, None] + elements))
  differences = len(np.unique(elements[:, None] - elements))
  value = math.log(sums) / math.log(differences) * (1 - checks.MARGIN)
  metrics = {"elements": len(elements), "sums": sums, "differences": differences, "largest": int(elements[-1])}
  return core.Score(value, metrics, construction=elements)


TASKS = [
    core.Task(
        name=f"sum_difference_set_{n}_own", family="sum_difference_set", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, largest=LARGEST),
        brief=BRIEF.format(n=n, largest=LARGEST),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source="our own reference: annealing over sets of integers",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
