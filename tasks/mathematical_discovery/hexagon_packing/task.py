"""Unit regular hexagons in the smallest regular hexagon. Construction shape; the evaluation spreads the centres until
the hexagons just touch, so that nothing can overlap."""

import functools
import itertools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

REFERENCE = "our own reference: sequential linear programs from random starts"
# n: (value of the seed program, least known side, source).
SIZES = {
    11: (10.6044159, 3.9269015327, f"{REFERENCE}; AlphaEvolve 2025 has 3.931"),
    12: (12.1198828, 3.9416420628, f"{REFERENCE}; AlphaEvolve 2025 has 3.942"),
}
CORNERS = 6

STATEMENT = """Pack {n} regular hexagons of side 1 into a regular hexagon that is as small as possible.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3) with a row x, y, angle for \
each hexagon: its centre, and the angle of one of its corners in radians, counterclockwise from the x axis. `previous` \
is such an array that the parent program reached, with the centres as they were scaled, or None.

The evaluation multiplies all centres by the one factor, above or below 1, for which the hexagons touch but do not \
overlap, by the separating-axis test. Then it takes the smallest regular hexagon, with a corner straight to the right \
of its centre, that contains them all; its centre is free.

Invalid: another shape, numbers that are not finite and real, magnitudes above 1000, two centres nearer than 1e-3.

Score: the side of the outer hexagon, lower is better. Best known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return rows x, y, angle of {n} unit hexagons; centres are scaled until they touch. "
         "Minimise the hexagon around them.")


def reach(direction: np.ndarray, angle: np.ndarray) -> np.ndarray:
  """How far a polygon of circumradius 1 with corners at `angle` + k 2 pi / CORNERS extends in a direction, both in
  radians; broadcasts. Rounded upwards."""
  step = 2 * math.pi / CORNERS
  turn = np.mod(direction - angle, step)
  return np.cos(np.minimum(turn, step - turn)) * (1 + checks.MARGIN)


def spread(centres: np.ndarray, angles: np.ndarray) -> float:
  """The least factor by which the centres are multiplied so that no two polygons overlap.

  Two convex polygons do not overlap if and only if a normal of an edge of one of them separates them.
  """
  pairs = np.array(list(itertools.combinations(range(len(centres)), 2)))
  gap = centres[pairs[:, 1]] - centres[pairs[:, 0]]
  first, second = angles[pairs].T
  turns = (np.arange(CORNERS) + 0.5) * 2 * math.pi / CORNERS
  normals = np.concatenate([first[:, None] + turns, second[:, None] + turns], axis=1)  # [pairs, 2 CORNERS]
  along = gap[:, :1] * np.cos(normals) + gap[:, 1:] * np.sin(normals)
  # The second polygon reaches back along the normal, which is forth along its opposite.
  need = reach(normals, first[:, None]) + reach(normals + math.pi, second[:, None])
  apart = (along / need).max(axis=1) * (1 - checks.MARGIN)
  return float(1 / apart.min())


def side(centres: np.ndarray, angles: np.ndarray) -> float:
  """Side of the smallest regular hexagon with a corner at angle 0 that contains the hexagons; its centre is free.

  With the six extents s_k along its normals, the apothem is the largest of (s_k + s_(k+3)) / 2 and of the two
  (s_k + s_(k+2) + s_(k+4)) / 3: the corners of the dual linear program.
  """
  normals = (np.arange(6) + 0.5) * math.pi / 3
  extents = (centres[:, :1] * np.cos(normals) + centres[:, 1:] * np.sin(normals)
             + reach(normals, angles[:, None])).max(axis=0)
  apothem = max(*(extents[:3] + extents[3:]) / 2, extents[::2].sum() / 3, extents[1::2].sum() / 3)
  return float(apothem) * 2 / math.sqrt(3)


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  rows = checks.array(result, (n, 3), low=-1000, high=1000, name="hexagons")
  centres, angles = rows[:, :2], np.mod(rows[:, 2], 2 * math.pi / CORNERS)
  apart = np.hypot(*(centres[:, None] - centres).T) + 9 * np.eye(n)
  i, j = sorted(map(int, np.unravel_index(apart.argmin(), apart.shape)))
  if not (apart[i, j] >= 1e-3):
    raise core.Invalid(f"the centres of hexagons {i} and {j} are {apart[i, j]:.3g} apart, expected at least 0.001")
  factor = spread(centres, angles)
  centres = (centres - centres.mean(axis=0)) * factor
  value = side(centres, angles) * (1 + checks.MARGIN)
  metrics = {"centres_multiplied_by": factor, "farthest_centre": float(np.hypot(*centres.T).max()),
             "density": n / value**2}
  return core.Score(value, metrics, construction=np.column_stack([centres, angles]))


TASKS = [
    core.Task(
        name=f"hexagon_packing_{n}", family="hexagon_packing", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
