"""Projection of symmetric matrices to the cone of positive semidefinite ones, as fast as possible. Solver shape, timed.

After AlgoTune's psd_cone_projection, with several matrices of our own per call.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (10, 20), "full": (40, 60)}  # number of matrices, their order
ROUNDS = {"search": 17, "full": 3}
TOLERANCE = 1e-7
SMALLEST = 0.05  # magnitude of an eigenvalue, so that iterations for the sign of a matrix end

STATEMENT = """Project symmetric matrices to the nearest positive semidefinite ones in the Frobenius norm, faster than \
the reference: replace the negative eigenvalues by 0 and keep the eigenvectors.

Write `project(matrices)` with an array of shape (count, n, n) of symmetric matrices. No eigenvalue is smaller in \
magnitude than {smallest}, and about half are negative. Return an array of the same shape.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-7 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (count, n = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. For each matrix the reference calls numpy.linalg.eigh and \
multiplies the three factors, the middle one as a diagonal matrix. All threads count, as does what a call costs before \
and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Nearest positive semidefinite matrices to symmetric ones [count, n, n]. Maximise the speed."


def draw(seed: int, sizes: tuple[int, int]) -> np.ndarray:
  """Symmetric matrices [count, n, n] with eigenvalues of magnitude SMALLEST to about 2."""
  count, n = sizes
  rng = np.random.default_rng(seed)
  made = []
  for _ in range(count):
    frame = np.linalg.qr(rng.normal(size=(n, n)))[0]
    values = rng.choice([-1, 1], n) * (SMALLEST + 0.7 * np.abs(rng.normal(size=n)))
    product = frame * values @ frame.T
    made.append((product + product.T) / 2)
  return np.array(made)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray]]:
  return [(draw(seed, sizes),) for seed in seeds]


def reference(matrices: np.ndarray) -> np.ndarray:
  made = []
  for matrix in matrices:
    values, vectors = np.linalg.eigh(matrix)
    made.append(vectors @ np.diag(np.maximum(values, 0)) @ vectors.T)
  return np.array(made)


def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("matrices", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "project", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=10.0)


TASKS = [
    core.Task(
        name="psd_projection_own", family="psd_projection", domain="numerical_algorithms",
        statement=STATEMENT.format(smallest=SMALLEST, **{name: f"{n}, {m}" for name, (n, m) in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="project",
        direction="max", baseline=0.155, best_known=1.0, source="our own reference: one batched eigh, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), spread=0.1, evaluate=evaluate)
]
