"""Thomson problem: N unit charges on the unit sphere, least Coulomb energy. Construction shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# N: (value of the seed program, least known energy). The energies are from Wales and Ulker's table (Cambridge Cluster
# Database, 2006); digits beyond the table's nine are those of our own optimisation, re-scored in the tests.
SIZES = {
    8: (22.217773, 19.675287861233), 12: (50.994421, 49.165253057629), 20: (153.617417, 150.881568333756),
    24: (225.291193, 223.347074051805),
}

STATEMENT = """Place {n} unit charges on the unit sphere in three dimensions so that their Coulomb energy, the sum of \
1/distance over all pairs, is as small as possible.

Write `construct(n, previous=None)` with n = {n}. Return n points as an array or list of shape (n, 3). Each point is \
scaled to length 1 by the evaluation before the energy is computed, so only its direction counts. `previous` is the \
(n, 3) array of unit vectors that the parent program reached, or None.

Invalid: another shape, a number that is not finite and real, a point of length below 1e-9 or above 1e9, two points \
nearer than 1e-6.

Score: the energy, lower is better. Least known: {best:.9f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} points, shape (n, 3); each is scaled to the unit sphere. Minimise the sum of 1/distance over pairs."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (n, 3), low=-1e9, high=1e9, name="points")
  length = np.linalg.norm(points, axis=1)
  if not (length.min() >= 1e-9):
    raise core.Invalid(f"point {length.argmin()} has length {length.min():.3g}, expected at least 1e-9")
  points /= length[:, None]
  points /= np.linalg.norm(points, axis=1)[:, None]  # lengths of 1e-9 lose digits in the first division
  rows, columns = np.triu_indices(n, 1)
  distance = np.linalg.norm(points[rows] - points[columns], axis=1)
  near = int(distance.argmin())
  if not (distance[near] >= 1e-6):
    raise core.Invalid(f"points {rows[near]} and {columns[near]} are {distance[near]:.3g} apart, expected at least "
                       "1e-6")
  energy = float((1 / distance).sum()) * (1 + checks.MARGIN)
  return core.Score(energy, {"nearest": float(distance[near])}, construction=points)


TASKS = [
    core.Task(
        name=f"thomson_energy_{n}", family="thomson_energy", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source="Wales and Ulker 2006, optimised again to 14 digits",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
