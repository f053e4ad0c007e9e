"""Van der Waerden words: two colours, no long arithmetic progression in one. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (a, b): (value of the seed program, longest word), w(2; a, b) - 1. Chvatal 1970; Stevens and Shantaram 1978; Beeler
# and O'Neil 1979 (OEIS A007783 for the mixed ones).
SIZES = {(4, 4): (15, 34), (5, 5): (29, 177), (3, 8): (24, 57), (3, 10): (38, 96)}
LONGEST = 400

STATEMENT = """Colour the positions 0, 1, ..., N - 1 with two colours, 0 and 1, so that no {a} positions in \
arithmetic progression all have colour 0 and no {b} positions in arithmetic progression all have colour 1. Reach \
an N that is as large as possible.

Write `construct(a, b, previous=None)` with a = {a} and b = {b}. Return a list of N colours, each 0 or 1; N is \
your choice, at most {longest}. `previous` is the array of colours that the parent program reached, or None.

Invalid: an empty list, more than {longest} entries, an entry that is not 0 or 1, {a} zeros or {b} ones at \
positions s, s + d, s + 2 d, ... with d >= 1.

Score: N, the length of the list; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return N entries 0 or 1; no {a} zeros and no {b} ones in arithmetic progression of positions. Maximise N."


def evaluate(session: core.Session, a: int, b: int) -> core.Score:
  result = session.call("construct", a, b, session.previous)
  word = checks.array(result, (range(1, LONGEST + 1),), dtype=int, low=0, high=1, name="word")
  for color, length in ((0, a), (1, b)):
    for step in range(1, (len(word) - 1) // (length - 1) + 1):
      runs = len(word) - step * (length - 1)
      inside = np.stack([word[j * step:j * step + runs] == color for j in range(length)]).all(0)
      if inside.any():
        start = int(inside.argmax())
        raise core.Invalid(f"positions {start}, {start + step}, ... {start + step * (length - 1)} are {length} entries "
                           f"{color} in arithmetic progression of step {step}")
  return core.Score(float(len(word)), {"ones": int(word.sum())}, construction=word)


TASKS = [
    core.Task(
        name=f"van_der_waerden_{a}_{b}", family="van_der_waerden", domain="mathematical_discovery",
        statement=STATEMENT.format(a=a, b=b, best=best, longest=LONGEST),
        brief=BRIEF.format(a=a, b=b),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source=f"van der Waerden number w(2; {a}, {b}) = {best + 1}, optimal by exhaustive search",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, a=a, b=b))
    for (a, b), (baseline, best) in SIZES.items()
]
