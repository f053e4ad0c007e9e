"""Least squares from few rows: which rows of a system give nearly the solution of all of them. Solver shape.

After AlgoTune's least_squares, with a fixed number of rows in the place of seconds: the trusted side solves the system
of the chosen rows and measures what the solution leaves of all rows.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (120, 6, 18), "full": (800, 12, 40)}  # rows, unknowns, rows that are kept
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 64
RIDGE = 1e-9

STATEMENT = """A linear system has many rows and noise: m equations a_i . x = b_i in n unknowns, a tenth of them with \
large errors. Choose k rows so that the least squares solution of these rows alone leaves a small sum of squares over \
all m rows.

Write `select(matrices, targets, k)` for B systems at once, with arrays of shape (B, m, n) and (B, m). Return an \
integer array of shape (B, k): the numbers of the chosen rows of each system, without repetition.

Invalid: another shape, entries that are no integers from 0 to m - 1, a row that is chosen twice.

Score: the sum of squares over all rows, over the least possible (that of all rows), minus 1, in percent, averaged \
over {hidden} hidden systems (m, n, k = {search}; {full} at full fidelity); lower is better, 0 cannot be passed.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = "Choose k rows of each of B noisy linear systems for least squares. Minimise the excess over all rows."


def draw(seed: int, rows: int, unknowns: int) -> tuple[np.ndarray, np.ndarray]:
  """Matrix [rows, unknowns] with rows of unequal size, and right side [rows] with a tenth of large errors."""
  rng = np.random.default_rng(seed)
  matrix = rng.normal(size=(rows, unknowns)) * rng.lognormal(0, 0.6, (rows, 1))
  noise = rng.normal(0, 0.3, rows) + rng.normal(0, 2, rows) * (rng.random(rows) < 0.1)
  return matrix, matrix @ rng.normal(size=unknowns) + noise


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], rows: int, unknowns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Matrices [B, rows, unknowns], right sides [B, rows], and least sums of squares [B]."""
  matrices, targets = (np.stack(parts) for parts in zip(*(draw(seed, rows, unknowns) for seed in seeds), strict=True))
  least = [((a @ np.linalg.lstsq(a, b, rcond=None)[0] - b) ** 2).sum() for a, b in zip(matrices, targets, strict=True)]
  return matrices, targets, np.array(least)


def left(matrices: np.ndarray, targets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
  """Sums of squares [B] over all rows that the solutions of the chosen rows [B, k] leave."""
  a = np.take_along_axis(matrices, chosen[:, :, None], axis=1)
  b = np.take_along_axis(targets, chosen, axis=1)
  square = a.transpose(0, 2, 1) @ a
  scale = np.trace(square, axis1=1, axis2=2)[:, None, None]  # a tiny ridge, so that no choice is singular
  x = np.linalg.solve(square + RIDGE * scale * np.eye(a.shape[2]), a.transpose(0, 2, 1) @ b[:, :, None])
  return ((matrices @ x)[:, :, 0] - targets) ** 2 @ np.ones(targets.shape[1])


def evaluate(session: core.Session) -> core.Score:
  rows, unknowns, k = SIZES[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("systems", HIDDEN))
  matrices, targets, least = instances(seeds, rows, unknowns)
  result = session.call("select", matrices, targets, k)
  chosen = checks.array(result, (len(seeds), k), dtype=int, low=0, high=rows - 1, name="rows")
  for system, numbers in enumerate(np.sort(chosen, axis=1)):
    twice = np.flatnonzero(np.diff(numbers) == 0)
    if len(twice):
      raise core.Invalid(f"system {system}: row {numbers[twice[0]]} is chosen twice")
  excess = 100 * (left(matrices, targets, chosen) / least - 1)
  public, hidden = excess[:len(PUBLIC_SEEDS)], excess[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean())},
                    instances=tuple((0.0 - public).tolist()))


TASKS = [
    core.Task(
        name="least_squares_rows_own", family="least_squares", domain="numerical_algorithms",
        statement=STATEMENT.format(hidden=HIDDEN, **{name: f"{m}, {n}, {k}" for name, (m, n, k) in SIZES.items()}),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="select", direction="min",
        baseline=11.0, best_known=0.09, spread=3.0, source="our own reference: exchange of rows against the excess",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
