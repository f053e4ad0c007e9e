"""Tammes problem: N points on the sphere whose smallest angle is as large as possible. Construction shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# N: (value of the seed program, largest known smallest angle in degrees, source).
SIZES = {
    7: (32.6924665, 77.869542155, "optimal, Schuette and van der Waerden 1951"),
    10: (18.5484809, 66.146821988, "optimal, Danzer 1963"),
    14: (15.2841501, 55.670569862, "optimal, Musin and Tarasov 2015"),
    24: (11.482693, 43.690767108, "optimal, Robinson 1961: the snub cube"),
}

STATEMENT = """Place {n} points on a sphere so that the two nearest ones are as far apart as possible, seen from the \
centre.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3). Each point is scaled to \
length 1 by the evaluation, so only its direction counts. `previous` is the (n, 3) array of unit vectors that the \
parent program reached, or None.

Invalid: another shape, a number that is not finite and real, a point of length below 1e-9 or above 1e9.

Score: the smallest angle between two points, in degrees; higher is better. The largest possible is {best:.6f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} points, shape (n, 3); each is scaled to the unit sphere. Maximise the smallest angle of a pair."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (n, 3), low=-1e9, high=1e9, name="points")
  length = np.linalg.norm(points, axis=1)
  if not (length.min() >= 1e-9):
    raise core.Invalid(f"point {length.argmin()} has length {length.min():.3g}, expected at least 1e-9")
  if not (length.max() <= 1e9):
    raise core.Invalid(f"point {length.argmax()} has length {length.max():.3g}, expected at most 1e9")
  points /= length[:, None]
  points /= np.linalg.norm(points, axis=1)[:, None]  # lengths of 1e-9 lose digits in the first division
  rows, columns = np.triu_indices(n, 1)
  # The angle by its half sine and half cosine: exact to rounding from 0 to 180 degrees.
  half_sine = np.linalg.norm(points[rows] - points[columns], axis=1)
  half_cosine = np.linalg.norm(points[rows] + points[columns], axis=1)
  angle = np.degrees(2 * np.arctan2(half_sine, half_cosine))
  near = int(angle.argmin())
  metrics = {"touching_pairs": int((angle <= angle[near] + 0.01).sum()), "mean_nearest": mean_nearest(angle, n)}
  return core.Score(float(angle[near]) * (1 - checks.MARGIN), metrics,
                    {"nearest": f"points {rows[near]} and {columns[near]}"}, construction=points)


def mean_nearest(angle: np.ndarray, n: int) -> float:
  """Mean over points of the angle to the nearest other one, from the angles [n (n - 1) / 2] of all pairs."""
  table = np.full((n, n), np.inf)
  table[np.triu_indices(n, 1)] = angle
  return float(np.minimum(table, table.T).min(axis=0).mean())


TASKS = [
    core.Task(
        name=f"tammes_{n}", family="tammes", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
