"""Convex polygons of unit diameter with the largest area. Construction shape, free of scale."""

import functools
import itertools
import pathlib

import numpy as np
from scipy import spatial

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, largest area, source).
SIZES = {
    6: (0.159964846, 0.674981442930, "optimal, Graham 1975"),
    8: (0.338472533, 0.726868482751, "optimal, Audet, Hansen, Messine and Xiong 2002"),
    10: (0.477205043, 0.749137345878, "Henrion and Messine 2013"),
}

STATEMENT = """Find a convex polygon with at most {n} corners whose area is as large as possible when no two of its \
points are farther apart than 1. For odd numbers of corners regular polygons are best; for even ones they are not.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 2). The polygon is the convex \
hull of these points, which are scaled so that the largest distance of two of them is 1; position, scale and order do \
not count. `previous` is such an array that the parent program reached, moved to centre 0 and scaled, or None.

Invalid: another shape, numbers that are not finite and real, coordinates above 1e6 in magnitude, a largest distance \
below 1e-3, points that lie on a line.

Score: the area of the hull divided by the square of the largest distance; higher is better. The largest possible is \
{best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} points, shape (n, 2). Maximise the area of their convex hull / (largest distance of two)^2."


def area(corners: np.ndarray) -> float:
  """Area of a polygon [n, 2] whose corners are in order."""
  x, y = corners.T
  return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def evaluate(session: core.Session, n: int) -> core.Score:
  points = checks.array(session.call("construct", n, session.previous), (n, 2), low=-1e6, high=1e6, name="points")
  pairs = np.array(list(itertools.combinations(range(n), 2)))
  distance = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
  diameter = float(distance.max())
  if not (diameter >= 1e-3):
    raise core.Invalid(f"the largest distance is {diameter:.3g}, expected at least 0.001")
  points = (points - points.mean(axis=0)) / diameter
  try:
    corners = spatial.ConvexHull(points).vertices
  except spatial.QhullError:
    raise core.Invalid("the points lie on a line: their hull has no area") from None
  # Corners in the hull's order: an order that is wrong in the last digits can only lose area.
  value = area(points[corners]) * (1 - checks.MARGIN)
  metrics = {"corners": len(corners), "diameters": int((distance >= diameter * (1 - 1e-4)).sum())}
  i, j = pairs[int(distance.argmax())].tolist()
  return core.Score(value, metrics, {"diameter": f"points {i} and {j} are farthest apart"}, construction=points)


TASKS = [
    core.Task(
        name=f"small_polygon_{n}", family="small_polygon", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
