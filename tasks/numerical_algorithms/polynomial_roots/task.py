"""Roots of polynomials that have only real ones, as fast as possible. Solver shape, timed.

After AlgoTune's polynomial_real, with many small polynomials of our own in the place of one large one.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (12, 8), "full": (200, 10)}  # number of polynomials, their degree
ROUNDS = {"search": 17, "full": 3}
TOLERANCE = 1e-6
APART, WITHIN = 0.15, 2.0

STATEMENT = """Find all roots of polynomials whose roots are real and distinct, faster than the reference.

Write `roots(coefficients)` with an array of shape (count, n+1): one polynomial of degree n per row, highest power \
first, leading coefficient 1. All roots lie within -2 and 2, at least {apart} apart. Return an array or nested list of \
shape (count, n): the real roots of each polynomial in increasing order.

Invalid: another shape, numbers that are not finite and real. Wrong: a root off by more than 1e-6 (1 + largest root).

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (count, n = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. The reference calls numpy.roots for each row and sorts. All \
threads count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Roots in increasing order of monic polynomials [count, n+1] whose roots are real. Maximise the speed."


def draw(seed: int, sizes: tuple[int, int]) -> np.ndarray:
  """Coefficients [count, degree + 1] of polynomials with roots APART from each other."""
  count, degree = sizes
  room = 2 * WITHIN - APART * (degree - 1)
  free = np.sort(np.random.default_rng(seed).uniform(0, room, (count, degree)), axis=1)
  return np.array([np.poly(row) for row in free - WITHIN + APART * np.arange(degree)])


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray]]:
  return [(draw(seed, sizes),) for seed in seeds]


def reference(coefficients: np.ndarray) -> np.ndarray:
  return np.array([np.sort(np.roots(row).real) for row in coefficients])


def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("polynomials", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "roots", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=100.0)


TASKS = [
    core.Task(
        name="polynomial_roots_real_own", family="polynomial_roots", domain="numerical_algorithms",
        statement=STATEMENT.format(apart=APART, **{name: f"{n}, {m}" for name, (n, m) in SIZES.items()}), brief=BRIEF,
        timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="roots", direction="max",
        baseline=0.035, best_known=1.0, source="our own reference: eigenvalues of all companion matrices in one call",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), spread=0.03, evaluate=evaluate)
]
