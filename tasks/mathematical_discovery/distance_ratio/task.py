"""Points whose largest distance is small against their smallest. Construction shape, free of scale."""

import functools
import itertools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

REFERENCE = "our own reference: descent from random starts and sequential quadratic programs"
# Dimension and n: (value of the seed program, best known squared ratio, source); tests/tasks/known holds the points.
SIZES = {
    (2, 16): (29.0111639, 12.889229907694, f"{REFERENCE}; AlphaEvolve 2025 has 12.889266112"),
    (3, 14): (18.9246645, 4.165783474580, f"{REFERENCE}; AlphaEvolve 2025 has 4.165849767"),
}

STATEMENT = """Place {n} points in {dimension} dimensions so that the largest distance between two of them is as small \
as possible against the smallest distance.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, {dimension}). Position and \
scale do not count. `previous` is such an array that the parent program reached, moved to centre 0 and largest \
distance 1, or None.

Invalid: another shape, numbers that are not finite and real, coordinates above 1e6 in magnitude, a largest distance \
below 1e-3, a smallest distance below 1e-6 of the largest.

Score: (largest distance / smallest distance)^2; lower is better. Best known: {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} points, shape (n, {dimension}). Minimise (largest distance / smallest distance)^2 over pairs."


def evaluate(session: core.Session, dimension: int, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (n, dimension), low=-1e6, high=1e6, name="points")
  pairs = np.array(list(itertools.combinations(range(n), 2)))
  distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
  near, largest = int(distance.argmin()), float(distance.max())
  if not (largest >= 1e-3):
    raise core.Invalid(f"the largest distance is {largest:.3g}, expected at least 0.001")
  i, j = pairs[near].tolist()
  if not (distance[near] >= 1e-6 * largest):
    raise core.Invalid(f"points {i} and {j} are {distance[near] / largest:.3g} of the largest distance apart, expected "
                       "at least 1e-6")
  value = (largest / float(distance[near])) ** 2 * (1 + checks.MARGIN)
  far = pairs[int(distance.argmax())].tolist()
  metrics = {"near_pairs": int((distance <= 1.01 * distance[near]).sum()),
             "far_pairs": int((distance >= 0.99 * largest).sum())}
  return core.Score(value, metrics, {"extremes": f"nearest {i} and {j}, farthest {far[0]} and {far[1]}"},
                    construction=(points - points.mean(axis=0)) / largest)


def task(dimension: int, n: int, baseline: float, best: float, source: str) -> core.Task:
  seed = pathlib.Path(__file__).with_name("seed.py").read_text().replace("DIM = 2", f"DIM = {dimension}")
  return core.Task(
      name=f"distance_ratio_{dimension}d_{n}", family="distance_ratio", domain="mathematical_discovery",
      statement=STATEMENT.format(n=n, dimension=dimension, best=best), brief=BRIEF.format(n=n, dimension=dimension),
      seed=seed, entry="construct", direction="min", baseline=baseline, best_known=best, source=source,
      limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
      evaluate=functools.partial(evaluate, dimension=dimension, n=n))


TASKS = [task(dimension, n, *row) for (dimension, n), row in SIZES.items()]
