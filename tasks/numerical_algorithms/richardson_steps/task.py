"""Step sizes of Richardson's iteration for linear systems whose eigenvalues lie in given intervals. Construction shape.

n steps x += a_i (b - A x) multiply the part of the error that belongs to the eigenvalue t by the product of 1 - a_i t.
With one interval the best steps are inverses of Chebyshev's points (Young 1953); with two, ours are found by descent.
"""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks


def chebyshev(n: int, low: float, high: float) -> float:
  """Digits that n steps gain at best on one interval."""
  return math.log10(math.cosh(n * math.acosh((high + low) / (high - low))))


# Task: (n, intervals, value of the seed program, best known, its source).
SPECTRA = {
    "narrow_6": (6, ((1.0, 10.0),), 0.4117604336, chebyshev(6, 1, 10), "optimal: inverses of Chebyshev's points"),
    "wide_16": (16, ((1.0, 100.0),), 0.1783271055, chebyshev(16, 1, 100), "optimal: inverses of Chebyshev's points"),
    "gap_12_own": (12, ((1.0, 5.0), (40.0, 60.0)), 0.285616038, 1.542083266, "our own reference: random climbing"),
}

STATEMENT = """Solve linear systems A x = b with {n} steps x += a_i (b - A x) and step sizes that are fixed \
beforehand. A is symmetric with eigenvalues anywhere in {where}.

Write `construct(n, low, high, previous=None)` with n = {n} and the lower and upper ends of the intervals, low = \
{low} and high = {high}. Return n real numbers, the step sizes, in any order. `previous` is the array that the parent \
program reached, or None.

Invalid: another number of steps, numbers that are not finite, steps beyond 1000.

Score: digits gained in the worst case, -log10 of the largest |(1 - a_1 t) ... (1 - a_n t)| over all t in the \
intervals; higher is better. The maximum is found from the zeros of the derivative. The best known is {best:.6g}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} step sizes for Richardson's iteration with eigenvalues in {where}. Maximise the digits gained."


def largest(steps: np.ndarray, intervals: tuple[tuple[float, float], ...]) -> tuple[float, float]:
  """Largest absolute value of the product over the intervals, and where; between two zeros is one extremum."""
  zeros = np.sort(1 / steps[steps != 0])
  found = []
  for low, high in intervals:
    ends = np.unique(np.concatenate([[low], zeros[(zeros > low) & (zeros < high)], [high]]))
    # A grid between neighbours, refined around its best point.
    a, b = ends[:-1], ends[1:]
    for _ in range(6):
      t = a + (b - a) * np.linspace(0, 1, 17)[:, None]
      height = np.abs(1 - steps[:, None, None] * t).prod(axis=0)
      place = height.argmax(axis=0)
      columns = np.arange(len(a))
      found.append((height.max(), t[place, columns][height.max(axis=0).argmax()]))
      a, b = t[np.maximum(place - 1, 0), columns], t[np.minimum(place + 1, 16), columns]
  return max(found)


def evaluate(session: core.Session, n: int, intervals: tuple[tuple[float, float], ...]) -> core.Score:
  low, high = ([pair[end] for pair in intervals] for end in (0, 1))
  result = session.call("construct", n, low, high, session.previous)
  steps = np.sort(checks.array(result, (n,), low=-1000, high=1000, name="steps"))
  worst, place = largest(steps, intervals)
  return core.Score(-math.log10(worst * (1 + checks.MARGIN) + 1e-300), {"worst_eigenvalue": float(place)},
                    construction=steps)


TASKS = [
    core.Task(
        name=f"richardson_steps_{name}", family="richardson_steps", domain="numerical_algorithms",
        statement=STATEMENT.format(
            n=n, where=where, low=[a for a, _ in intervals], high=[b for _, b in intervals], best=best),
        brief=BRIEF.format(n=n, where=where), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="max", baseline=baseline, best_known=best, source=source,
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n, intervals=intervals))
    for name, (n, intervals, baseline, best, source) in SPECTRA.items()
    for where in [" or ".join(f"[{a:g}, {b:g}]" for a, b in intervals)]
]
