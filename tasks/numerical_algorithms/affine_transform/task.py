"""Affine transform of an image with linear interpolation, as fast as possible. Solver shape, timed.

After AlgoTune's affine_transform_2d, with linear in the place of cubic interpolation and images of our own.
"""

import functools
import pathlib

import numpy as np
from scipy import ndimage

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": 128, "full": 512}
ROUNDS = {"search": 17, "full": 7}
TOLERANCE = 1e-7

STATEMENT = """Apply an affine transform to an image, faster than the reference.

Write `warp(f, matrix, offset)` with an image f of shape (n, n), a matrix of shape (2, 2) and an offset of \
shape (2,). Return an array of shape (n, n). Entry (i, j) is f at the point (y, x) = matrix @ (i, j) + offset: \
bilinear interpolation between the four pixels around it, and 0 where the point lies outside 0 <= y <= n-1, \
0 <= x <= n-1.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-7 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden images (n = {search}, {full} at full \
fidelity), in steps of 5 %; higher is better. The reference is scipy.ndimage.affine_transform with order=1. All \
threads count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Affine transform of an image [n, n] with bilinear interpolation, 0 outside. Maximise the speed."


def draw(seed: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """An image [size, size], matrix [2, 2] and offset [2] that turn, stretch and move it around its middle."""
  rng = np.random.default_rng(seed)
  angle = rng.uniform(-np.pi, np.pi)
  turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
  matrix = turn @ np.diag(rng.uniform(0.6, 1.4, 2)) + rng.normal(0, 0.05, (2, 2))
  middle = np.full(2, (size - 1) / 2)
  return rng.normal(size=(size, size)), matrix, middle - matrix @ middle + rng.uniform(-3, 3, 2)


def reference(image: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
  return ndimage.affine_transform(image, matrix, offset, order=1)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], size: int) -> list[tuple]:
  return [draw(seed, size) for seed in seeds]


def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  seeds = (0, *session.seeds("image", ROUNDS[fidelity]))
  warm_up, *hidden = instances(seeds, SIZES[fidelity])
  return speed.race(session, "warp", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=8.0)


TASKS = [
    core.Task(
        name="affine_transform_2d_own", family="affine_transform", domain="numerical_algorithms",
        statement=STATEMENT.format(**SIZES), brief=BRIEF, timed=True,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="warp", direction="max",
        baseline=0.135, best_known=0.9, source="our own reference: scipy.ndimage itself, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), spread=0.1, evaluate=evaluate)
]
