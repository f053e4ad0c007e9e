"""First autocorrelation inequality: a non-negative step function whose self-convolution is flat. Construction shape."""

import pathlib

from scipy import signal

from eft_jax import core
from eft_jax.core import checks

LONGEST = {"search": 1500, "full": 30_000}  # steps; 1,319 and 30,000 are those of published records

STATEMENT = """Find a non-negative function f on [-1/4, 1/4] for which max over t of (f * f)(t) is small against \
(integral of f)^2. Any such f bounds the constant of the first autocorrelation inequality from above. Here f is a step \
function.

Write `construct(n, previous=None)`. Return the heights a of f on equal steps as a list or array of 1 to n numbers \
(n = {search}; {full} at full fidelity). Only their proportions count. `previous` is the array of heights, divided by \
their largest, that the parent program reached, or None.

Invalid: another length, numbers that are not finite and real, negative heights, heights above 1e100, all heights 0.

Score: 2 * steps * max(convolve(a, a)) / sum(a)^2; lower is better. Best known: 1.5028629.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return 1 to n non-negative heights a. Minimise 2 * len(a) * max(convolve(a, a)) / sum(a)^2."


def evaluate(session: core.Session) -> core.Score:
  longest = LONGEST[session.fidelity]
  result = session.call("construct", longest, session.previous)
  heights = checks.array(result, (range(1, longest + 1),), low=0, high=1e100, name="heights")
  top = heights.max()
  if not (top >= 1e-100):
    raise core.Invalid(f"the largest height is {top:.3g}, expected at least 1e-100")
  heights /= top
  # The transform's rounding stays below 1e-14 * |a|^2; ten times that is added, against the candidate.
  peak = float(signal.fftconvolve(heights, heights).max()) + 1e-13 * float(heights @ heights)
  value = 2 * len(heights) * peak / float(heights.sum()) ** 2
  return core.Score(value * (1 + checks.MARGIN), {"steps": len(heights)}, construction=heights)


TASKS = [
    core.Task(
        name="first_autocorrelation", family="first_autocorrelation", domain="mathematical_discovery",
        statement=STATEMENT.format(**LONGEST), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=1.8918139, best_known=1.5028629, source="TTT-Discover 2026, 30,000 steps",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
