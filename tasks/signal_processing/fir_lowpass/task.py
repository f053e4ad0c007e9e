"""Low-pass filters with few taps and least peak error, real or with coefficients of few bits. Construction shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PASS, STOP = 0.2, 0.28  # edges of the bands, in cycles per sample
POINTS = 400  # frequencies in all, spread over both bands

# name: (taps, bits or None, value of the seed program, best known, its source)
FILTERS = {
    "21": (21, None, -12.692317, -33.334792, "optimum of the linear program on the same frequencies"),
    "31": (31, None, -18.069106, -45.832266, "optimum of the linear program on the same frequencies"),
    "31_bits6": (31, 6, -17.480066, -28.584979,
                 "our own reference: rounding over a range of gains, then local search of one and two taps"),
}

STATEMENT = """Design a low-pass filter: {n} taps h[0] .. h[{last}] whose frequency response H(f) = sum over k of \
h[k] exp(-2 pi i f k) is close to a pure delay of {delay} samples in the pass band, f from 0 to {low}, and close to 0 \
in the stop band, f from {high} to 0.5 (f in cycles per sample).

Write `construct(n, previous=None)` with n = {n}. Return a list of {n} real numbers, the taps.{whole} `previous` is \
the array of taps that the parent program reached, or None.

Invalid: another number of taps, a tap that is not finite{or_whole} or beyond {bound} in size.

Score: the peak error in dB, 20 log10 of the largest |H(f) - exp(-2 pi i f {delay})| in the pass band and |H(f)| in \
the stop band, over {points} frequencies that fill both bands evenly, edges included; lower is better. {best}

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

WHOLE = """ They must be whole numbers from -{top} to {top}; the evaluation divides them by the gain (their sum, \
which must not be 0)."""

BRIEF = "Return {n} {kind} of a low-pass filter (pass to {low}, stop from {high}). Minimise the peak error in dB."


@functools.lru_cache(maxsize=4)
def bands(taps: int) -> tuple[np.ndarray, np.ndarray]:
  """(response matrix [POINTS, taps], wanted response [POINTS]), both turned back by the delay of the filter."""
  in_pass = round(POINTS * PASS / (PASS + 0.5 - STOP))
  f = np.concatenate([np.linspace(0, PASS, in_pass), np.linspace(STOP, 0.5, POINTS - in_pass)])
  matrix = np.exp(-2j * np.pi * f[:, None] * (np.arange(taps) - (taps - 1) / 2))
  wanted = (f <= PASS).astype(float)
  for values in (matrix, wanted):
    values.setflags(write=False)
  return matrix, wanted


def evaluate(session: core.Session, taps: int, bits: int | None) -> core.Score:
  result = session.call("construct", taps, session.previous)
  if bits is None:
    given = checks.array(result, (taps,), low=-10, high=10, name="taps")
    filter_ = given
  else:
    top = 2 ** (bits - 1) - 1
    given = checks.array(result, (taps,), dtype=int, low=-top, high=top, name="taps")
    if given.sum() == 0:
      raise core.Invalid("the taps add up to 0, so that no gain can be divided out")
    filter_ = given / given.sum()
  matrix, wanted = bands(taps)
  error = np.abs(matrix @ filter_ - wanted)
  passing, stopping = float(error[wanted == 1].max()), float(error[wanted == 0].max())
  value = 20 * np.log10(max(passing, stopping) * (1 + checks.MARGIN))
  return core.Score(float(value), {"pass_error": passing, "stop_error": stopping}, construction=given)


def _task(name: str) -> core.Task:
  taps, bits, baseline, best, source = FILTERS[name]
  top = None if bits is None else 2 ** (bits - 1) - 1
  statement = STATEMENT.format(
      n=taps, last=taps - 1, delay=(taps - 1) // 2, low=PASS, high=STOP, points=POINTS, bound=top or 10,
      whole="" if bits is None else WHOLE.format(top=top), or_whole="" if bits is None else ", not whole,",
      best=f"The optimum is {best:.3f}." if bits is None else "")
  return core.Task(
      name=f"fir_lowpass_{name}", family="fir_lowpass", domain="signal_processing", statement=statement,
      brief=BRIEF.format(n=taps, low=PASS, high=STOP, kind="taps" if bits is None else f"whole taps, at most {top},"),
      seed=pathlib.Path(__file__).with_name("seed.py" if bits is None else "seed.whole.py").read_text(),
      entry="construct", direction="min", baseline=baseline, best_known=best, source=source,
      limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
      evaluate=functools.partial(evaluate, taps=taps, bits=bits))


TASKS = [_task(name) for name in FILTERS]
