"""Schur colourings: colour 1, 2, ..., N so that no colour holds x, y and x + y. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# colours: (value of the seed program, Schur number). Baumert 1965 and Heule 2018, OEIS A045652.
SIZES = {4: (21, 44), 5: (39, 160)}
LONGEST = 500

STATEMENT = """Colour the integers 1, 2, 3, ..., N with {k} colours so that no colour holds x, y and x + y (x = \
y counts as well: x and 2 x must differ in colour). Reach an N that is as large as possible.

Write `construct(k, previous=None)` with k = {k}. Return a list of N colours, each an integer from 0 to {top}; \
entry i is the colour of the integer i + 1. N is your choice, at most {longest}. `previous` is the array of \
colours that the parent program reached, or None.

Invalid: an empty list, more than {longest} entries, an entry that is not an integer from 0 to {top}, and any x, \
y, x + y of one colour with x + y <= N.

Score: N, the number of integers coloured; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Colour 1..N with 0..{top}, entry i for i + 1; no x, y, x + y (x = y too) of one colour. Maximise N."


def evaluate(session: core.Session, k: int) -> core.Score:
  result = session.call("construct", k, session.previous)
  colors = checks.array(result, (range(1, LONGEST + 1),), dtype=int, low=0, high=k - 1, name="colors")
  for color in range(k):
    part = np.flatnonzero(colors == color) + 1
    sums = part[:, None] + part
    bad = np.isin(sums, part)
    if bad.any():
      x, y = (int(part[i]) for i in np.unravel_index(bad.argmax(), bad.shape))
      raise core.Invalid(f"{x}, {y} and {x + y} all have colour {color}; the colouring holds "
                         f"{_valid(colors, k)} integers before the first such sum")
  counts = np.bincount(colors, minlength=k)
  return core.Score(float(len(colors)), {"smallest_part": int(counts.min()), "largest_part": int(counts.max())},
                    construction=colors)


def _valid(colors: np.ndarray, k: int) -> int:
  """How many integers are coloured before the first sum within a colour."""
  parts: list[set[int]] = [set() for _ in range(k)]
  for x, color in enumerate(colors.tolist(), 1):
    if any(x - y in parts[color] for y in parts[color]):
      return x - 1
    parts[color].add(x)
  return len(colors)


TASKS = [
    core.Task(
        name=f"schur_coloring_{k}", family="schur_coloring", domain="mathematical_discovery",
        statement=STATEMENT.format(k=k, top=k - 1, best=best, longest=LONGEST),
        brief=BRIEF.format(top=k - 1),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal: Baumert 1965 (4), Heule 2018 (5), OEIS A045652",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, k=k))
    for k, (baseline, best) in SIZES.items()
]
