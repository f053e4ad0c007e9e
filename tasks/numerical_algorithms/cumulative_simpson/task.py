"""Running integrals by Simpson's rule, as fast as possible. Solver shape, timed.

After AlgoTune's cumulative_simpson tasks, with inputs of our own.
"""

import functools
import pathlib

import numpy as np
from scipy import integrate

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (40, 301), "full": (100, 1001)}  # rows, samples per row
ROUNDS = {"search": 17, "full": 3}
TOLERANCE = 1e-9

STATEMENT = """Compute running integrals of sampled functions by Simpson's rule, faster than the reference.

Write `integrate(y, dx)` with an array of shape (rows, n), n odd, samples at distance dx. Return an array of shape \
(rows, n): entry i is the integral from sample 0 to sample i, the sum of the integrals over the steps between. The \
step from i to i+1 integrates the parabola through samples i, i+1, i+2 where i is even, dx (5 y[i] + 8 y[i+1] - \
y[i+2]) / 12, and through i-1, i, i+1 where i is odd, dx (-y[i-1] + 8 y[i] + 5 y[i+1]) / 12.

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-9 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (rows, n = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. The reference is scipy.integrate.cumulative_simpson with \
initial=0. All threads count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Running integrals of the rows of (rows, n) by Simpson's rule. Maximise the speed."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray, float]]:
  """Samples [rows, n] and their distance for each seed."""
  draws = map(np.random.default_rng, seeds)
  return [(rng.normal(size=sizes), float(rng.uniform(0.01, 0.1))) for rng in draws]


def reference(y: np.ndarray, dx: float) -> np.ndarray:
  return integrate.cumulative_simpson(y, dx=dx, initial=0)



def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("samples", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "integrate", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=20.0)


TASKS = [
    core.Task(
        name="cumulative_simpson_own", family="cumulative_simpson", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: ", ".join(map(str, sizes)) for name, sizes in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="integrate",
        direction="max", baseline=0.039, best_known=0.95, spread=0.03,
        source="our own reference: slices of even and odd steps and one running sum, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=evaluate)
]
