"""Equal spheres in a cube, largest radius. Construction shape, free of scale: the centres decide everything."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, best known radius, source).
SIZES = {20: (0.0596373157, 0.178407199723, "our own reference: sequential linear programs from random starts")}

STATEMENT = """Place {n} equal spheres without overlap in a cube so that they are as large as possible against the \
cube.

Write `construct(n, previous=None)` with n = {n}. Return the centres as an array or list of shape (n, 3). The \
evaluation takes the largest radius for which spheres at these centres do not overlap (half the smallest distance d of \
two centres), then the smallest cube with sides parallel to the axes that contains all of them, and scales everything \
so that this is the unit cube. So position and scale do not count. `previous` is such an array that the parent program \
reached, inside the unit cube, or None.

Invalid: another shape, numbers that are not finite and real, coordinates above 1000 in magnitude, centres that all \
lie within 1e-3.

Score: the radius (d / 2) / (d + e), e the largest extent of the centres along an axis; higher is better. Best known: \
{best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return the centres of {n} equal spheres, shape (n, 3). Maximise their radius in the unit cube around them."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  centres = checks.array(result, (n, 3), low=-1000, high=1000, name="centres")
  corner = centres.min(axis=0)
  extent = float((centres.max(axis=0) - corner).max())
  if not (extent >= 1e-3):
    raise core.Invalid(f"all centres lie within {extent:.3g}, expected an extent of at least 0.001")
  rows, columns = np.triu_indices(n, 1)
  distance = np.linalg.norm(centres[rows] - centres[columns], axis=1)
  near = int(distance.argmin())
  smallest = float(distance[near])
  side = smallest + extent
  metrics = {"touching_pairs": int((distance <= 1.001 * smallest).sum()),
             "mean_distance": float(distance.mean()) / side,
             "extent_ratio": float(np.ptp(centres, axis=0).min()) / extent}
  return core.Score(smallest / 2 / side * (1 - checks.MARGIN), metrics,
                    {"nearest": f"spheres {rows[near]} and {columns[near]}"},
                    construction=(centres - corner + smallest / 2) / side)


TASKS = [
    core.Task(
        name=f"sphere_packing_cube_{n}", family="sphere_packing_cube", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
