"""Erdos minimum overlap: a step function on [0, 2] that overlaps its complement least. Construction shape."""

import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

LONGEST = 1000  # steps; the published records use 51 to 600

STATEMENT = """The minimum overlap problem of Erdos. Let h be a step function on [0, 2] with values in [0, 1] and \
integral 1. Make the largest overlap, max over k of the integral of h(x) (1 - h(x + k)) over those x for which x and \
x + k lie in [0, 2], as small as possible.

Write `construct(n, previous=None)`. Return the heights of h on equal steps as a list or array of 2 to n = {n} \
numbers. The evaluation multiplies them by one factor so that the integral is 1; no height may be above 1 after that. \
`previous` is the array of heights that the parent program reached, or None.

Invalid: another length, numbers that are not finite and real, heights outside [0, 1] before or after the scaling, all \
heights 0.

Score: (2 / steps) * max over shifts of the cross-correlation of h and 1 - h; lower is better. Best known: 0.38087532.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return 2 to n heights h in [0, 1]; they are scaled to mean 1/2. "
         "Minimise max(correlate(h, 1 - h)) * 2 / len(h).")


def evaluate(session: core.Session) -> core.Score:
  result = session.call("construct", LONGEST, session.previous)
  heights = checks.array(result, (range(2, LONGEST + 1),), low=0, high=1, name="heights")
  steps, total = len(heights), heights.sum()
  if not (total >= 1e-3):
    raise core.Invalid(f"the heights sum to {total:.3g}, which cannot be scaled to {steps / 2:g}")
  heights *= steps / 2 / total
  top = int(heights.argmax())
  if not (heights[top] <= 1 + checks.MARGIN):
    raise core.Invalid(f"heights[{top}] is {heights[top]:.6g} after scaling to integral 1 (the given mean was "
                       f"{total / steps:.6g}), expected at most 1")
  heights = np.minimum(heights, 1)
  overlap = np.correlate(heights, 1 - heights, "full") * 2 / steps
  # Cutting rounding of the scaling at 1 takes less than 2 * MARGIN off the integral.
  value = float(overlap.max()) + 4 * checks.MARGIN
  return core.Score(value, {"steps": steps}, construction=heights)


TASKS = [
    core.Task(
        name="erdos_min_overlap", family="erdos_min_overlap", domain="mathematical_discovery",
        statement=STATEMENT.format(n=LONGEST), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=0.45795819, best_known=0.38087532, source="TTT-Discover 2026, 600 steps",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
