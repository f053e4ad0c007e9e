"""Linear convolution of long signals, as fast as possible. Solver shape, timed.

After AlgoTune's fft_convolution, with lengths and inputs of our own.
"""

import functools
import pathlib

import numpy as np
from scipy import signal

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (12_000, 600), "full": (200_000, 2000)}  # of signal and kernel
ROUNDS = {"search": 17, "full": 5}
TOLERANCE = 1e-8

STATEMENT = """Compute the linear convolution of a long signal with a shorter one, faster than the reference.

Write `convolve(signal, kernel)` with arrays of shape (n,) and (m,). Return an array of shape (n+m-1,) whose entry k \
is the sum of signal[i] * kernel[k-i] over all i for which both exist.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-8 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden signals (n, m = {search}; {full} at \
full fidelity), in steps of 5 %; higher is better. The reference is scipy.signal.fftconvolve. All threads count, as \
does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Linear convolution of a signal [n] with a kernel [m] by any method. Maximise the speed."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
  """Signal and kernel for each seed."""
  draws = map(np.random.default_rng, seeds)
  return [tuple(rng.normal(size=size) for size in sizes) for rng in draws]


def reference(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
  return signal.fftconvolve(values, kernel)


def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("signals", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "convolve", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=10.0)


TASKS = [
    core.Task(
        name="fft_convolution_own", family="fft_convolution", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: f"{n}, {m}" for name, (n, m) in SIZES.items()}), brief=BRIEF, timed=True,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="convolve", direction="max",
        baseline=0.067, best_known=0.75, source="our own reference: one pair of real transforms of a good length",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), spread=0.05, evaluate=evaluate)
]
