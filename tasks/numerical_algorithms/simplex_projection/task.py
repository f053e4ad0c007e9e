"""Projection to the probability simplex, as fast as possible. Solver shape, timed.

After AlgoTune's unit_simplex_projection, with many points of our own per call.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (60, 150), "full": (500, 300)}  # points, their dimension
ROUNDS = {"search": 17, "full": 3}
TOLERANCE = 1e-7

STATEMENT = """Project points to the probability simplex, faster than the reference: for each point the nearest one, \
in the Euclidean norm, with entries that are not negative and sum to 1. It is max(y - c, 0) with the number c for \
which the sum is 1.

Write `project(points)` with an array of shape (count, n), one point per row. Return an array of the same shape.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-7 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (count, n = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. For each row the reference sorts, sums and finds c. All threads \
count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Project the rows of (count, n) to the probability simplex. Maximise the speed."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray]]:
  """Points [count, n] for each seed; their scale varies, and with it how many entries stay positive."""
  draws = map(np.random.default_rng, seeds)
  return [(rng.normal(size=sizes) * 10 ** rng.uniform(-2, 0.5, (sizes[0], 1)),) for rng in draws]


def reference(points: np.ndarray) -> np.ndarray:
  projected = []
  for point in points:
    ordered = np.sort(point)[::-1]
    cuts = (np.cumsum(ordered) - 1) / np.arange(1, len(point) + 1)
    projected.append(np.maximum(point - cuts[np.flatnonzero(ordered > cuts)[-1]], 0))
  return np.array(projected)



def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("points", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "project", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=20.0)


TASKS = [
    core.Task(
        name="simplex_projection_own", family="simplex_projection", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: ", ".join(map(str, sizes)) for name, sizes in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="project",
        direction="max", baseline=0.067, best_known=1.6, spread=0.05,
        source="our own reference: the same for all rows at once, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=evaluate)
]
