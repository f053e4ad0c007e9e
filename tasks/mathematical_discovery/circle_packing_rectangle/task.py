"""Circles in a rectangle of perimeter 4 whose shape is free, largest sum of radii. Construction shape, free of scale;
zero tolerance after shrinking."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, best known sum, source); tests/tasks/known holds the packing.
SIZES = {
    21: (1.51256536, 2.3658323759, "our own reference: sequential linear programs from perturbed packings; "
                              "published is 2.3658321334"),
}

# Overlap up to this share of the larger side is repaired by shrinking, which can only lose; more is a wrong packing.
REPAIRABLE = 1e-6

STATEMENT = """Place {n} circles without overlap so that the sum of their radii is as large as possible against the \
size of the rectangle around them. The rectangle has sides parallel to the axes and any shape.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3) whose rows are x, y and \
radius. `previous` is such an array that the parent program reached, moved and scaled to a rectangle of perimeter 4 \
with a corner at (0, 0), or None.

The evaluation takes the smallest rectangle that contains all circles and scales everything so that its perimeter is \
4. An overlap of at most 1e-6 of its longer side is repaired: all radii are multiplied by the largest factor without \
overlap. More is invalid; so are another shape, numbers that are not finite and real, coordinates above 1e6 in \
magnitude, negative radii, a rectangle with a side below 1e-3.

Score: the sum of the radii after repair and scaling, higher is better. Best known: {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return rows x, y, radius of {n} disjoint circles, scaled to a box of perimeter 4. Maximise the sum of radii."


def shrink(radii: np.ndarray, apart: np.ndarray) -> np.ndarray:
  """Radii [n] times the largest factor, at most 1, for which pairs, their sums rounded upwards, fit `apart` [n, n]."""
  factor = 1.0
  while True:
    shrunk = radii * factor
    pairs = (shrunk[:, None] + shrunk) * (1 + 2.0**-51)
    if (pairs <= apart).all():
      return shrunk
    factor *= float((apart[pairs > apart] / pairs[pairs > apart]).min()) * (1 - 2.0**-51)


def evaluate(session: core.Session, n: int) -> core.Score:
  circles = checks.array(session.call("construct", n, session.previous), (n, 3), low=-1e6, high=1e6, name="circles")
  radii = checks.array(circles[:, 2], (n,), low=0, name="radii")
  corner = (circles[:, :2] - radii[:, None]).min(axis=0)
  sides = (circles[:, :2] + radii[:, None]).max(axis=0) - corner
  if not (sides.min() >= 1e-3):
    raise core.Invalid(f"the rectangle has sides {sides[0]:.3g} and {sides[1]:.3g}, expected at least 0.001")
  scale = 2 / float(sides.sum())
  centres, radii = (circles[:, :2] - corner) * scale, radii * scale
  # The relative error of hypot of a difference of two floats is below 4 * 2**-53; twice that is taken off.
  apart = np.hypot(*(centres[:, None] - centres).T) * (1 - 2.0**-50)
  np.fill_diagonal(apart, np.inf)
  overlap = radii[:, None] + radii - apart
  i, j = sorted(map(int, np.unravel_index(overlap.argmax(), overlap.shape)))
  if not (overlap[i, j] <= REPAIRABLE * float(sides.max()) * scale):
    raise core.Invalid(f"circles {i} and {j} overlap by {overlap[i, j]:.2g} in a rectangle of perimeter 4")
  radii = shrink(radii, apart)
  # Of shrunk circles the smallest rectangle is no larger; the rounding of its corner is relative to the coordinates.
  lost = checks.MARGIN * (1 + float(np.abs(circles[:, :2]).max()) * scale)
  value = math.fsum(radii) * (1 - lost)
  metrics = {"smallest_radius": float(radii.min()), "largest_radius": float(radii.max()),
             "side_ratio": float(sides.min() / sides.max())}
  return core.Score(value, metrics, construction=np.column_stack([centres, radii]))


TASKS = [
    core.Task(
        name=f"circle_packing_rectangle_{n}", family="circle_packing_rectangle", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
