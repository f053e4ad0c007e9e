"""Windows with the lowest side lobes for a given main lobe: Dolph's problem. Construction shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

FREQUENCIES = 4000

# name: (length, edge of the main lobe in cycles per sample, value of the seed program). The optimum is Dolph's (1946).
WINDOWS = {"24": (24, 0.08, -23.589114), "33": (33, 0.06, -23.543287), "48": (48, 0.05, -23.488818)}

STATEMENT = """Find a window of {n} weights w[0] .. w[{last}] whose spectrum W(f) = |sum over k of w[k] exp(-2 pi i f \
k)| is small everywhere outside of the main lobe |f| < {edge} (f in cycles per sample), compared with W(0).

Write `construct(n, previous=None)` with n = {n}. Return a list of {n} real numbers, the weights, of any scale. \
`previous` is the array of weights that the parent program reached, scaled to sum 1, or None.

Invalid: another number of weights, a weight that is not finite or beyond 1,000,000 in size, weights whose sum is not \
above 0.001 of the sum of their sizes.

Score: the peak side lobe in dB, 20 log10 of the largest W(f) / W(0) over {count} evenly spaced f from {edge} to 0.5; \
lower is better. The optimum is {best:.3f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return {n} window weights. Minimise the peak of the spectrum, in dB of its value at 0, at frequencies "
         "from {edge} to 0.5.")


def dolph(n: int, edge: float) -> float:
  """Least peak side lobe in dB of n weights with a main lobe up to `edge`: Dolph, Proc. IRE 34 (1946) 335."""
  return float(-20 * np.log10(np.cosh((n - 1) * np.arccosh(1 / np.cos(np.pi * edge)))))


@functools.lru_cache(maxsize=4)
def spectrum(n: int, edge: float) -> np.ndarray:
  """[FREQUENCIES, n]"""
  f = np.linspace(edge, 0.5, FREQUENCIES)
  matrix = np.exp(-2j * np.pi * f[:, None] * np.arange(n))
  matrix.setflags(write=False)
  return matrix


def evaluate(session: core.Session, n: int, edge: float) -> core.Score:
  result = session.call("construct", n, session.previous)
  weights = checks.array(result, (n,), low=-1e6, high=1e6, name="weights")
  total, size = weights.sum(), np.abs(weights).sum()
  if not total > 1e-3 * size:
    raise core.Invalid(f"the weights add up to {total:.3g}, which is not above 0.001 of the sum of sizes {size:.3g}")
  weights /= total
  lobes = np.abs(spectrum(n, edge) @ weights)
  peak = lobes.argmax()
  where = edge + (0.5 - edge) * peak / (FREQUENCIES - 1)
  value = 20 * np.log10(lobes[peak] * (1 + checks.MARGIN) + 1e-15)
  return core.Score(float(value), {"frequency_of_the_peak": float(where)}, construction=weights)


TASKS = [
    core.Task(
        name=f"window_design_{name}", family="window_design", domain="signal_processing",
        statement=STATEMENT.format(n=n, last=n - 1, edge=edge, count=FREQUENCIES, best=dolph(n, edge)),
        brief=BRIEF.format(n=n, edge=edge), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="min", baseline=baseline, best_known=dolph(n, edge),
        source="Dolph's optimum, Proc. IRE 34 (1946)", limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n, edge=edge))
    for name, (n, edge, baseline) in WINDOWS.items()
]
