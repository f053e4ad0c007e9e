"""Full two-dimensional convolution, as fast as possible. Solver shape, timed.

After AlgoTune's convolve2d_full_fill, with sizes and inputs of our own.
"""

import functools
import pathlib

import numpy as np
from scipy import signal

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (72, 16), "full": (256, 60)}  # of image and kernel
ROUNDS = {"search": 17, "full": 5}
TOLERANCE = 1e-8

STATEMENT = """Compute the full convolution of two matrices, faster than the reference.

Write `convolve(image, kernel)` with an image of shape (n, n) and a kernel of shape (m, m), m < n. Return an array of \
shape (n+m-1, n+m-1) whose entry (u, v) is the sum of image[i, j] * kernel[u-i, v-j] over all i, j for which both \
exist.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-8 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden matrices (n, m = {search}; {full} at \
full fidelity), in steps of 5 %; higher is better. The reference is scipy.signal.convolve2d with mode='full'. All \
threads count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Full 2D convolution of an image [n, n] with a kernel [m, m]. Maximise the speed."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
  """Image and kernel for each seed."""
  draws = map(np.random.default_rng, seeds)
  return [tuple(rng.normal(size=(size, size)) for size in sizes) for rng in draws]


def reference(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
  return signal.convolve2d(image, kernel, mode="full")


def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("matrices", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "convolve", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=300.0)


TASKS = [
    core.Task(
        name="convolution_2d_full_own", family="convolution_2d", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: f"{n}, {m}" for name, (n, m) in SIZES.items()}), brief=BRIEF, timed=True,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="convolve", direction="max",
        baseline=0.285, best_known=4.0, source="our own reference: products of real Fourier transforms, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), spread=0.2, evaluate=evaluate)
]
