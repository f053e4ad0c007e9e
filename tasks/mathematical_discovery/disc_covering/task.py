"""Covering the unit disc by n equal discs of least radius. Construction shape; the point covered worst is found exactly
among finitely many."""

import functools
import itertools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, least known radius, source).
SIZES = {
    5: (1.06192476, 0.60938286417, "Neville 1915, 0.6093828640; tests/tasks/known holds the discs"),
    7: (0.825634219, 0.5, "optimal: a disc in the middle and six around it"),
    8: (0.807837339, 1 / (1 + 2 * math.cos(2 * math.pi / 7)),
        "1 / (1 + 2 cos(2 pi / 7)), optimal by G. Fejes Toth 2005"),
}

STATEMENT = """Cover the unit disc (centre 0, radius 1) with {n} equal discs whose radius is as small as possible.

Write `construct(n, previous=None)` with n = {n}. Return the centres of the discs as an array or list of shape (n, 2); \
the evaluation finds the least radius with which they cover. `previous` is such an array that the parent program \
reached, or None.

Invalid: another shape, numbers that are not finite and real, coordinates above 10 in magnitude.

Score: the least radius, which is the distance from the worst-covered point of the unit disc to its nearest centre; \
lower is better. Best known: {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} centres, shape (n, 2). Minimise the radius with which discs around them cover the unit disc."


def candidates(centres: np.ndarray) -> np.ndarray:
  """Points [m, 2] of the unit disc among which the one farthest from its nearest centre is.

  The distance to the nearest centre is convex between bisectors, so it is largest at a vertex: where three centres are
  equally far, where the bisector of two meets the unit circle, or where the circle itself is farthest from one centre.
  """
  n, points = len(centres), []
  with np.errstate(all="ignore"):
    a, b, c = centres[np.array(list(itertools.combinations(range(n), 3))).T]
    points.append(a + circumcentre(b - a, c - a))
    a, b = centres[np.array(list(itertools.combinations(range(n), 2))).T]
    along, middle = (b - a) / np.linalg.norm(b - a, axis=1)[:, None], (a + b) / 2
    foot = (middle * along).sum(axis=1)  # distance of the bisector from 0, along its normal
    half = np.sqrt(1 - foot**2)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    points += [foot[:, None] * along + sign * half[:, None] * across for sign in (-1, 1)]
    points.append(-centres / np.linalg.norm(centres, axis=1)[:, None])
    points.append(np.array([[1.0, 0.0]]))  # for a single centre at 0, as good as any
    points = np.concatenate(points)
    return points[np.linalg.norm(points, axis=1) <= 1 + 1e-12]  # drops NaN, too


def circumcentre(u: np.ndarray, v: np.ndarray) -> np.ndarray:
  """Centres [m, 2] of the circles through 0, u and v."""
  double = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
  uu, vv = (u**2).sum(axis=1), (v**2).sum(axis=1)
  return np.column_stack([v[:, 1] * uu - u[:, 1] * vv, u[:, 0] * vv - v[:, 0] * uu]) / double[:, None]


def sampled(centres: np.ndarray) -> float:
  """The same radius from below, by polar samples of the disc alone: a second way that shares no geometry."""
  radius, angle = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 2 * np.pi, 120), indexing="ij")
  points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(-1, 2)
  return float(np.linalg.norm(points[:, None] - centres, axis=2).min(axis=1).max())


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  centres = checks.array(result, (n, 2), low=-10, high=10, name="centres")
  points = candidates(centres)
  gap = np.linalg.norm(points[:, None] - centres, axis=2).min(axis=1)
  worst = int(gap.argmax())
  value = max(float(gap[worst]), sampled(centres)) * (1 + checks.MARGIN)
  x, y = points[worst].tolist()
  metrics = {"worst_x": x, "worst_y": y, "worst_from_centre": math.hypot(x, y),
             "equally_bad": int((gap >= gap[worst] - 1e-3).sum())}
  return core.Score(value, metrics, {"worst": f"the point ({x:.4f}, {y:.4f}) is {value:.4f} from its nearest centre"},
                    construction=centres)


TASKS = [
    core.Task(
        name=f"disc_covering_{n}", family="disc_covering", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
