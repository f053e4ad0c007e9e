"""Starting values for one step of Newton's iteration, as a table of straight pieces. Construction shape.

This is how reciprocals and inverse roots are computed without division: the pieces give y0 near x^(-1/p), and one step
doubles its digits. The error of a piece has one extremum inside, so that the largest error is known exactly.
"""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# Task: (number of pieces, power p, value of the seed program).
TABLES = {"reciprocal_8": (8, 1, 1.838496134), "square_root_6": (6, 2, 2.313049761), "cube_root_4": (4, 3, 1.526411407)}

STATEMENT = """Compute x^(-1/{p}) for 1 <= x < {top} with one step of Newton's iteration. The start comes from a \
table of {n} straight pieces: y0 = value + slope (x - left), with the last piece whose left end is at most x. The \
step is y1 = y0 (1 + (1 - x y0^{p}) / {p}).

Write `construct(n, power, previous=None)` with n = {n} and power = {p}. Return an array of shape (n, 3): left end, \
value and slope of each piece, with left ends that increase strictly from 1. `previous` is the table that the parent \
program reached, or None.

Invalid: another shape, numbers that are not finite or beyond 1000, left ends that do not begin with 1, do not \
increase or reach {top}, a start that is not within half and one and a half of x^(-1/{p}).

Score: -log10 of the largest relative error of y1; higher is better. It is computed exactly, from the ends and the \
extremum of every piece. The best possible is {best:.6g}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} pieces (left, value, slope) that start Newton for x^(-1/{p}) on [1, {top}). Maximise the accuracy."


def after_step(e: np.ndarray, power: int) -> np.ndarray:
  """Relative error after one step, from that before it."""
  return np.abs((1 + e) * (1 + (1 - (1 + e) ** power) / power) - 1)


def errors(table: np.ndarray, power: int) -> np.ndarray:
  """Relative errors [n, 3] of the starts at both ends of each piece and at the extremum between them."""
  left, value, slope = table.T
  right = np.append(left[1:], 2.0**power)
  with np.errstate(all="ignore"):
    inner = (slope * left - value) / (slope * (power + 1))  # where d/dx of y0 x^(1/p) is 0
  inner = np.where((inner > left) & (inner < right), inner, left)
  x = np.stack([left, right, inner], axis=1)
  return (value[:, None] + slope[:, None] * (x - left[:, None])) * x ** (1 / power) - 1


def optimum(n: int, power: int) -> float:
  """The best value: pieces whose ends are in geometric progression, each with equal extreme errors."""
  ratio = 2.0 ** (power / n)
  # On [1, ratio] the straight line c (1 + s (x - 1)) is scaled so that the errors at the ends and inside agree.
  s = (ratio ** (-1 / power) - 1) / (ratio - 1)  # equal errors at both ends
  x = (s - 1) / (s * (power + 1))
  inside = (1 + s * (x - 1)) * x ** (1 / power)
  # y1 depends on the start's error e as -(p+1)/2 e^2 - ..., not symmetric: the scale c makes both sides agree.
  low, high = 0.9 / inside, 1.0
  for _ in range(200):
    c = (low + high) / 2
    if after_step(np.array(c - 1), power) > after_step(np.array(c * inside - 1), power):
      low = c
    else:
      high = c
  return -math.log10(float(after_step(np.array(c - 1), power)))


def evaluate(session: core.Session, n: int, power: int) -> core.Score:
  result = session.call("construct", n, power, session.previous)
  table = checks.array(result, (n, 3), low=-1000, high=1000, name="table")
  left = table[:, 0]
  if left[0] != 1:
    raise core.Invalid(f"the first left end is {left[0]:.10g}, expected 1")
  if not ((np.diff(left) > 0).all() and left[-1] < 2**power):
    raise core.Invalid(f"the left ends must increase strictly and stay below {2**power}; the last is {left[-1]:.6g}")
  before = errors(table, power)
  if not (np.abs(before) <= 0.5).all():
    piece = int(np.abs(before).max(axis=1).argmax())
    raise core.Invalid(f"piece {piece} starts {np.abs(before[piece]).max():.3g} away, relatively; the limit is 0.5")
  after = after_step(before, power).max(axis=1)
  return core.Score(-math.log10(float(after.max()) + 1e-16), {"start_error": float(np.abs(before).max())},
                    {"pieces": "error of each piece: " + ", ".join(f"{e:.2g}" for e in after)}, construction=table)


TASKS = [
    core.Task(
        name=f"vectorized_newton_{name}", family="vectorized_newton", domain="numerical_algorithms",
        statement=STATEMENT.format(n=n, p=power, top=2**power, best=optimum(n, power)),
        brief=BRIEF.format(n=n, p=power, top=2**power), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="max", baseline=baseline, best_known=optimum(n, power),
        source="optimal: equal errors at all ends and extrema",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n, power=power))
    for name, (n, power, baseline) in TABLES.items()
]
