"""Thinned antenna arrays: which places of a line array to fill for the lowest side lobes. Construction shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# name: (places, filled, edge of the main lobe in u, value of the seed program, best known value of our reference)
ARRAYS = {"60_36": (60, 36, 0.035, -11.500946, -16.574823), "100_50": (100, 50, 0.022, -13.711382, -16.924440)}
FREQUENCIES = 1500

STATEMENT = """A line array has {n} places, half a wavelength apart, with numbers 0 to {last}. Fill exactly {m} of \
them with equal elements so that the beam pattern has low side lobes.

Write `construct(n, m, previous=None)` with n = {n} and m = {m}. Return a list of the {m} numbers of the filled \
places, in any order. `previous` is the sorted array of numbers that the parent program reached, or None.

Invalid: another count, a number that is not an integer from 0 to {last}, a place filled twice.

Score: the peak side lobe in dB, 20 log10 of the largest |sum over filled places p of exp(i pi p u)| / {m} over \
{count} evenly spaced u from {edge} to 1; lower is better. The best known array has {best:.2f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {m} of the places 0 to {last} of a half-wavelength line array. Minimise the peak side lobe in dB."


@functools.lru_cache(maxsize=4)
def pattern(n: int, edge: float) -> np.ndarray:
  """[FREQUENCIES, n]"""
  matrix = np.exp(1j * np.pi * np.linspace(edge, 1, FREQUENCIES)[:, None] * np.arange(n))
  matrix.setflags(write=False)
  return matrix


def evaluate(session: core.Session, n: int, m: int, edge: float) -> core.Score:
  result = session.call("construct", n, m, session.previous)
  places = np.sort(checks.array(result, (m,), dtype=int, low=0, high=n - 1, name="places"))
  if not (np.diff(places) > 0).all():
    raise core.Invalid(f"place {places[:-1][np.diff(places) == 0][0]} is filled twice")
  lobes = np.abs(pattern(n, edge)[:, places].sum(axis=1)) / m
  peak = lobes.argmax()
  where = edge + (1 - edge) * peak / (FREQUENCIES - 1)
  value = 20 * np.log10(lobes[peak] * (1 + checks.MARGIN))
  return core.Score(float(value), {"u_of_the_peak": float(where)}, construction=places)


TASKS = [
    core.Task(
        name=f"array_thinning_{name}_own", family="array_thinning", domain="signal_processing",
        statement=STATEMENT.format(n=n, m=m, last=n - 1, edge=edge, count=FREQUENCIES, best=best),
        brief=BRIEF.format(m=m, last=n - 1), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="min", baseline=baseline, best_known=best,
        source="our own reference: swaps under annealing, with restarts",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n, m=m, edge=edge))
    for name, (n, m, edge, baseline, best) in ARRAYS.items()
]
