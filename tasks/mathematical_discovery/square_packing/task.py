"""Unit squares in the smallest square. Construction shape; the evaluation spreads the centres until the squares just
touch, so that nothing can overlap."""

import functools
import itertools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, least known side, source).
SIZES = {
    5: (4.91155215, 2 + math.sqrt(0.5), "2 + 1 / sqrt 2, optimal (Goebel 1979)"),
    10: (5.54564424, 3 + math.sqrt(0.5), "3 + 1 / sqrt 2, optimal (Stromquist 2003)"),
    27: (10.8389774, 5 + math.sqrt(0.5), "5 + 1 / sqrt 2, best known (Goebel 1979)"),
}

STATEMENT = """Pack {n} squares of side 1, turned in any way, into a square that is as small as possible.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3) with a row x, y, angle for \
each square: its centre, and by how many radians it is turned counterclockwise (at angle 0 its sides are parallel to \
the axes). `previous` is such an array that the parent program reached, with the centres as they were scaled, or None.

The evaluation multiplies all centres by the one factor, above or below 1, for which the squares touch but do not \
overlap, by the separating-axis test. Then it takes the smallest square with sides parallel to the axes that contains \
them all.

Invalid: another shape, numbers that are not finite and real, magnitudes above 1000, two centres nearer than 1e-3.

Score: the side of the outer square, lower is better. Best known: {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return rows x, y, angle of {n} unit squares; centres are scaled until they touch. Minimise the square around."


def half_width(turn: np.ndarray) -> np.ndarray:
  """Half the extent of a unit square along a direction that is turned by `turn` radians from one of its sides.
  Rounded upwards."""
  return (np.abs(np.cos(turn)) + np.abs(np.sin(turn))) / 2 * (1 + checks.MARGIN)


def spread(centres: np.ndarray, angles: np.ndarray) -> float:
  """The least factor by which the centres are multiplied so that no two squares overlap.

  Two convex polygons do not overlap if and only if a normal of an edge of one of them separates them.
  """
  pairs = np.array(list(itertools.combinations(range(len(centres)), 2)))
  gap = centres[pairs[:, 1]] - centres[pairs[:, 0]]
  normals = angles[pairs][:, :, None] + np.array([0, math.pi / 2])  # [pairs, whose, which]
  along = np.abs(gap[:, 0, None, None] * np.cos(normals) + gap[:, 1, None, None] * np.sin(normals))
  need = 0.5 * (1 + checks.MARGIN) + half_width(angles[pairs][:, 0] - angles[pairs][:, 1])
  apart = along.max(axis=(1, 2)) / need * (1 - checks.MARGIN)
  return float(1 / apart.min())


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  rows = checks.array(result, (n, 3), low=-1000, high=1000, name="squares")
  centres, angles = rows[:, :2], np.mod(rows[:, 2], math.pi / 2)
  apart = np.hypot(*(centres[:, None] - centres).T) + 9 * np.eye(n)
  i, j = sorted(map(int, np.unravel_index(apart.argmin(), apart.shape)))
  if not (apart[i, j] >= 1e-3):
    raise core.Invalid(f"the centres of squares {i} and {j} are {apart[i, j]:.3g} apart, expected at least 0.001")
  factor = spread(centres, angles)
  centres = (centres - centres.mean(axis=0)) * factor
  half = half_width(angles)[:, None]
  sides = (centres + half).max(axis=0) - (centres - half).min(axis=0)
  value = float(sides.max()) * (1 + checks.MARGIN)
  metrics = {"centres_multiplied_by": factor, "width": float(sides[0]), "height": float(sides[1]),
             "density": n / value**2}
  return core.Score(value, metrics, construction=np.column_stack([centres, angles]))


TASKS = [
    core.Task(
        name=f"square_packing_{n}", family="square_packing", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
