"""Heilbronn problems: n points whose smallest triangle is as large as possible, in a square, in a triangle or in their
own convex hull. Construction shape, exact containment."""

import functools
import itertools
import math
import pathlib

import numpy as np
from scipy import spatial

from eft_jax import core
from eft_jax.core import checks

# Region and n: (value of the seed program, best known smallest area, source). Digits of the square's values beyond
# the published six come from optimising the same configurations again, which tests/tasks/known holds.
SIZES = {
    ("square", 7): (0.00222229662, 0.083859009007, "Comellas and Yebra 2002"),
    ("square", 9): (0.00130377547, 0.054875999171, "Comellas and Yebra 2002"),
    ("triangle", 11): (0.000645057239, 0.0365299, "AlphaEvolve 2025"),
    ("convex", 13): (0.000773725358, 0.0309, "AlphaEvolve 2025"),
}
REGIONS = {
    "square": ("in the unit square", "Every point must lie in the square: 0 <= x <= 1 and 0 <= y <= 1", "area"),
    "triangle": ("in the triangle with the corners (0, 0), (1, 0) and (0, 1)",
                 "Every point must lie in the triangle: x >= 0, y >= 0 and x + y <= 1, exactly",
                 "area divided by the region's, 1/2"),
    "convex": ("in the plane", "Only proportions count; coordinates lie within -1000 to 1000",
               "area divided by that of the convex hull of all points"),
}

STATEMENT = """Place {n} points {where} so that the smallest of the triangles that any three of them form is as large \
as possible.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 2). {rule}. `previous` is such \
an array that the parent program reached, or None.

Invalid: another shape, numbers that are not finite and real, points outside{hull}. Three points on a line are \
allowed, and worth 0.

Score: the smallest {measure}; higher is better. Best known: {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} points {where}, shape (n, 2). Maximise the smallest area of a triangle of three of them."


def contained(points: np.ndarray, region: str) -> tuple[np.ndarray, float]:
  """The points and the area that counts as 1. Raises Invalid for a point outside."""
  if region != "convex":
    points = checks.array(points, points.shape, low=0, high=1, name="points")
  if region == "triangle":
    for i, (x, y) in enumerate(points.tolist()):
      if not (math.fsum((x, y, -1)) <= 0):  # fsum rounds once, so its sign is exact
        raise core.Invalid(f"point {i} has x + y = 1 + {math.fsum((x, y, -1)):.3g}, expected at most 1")
  if region != "convex":
    return points, 0.5 if region == "triangle" else 1.0
  points = checks.array(points, points.shape, low=-1000, high=1000, name="points")
  extent = np.ptp(points, axis=0)
  if not (extent.min() >= 1e-3):
    raise core.Invalid(f"the points extend by {extent.min():.3g} in one direction, expected at least 0.001")
  points = (points - points.min(axis=0)) / extent  # areas and the hull's area change by the same factor
  try:
    return points, float(spatial.ConvexHull(points).volume)
  except spatial.QhullError:
    raise core.Invalid("the points lie on a line") from None


def evaluate(session: core.Session, region: str, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points, whole = contained(checks.array(result, (n, 2), name="points"), region)
  triples = np.array(list(itertools.combinations(range(n), 3)))
  a, b, c = points[triples.T]
  doubled = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
  small = int(doubled.argmin())
  # Four roundings of numbers up to 1: far below 1e-15.
  value = max((float(doubled[small]) / 2 - 1e-15) / whole * (1 - checks.MARGIN), 0.0)
  metrics = {"mean_area": float(doubled.mean()) / 2 / whole,
             "triangles_within_1_percent": int((doubled <= 1.01 * doubled[small]).sum())}
  artifacts = {"smallest": f"points {', '.join(map(str, triples[small].tolist()))}"}
  return core.Score(value, metrics, artifacts, construction=points)


def task(region: str, n: int, baseline: float, best: float, source: str) -> core.Task:
  where, rule, measure = REGIONS[region]
  hull = "" if region != "convex" else " that range, points that extend by less than 0.001 in x or in y"
  return core.Task(
      name=f"heilbronn_{region}_{n}", family="heilbronn", domain="mathematical_discovery",
      statement=STATEMENT.format(n=n, where=where, rule=rule, measure=measure, hull=hull, best=best),
      brief=BRIEF.format(n=n, where=where), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
      entry="construct", direction="max", baseline=baseline, best_known=best, source=source,
      limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, region=region, n=n))


TASKS = [task(region, n, *row) for (region, n), row in SIZES.items()]
