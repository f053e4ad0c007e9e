"""Third autocorrelation inequality: a step function of either sign whose self-convolution stays low. Construction
shape, in two forms: the largest value of the convolution counts, or its largest magnitude."""

import functools
import pathlib

import numpy as np
from scipy import signal

from eft_jax import core
from eft_jax.core import checks

LONGEST = {"search": 1500, "full": 10_000}  # steps; published records use 400 and more

# Task: (what is held low, value of the seed program, best known, source).
FORMS = {
    "third_autocorrelation_maximum": ("max(c)", 2.02817461, 1.45080664,
                                      "Einstein Arena 2026; AlphaEvolve 2025 has 1.4557"),
    "third_autocorrelation_magnitude": ("max(abs(c))", 2.02817461, 1.4688, "AlphaEvolve 2025, max |.| form"),
}

STATEMENT = """Find a function f on [-1/4, 1/4], of either sign, for which {words} of f * f, its convolution with \
itself, is small against (integral of f)^2. Any such f bounds the constant of an autocorrelation inequality from \
above. Here f is a step function.

Write `construct(n, previous=None)`. Return the heights a of f on equal steps as a list or array of 1 to n numbers (n \
= {search}; {full} at full fidelity). Only their proportions count. `previous` is the array of heights, divided by \
their largest magnitude, that the parent program reached, or None.

Invalid: another length, numbers that are not finite and real, magnitudes above 1e100, all heights 0, heights that sum \
to nearly 0 (less than 1e-3 of the sum of their magnitudes).

Score: with c = convolve(a, a), 2 * steps * {held} / sum(a)^2; lower is better. Best known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return 1 to n heights a of either sign; c = convolve(a, a). Minimise 2 * len(a) * {held} / sum(a)^2."


def evaluate(session: core.Session, magnitude: bool) -> core.Score:
  longest = LONGEST[session.fidelity]
  result = session.call("construct", longest, session.previous)
  heights = checks.array(result, (range(1, longest + 1),), low=-1e100, high=1e100, name="heights")
  top = np.abs(heights).max()
  if not (top >= 1e-100):
    raise core.Invalid(f"the largest magnitude is {top:.3g}, expected at least 1e-100")
  heights /= top
  total, weight = float(heights.sum()), float(np.abs(heights).sum())
  if not (abs(total) >= 1e-3 * weight):
    raise core.Invalid(f"the heights sum to {total / weight:.3g} of the sum of their magnitudes, expected at least "
                       "0.001")
  knots = signal.fftconvolve(heights, heights)
  # The transform's rounding stays below 1e-14 * |a|^2; ten times that is added, against the candidate.
  peak = float((np.abs(knots) if magnitude else knots).max()) + 1e-13 * float(heights @ heights)
  metrics = {"steps": len(heights), "negative_share": float((heights * np.sign(total) < 0).mean())}
  return core.Score(2 * len(heights) * peak / total**2 * (1 + 1e3 * checks.MARGIN), metrics, construction=heights)


def task(name: str, held: str, baseline: float, best: float, source: str) -> core.Task:
  magnitude = held != "max(c)"
  words = "the largest magnitude" if magnitude else "the largest value"
  return core.Task(
      name=name, family="third_autocorrelation", domain="mathematical_discovery",
      statement=STATEMENT.format(words=words, held=held, best=best, **LONGEST), brief=BRIEF.format(held=held),
      seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
      baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
      evaluate=functools.partial(evaluate, magnitude=magnitude))


TASKS = [task(name, *form) for name, form in FORMS.items()]
