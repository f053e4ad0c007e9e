"""Symmetric positive definite Toeplitz systems, as fast as possible. Solver shape, timed.

After AlgoTune's toeplitz_solver, with several well-conditioned systems of our own per call.
"""

import functools
import pathlib

import numpy as np
from scipy import linalg

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (6, 100), "full": (10, 300)}  # systems, their order
ROUNDS = {"search": 17, "full": 3}
TOLERANCE = 1e-8

STATEMENT = """Solve symmetric Toeplitz systems, faster than the reference: sum_j c[|i - j|] x[j] = b[i].

Write `solve(columns, sides)` with arrays of shape (count, n): the first columns c and the right sides b of count \
systems. The matrices are positive definite, with eigenvalues between 0.2 and 4 times c[0]. Return an array of shape \
(count, n), the solutions.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-8 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (count, n = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. The reference calls scipy.linalg.solve_toeplitz for each \
system. All threads count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Solve symmetric Toeplitz systems given by first columns and right sides (count, n). Maximise the speed."


def draw(seed: int, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
  """First columns and right sides [count, n]: 1 and decaying lags, whose sum of absolute values stays below 0.8."""
  rng = np.random.default_rng(seed)
  lags = rng.normal(size=(count, n - 1)) * rng.uniform(0.7, 0.95, (count, 1)) ** np.arange(1, n)
  lags *= rng.uniform(0.5, 0.78, (count, 1)) / (2 * np.abs(lags).sum(axis=1, keepdims=True))
  size = rng.uniform(0.5, 3, (count, 1))
  return size * np.hstack([np.ones((count, 1)), lags]), rng.normal(size=(count, n))


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
  return [draw(seed, *sizes) for seed in seeds]


def reference(columns: np.ndarray, sides: np.ndarray) -> np.ndarray:
  return np.array([linalg.solve_toeplitz(c, b) for c, b in zip(columns, sides, strict=True)])



def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("systems", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "solve", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=20.0)


TASKS = [
    core.Task(
        name="toeplitz_solver_own", family="toeplitz_solver", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: ", ".join(map(str, sizes)) for name, sizes in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve",
        direction="max", baseline=0.047, best_known=0.6, spread=0.035,
        source="our own reference: scipy itself, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=evaluate)
]
