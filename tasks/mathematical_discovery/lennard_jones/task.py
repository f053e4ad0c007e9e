"""Lennard-Jones clusters: N atoms of least pair energy. Construction shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# N: (value of the seed program, least known energy). The energies are those of the Cambridge Cluster Database (Hoare
# and Pal 1971; Northby 1987) with digits beyond its six from our own minimisation of the same clusters, which
# tests/tasks/known holds.
SIZES = {
    8: (-7.12128052, -19.821489192155), 13: (-15.1542759, -44.326801419534), 19: (-30.0360349, -72.659782454392),
    26: (-44.8830008, -108.315616231728),
}

STATEMENT = """Place {n} atoms in space so that their energy is as low as possible. Two atoms at distance r have the \
energy 4 (r^-12 - r^-6), lowest (-1) at r = 2^(1/6); the energy of the cluster is the sum over all pairs.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape (n, 3). `previous` is the (n, 3) \
array that the parent program reached, moved to centre 0, or None.

Invalid: another shape, a number that is not finite and real, a coordinate above 1000 in magnitude, two atoms nearer \
than 0.1.

Score: the energy, lower is better. Lowest known: {best:.6f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return positions of {n} atoms, shape (n, 3). Minimise the sum of 4 (r^-12 - r^-6) over pairs at distance r."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (n, 3), low=-1000, high=1000, name="positions")
  rows, columns = np.triu_indices(n, 1)
  square = ((points[rows] - points[columns]) ** 2).sum(axis=1)
  near = int(square.argmin())
  if not (square[near] >= 0.01):
    raise core.Invalid(f"atoms {rows[near]} and {columns[near]} are {square[near] ** 0.5:.3g} apart, expected at least "
                       "0.1")
  sixth = square**-3.0
  repulsion, attraction = 4 * float((sixth**2).sum()), 4 * float(sixth.sum())
  # The rounding of each sum is relative to that sum, not to the difference.
  energy = repulsion - attraction + (repulsion + attraction) * checks.MARGIN
  metrics = {"nearest": float(square[near] ** 0.5), "bonds": int((square <= 1.25**2).sum())}
  return core.Score(energy, metrics, construction=points - points.mean(axis=0))


TASKS = [
    core.Task(
        name=f"lennard_jones_{n}", family="lennard_jones", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source="Cambridge Cluster Database (Hoare and Pal 1971; Northby 1987)",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
