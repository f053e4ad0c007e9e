"""Sets of integers up to N without three terms in arithmetic progression. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# N: (value of the seed program, largest set). Optimal by exhaustive search (OEIS A065825).
SIZES = {122: (18, 32), 194: (25, 41), 209: (26, 43)}

STATEMENT = """Find a set of integers between 1 and {n} that is as large as possible and holds no three \
different numbers a, b, c in arithmetic progression, that is with a + c = 2 b.

Write `construct(n, previous=None)` with n = {n}. Return a list of integers, in any order; how many is your \
choice. `previous` is the sorted array of numbers that the parent program reached, or None.

Invalid: an empty list, an entry that is not an integer, a number below 1 or above {n}, a number that stands \
twice, three numbers in arithmetic progression.

Score: the number of integers; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return distinct integers from 1 to {n}, no three in arithmetic progression. Maximise how many there are."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  numbers = np.sort(checks.array(result, (range(1, n + 1),), dtype=int, low=1, high=n, name="numbers"))
  if not (np.diff(numbers) > 0).all():
    raise core.Invalid(f"number {numbers[np.argmin(np.diff(numbers) > 0)]} stands twice")
  a, c = (numbers[i] for i in np.triu_indices(len(numbers), 1))
  bad = ((a + c) % 2 == 0) & np.isin((a + c) // 2, numbers)
  if bad.any():
    first, last = int(a[bad.argmax()]), int(c[bad.argmax()])
    raise core.Invalid(f"{int(bad.sum())} progressions of three; the first: {first}, {(first + last) // 2}, {last}")
  blocked = np.concatenate([numbers, 2 * a - c, 2 * c - a, ((a + c) // 2)[(a + c) % 2 == 0]])
  addable = n - len(np.unique(blocked[(blocked >= 1) & (blocked <= n)]))
  return core.Score(float(len(numbers)), {"numbers_that_could_be_added": addable}, construction=numbers)


TASKS = [
    core.Task(
        name=f"ap_free_set_{n}", family="ap_free_set", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal by exhaustive search, OEIS A065825",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
