"""Spherical designs: points whose mean of every polynomial up to a degree is the sphere's. Construction shape."""

import functools
import pathlib

import numpy as np
from numpy.polynomial import legendre

from eft_jax import core
from eft_jax.core import checks

FLOOR = 1e-7  # of the value: below it, differences are rounding

# N: (degree t, value of the seed program, least known value, source).
SIZES = {
    12: (5, 0.435800722, FLOOR, "0: the icosahedron is a 5-design"),
    14: (5, 0.394388669, 0.0363696483726, "our own reference: quasi-Newton descent from random starts"),
    24: (7, 0.356611252, FLOOR, "0: a 7-design exists (McLaren 1963)"),
}

STATEMENT = """Place {n} points on the unit sphere so that they are as near as possible to a spherical {t}-design: for \
every polynomial of degree at most {t}, its mean over the points should be its mean over the sphere.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3). Each point is scaled to \
length 1 by the evaluation, so only its direction counts. `previous` is the (n, 3) array of unit vectors that the \
parent program reached, or None.

Invalid: another shape, a number that is not finite and real, a point of length below 1e-9 or above 1e9.

Score: the square root of R + 1e-14, where R is the sum over the degrees l = 1 to {t} of the mean over all {n} * {n} \
pairs of points u, v of P_l(u . v), with P_l the Legendre polynomial; lower is better. R is never negative, and 0 for \
a design. {record}

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return {n} points of the sphere, shape (n, 3). "
         "Minimise their distance from a spherical {t}-design (Legendre sums of pairs).")


def evaluate(session: core.Session, n: int, t: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (n, 3), low=-1e9, high=1e9, name="points")
  length = np.linalg.norm(points, axis=1)
  if not (length.min() >= 1e-9):
    raise core.Invalid(f"point {length.argmin()} has length {length.min():.3g}, expected at least 1e-9")
  if not (length.max() <= 1e9):
    raise core.Invalid(f"point {length.argmax()} has length {length.max():.3g}, expected at most 1e9")
  points /= length[:, None]
  points /= np.linalg.norm(points, axis=1)[:, None]  # lengths of 1e-9 lose digits in the first division
  parts = [float(part.mean()) for part in legendre.legvander(np.clip(points @ points.T, -1, 1), t).T[1:]]
  # Each part is a sum of squares; rounding may leave it below 0 by 1e-16.
  value = (sum(max(part, 0.0) for part in parts) + FLOOR**2) ** 0.5 * (1 + checks.MARGIN)
  metrics = {f"degree_{degree}": max(part, 0.0) ** 0.5 for degree, part in enumerate(parts, 1)}
  return core.Score(value, metrics, construction=points)


def task(n: int, t: int, baseline: float, best: float, source: str) -> core.Task:
  record = "A design exists." if best == FLOOR else f"Best known: {best:.8f}."
  return core.Task(
      name=f"spherical_design_{n}", family="spherical_design", domain="mathematical_discovery",
      statement=STATEMENT.format(n=n, t=t, record=record), brief=BRIEF.format(n=n, t=t),
      seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
      baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
      evaluate=functools.partial(evaluate, n=n, t=t))


TASKS = [task(n, *row) for n, row in SIZES.items()]
