"""Circles in the unit square, largest sum of radii; zero tolerance after shrinking. Construction shape."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, best known sum, source). The digits beyond the published ones come from optimising the
# same packings again; tests/tasks/known holds them.
SIZES = {
    26: (1.0467304, 2.6359830849176, "ThetaEvolve and TTT-Discover 2026, 2.635983"),
    32: (1.0806877, 2.9395727712062, "TTT-Discover 2026, 2.939572"),
}

# Overlap up to this much is repaired by shrinking, which can only lose; more is a wrong packing.
REPAIRABLE = 1e-6

STATEMENT = """Place {n} circles inside the unit square, without overlap, so that the sum of their radii is as \
large as possible.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3) whose rows are x, y and \
radius. `previous` is such an array that the parent program reached, or None.

Circles may touch each other and the walls. An overlap (or a part outside the square) of at most 1e-6 is repaired: all \
radii are multiplied by the largest factor that makes the packing exactly valid. More is invalid; so are another \
shape, numbers that are not finite and real, centres outside the square, negative radii.

Score: the sum of the radii after repair, higher is better. Best known: {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return rows x, y, radius, shape (n, 3), of {n} disjoint circles in the unit square. Maximise the sum of radii."


def room(centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Distances of centres [n, 2] to each other [n, n] and to the nearest wall [n], each rounded downwards.

  The relative error of hypot of a difference of two floats is below 4 * 2**-53; twice that is taken off.
  """
  x, y = centres[:, 0], centres[:, 1]
  apart = np.hypot(x[:, None] - x, y[:, None] - y) * (1 - 2.0**-50)
  np.fill_diagonal(apart, np.inf)
  wall = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
  return apart, np.maximum(wall * (1 - 2.0**-50), 0)


def shrink(radii: np.ndarray, apart: np.ndarray, wall: np.ndarray) -> np.ndarray:
  """Radii [n] times the largest factor, at most 1, for which they fit the given room with sums rounded upwards."""
  factor = 1.0
  while True:
    shrunk = radii * factor
    pairs = (shrunk[:, None] + shrunk) * (1 + 2.0**-51)
    if (pairs <= apart).all() and (shrunk <= wall).all():
      return shrunk
    need = [1.0]
    need += [float((apart[pairs > apart] / pairs[pairs > apart]).min())] if (pairs > apart).any() else []
    need += [float((wall[shrunk > wall] / shrunk[shrunk > wall]).min())] if (shrunk > wall).any() else []
    factor *= min(need) * (1 - 2.0**-51)


def evaluate(session: core.Session, n: int) -> core.Score:
  circles = checks.array(session.call("construct", n, session.previous), (n, 3), name="circles")
  centres = checks.array(circles[:, :2], (n, 2), low=0, high=1, name="centres")
  radii = checks.array(circles[:, 2], (n,), low=0, high=0.5, name="radii")
  apart, wall = room(centres)
  overlap = radii[:, None] + radii - apart
  i, j = sorted(map(int, np.unravel_index(overlap.argmax(), overlap.shape)))
  if not (overlap[i, j] <= REPAIRABLE):
    raise core.Invalid(f"circles {i} and {j} overlap by {overlap[i, j]:.2g}")
  outside = radii - wall
  k = int(outside.argmax())
  if not (outside[k] <= REPAIRABLE):
    raise core.Invalid(f"circle {k} reaches out of the square by {outside[k]:.2g}")
  radii = shrink(radii, apart, wall)
  return core.Score(math.fsum(radii), {"smallest_radius": float(radii.min())},
                    construction=np.column_stack([centres, radii]))


TASKS = [
    core.Task(
        name=f"circle_packing_{n}", family="circle_packing", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
