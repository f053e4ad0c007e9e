"""Second autocorrelation inequality: a non-negative step function whose self-convolution is nearly constant where it
is not zero. Construction shape."""

import functools
import pathlib

import numpy as np
from scipy import signal

from eft_jax import core
from eft_jax.core import checks

# Task: (longest function at search and at full fidelity in steps, best known value, source).
FORMS = {
    "second_autocorrelation": (1500, 50_000, 0.96359, "Einstein Arena 2026; 0.961 is published for 50,000 steps"),
    "second_autocorrelation_50": (50, 50, 0.898721707, "our own reference: quasi-Newton descent, softened maximum, "
                                                       "from random starts; AlphaEvolve 2025 has 0.89628"),
}

STATEMENT = """Find a non-negative function f for which g = f * f, its convolution with itself, is as close to a \
constant on its support as possible: the second autocorrelation inequality bounds |g|_2^2 / (|g|_1 |g|_inf) by 1, and \
each f gives a lower bound of the best constant. Here f is a step function, so that g is linear between its knots.

Write `construct(n, previous=None)`. Return the heights a of f on equal steps as a list or array of 1 to n numbers \
({size}). Only their proportions count. `previous` is the array of heights, divided by their largest, that the parent \
program reached, or None.

Invalid: another length, numbers that are not finite and real, negative heights, heights above 1e100, all heights 0.

Score: with c = convolve(a, a) and a 0 put before and behind it, the sum of (c_i^2 + c_i c_(i+1) + c_(i+1)^2) / 3 over \
neighbours, divided by sum(c) * max(c); higher is better. Best known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return 1 to {n} non-negative heights a; g = convolve(a, a) is joined linearly. "
         "Maximise |g|_2^2 / (|g|_1 |g|_inf).")


def evaluate(session: core.Session, search: int, full: int) -> core.Score:
  longest = full if session.fidelity == "full" else search
  result = session.call("construct", longest, session.previous)
  heights = checks.array(result, (range(1, longest + 1),), low=0, high=1e100, name="heights")
  top = heights.max()
  if not (top >= 1e-100):
    raise core.Invalid(f"the largest height is {top:.3g}, expected at least 1e-100")
  heights /= top
  # The transform's rounding stays below 1e-14 * |a|^2; ten times that is taken against the candidate.
  error = 1e-13 * float(heights @ heights)
  knots = np.pad(signal.fftconvolve(heights, heights), 1)
  low = np.maximum(knots - error, 0)
  square = float((low[:-1] ** 2 + low[:-1] * low[1:] + low[1:] ** 2).sum()) / 3
  value = square / (float(heights.sum()) ** 2 * (float(knots.max()) + error))
  return core.Score(value * (1 - checks.MARGIN), {"steps": len(heights)}, construction=heights)


def task(name: str, search: int, full: int, best: float, source: str) -> core.Task:
  size = f"n = {search}" + (f"; {full} at full fidelity" if full != search else "")
  return core.Task(
      name=name, family="second_autocorrelation", domain="mathematical_discovery",
      statement=STATEMENT.format(size=size, best=best), brief=BRIEF.format(n=search),
      seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
      baseline=0.60348567, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
      evaluate=functools.partial(evaluate, search=search, full=full))


TASKS = [task(name, *form) for name, form in FORMS.items()]
