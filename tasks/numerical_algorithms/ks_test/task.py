"""The two-sample Kolmogorov-Smirnov statistic, as fast as possible. Solver shape, timed.

After AlgoTune's ks_test_2samp, with many pairs of samples of our own per call and without the p-value.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (12, 300, 200), "full": (20, 800, 600)}  # pairs, sizes of the two samples
ROUNDS = {"search": 17, "full": 3}
TOLERANCE = 1e-9

STATEMENT = """Compare pairs of samples by the Kolmogorov-Smirnov statistic, faster than the reference: the largest \
difference between the two empirical distribution functions, where the one of a sample at x is the share of its \
values that are at most x.

Write `statistic(first, second)` with arrays of shape (pairs, n) and (pairs, m). Values are rounded, so that many are \
equal. Return an array of shape (pairs,).

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-9.

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (pairs, n, m = {search}; \
{full} at full fidelity), in steps of 5 %; higher is better. For each pair the reference sorts both samples and calls \
numpy.searchsorted with all values, as scipy.stats.ks_2samp does. All threads count, as does what a call costs before \
and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Kolmogorov-Smirnov statistics of pairs of samples (pairs, n), (pairs, m). Maximise the speed."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
  """Two arrays of samples for each seed, shifted by different amounts."""
  pairs, n, m = sizes
  draws = map(np.random.default_rng, seeds)
  shifted = lambda rng, size: rng.normal(size=(pairs, size)) + rng.uniform(0, 0.5, (pairs, 1))
  return [(shifted(rng, n).round(2), shifted(rng, m).round(2)) for rng in draws]


def reference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  found = []
  for a, b in zip(np.sort(first, axis=1), np.sort(second, axis=1), strict=True):
    both = np.concatenate([a, b])
    shares = [np.searchsorted(sample, both, side="right") / len(sample) for sample in (a, b)]
    found.append(np.abs(shares[0] - shares[1]).max())
  return np.array(found)



def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("samples", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "statistic", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=20.0)


TASKS = [
    core.Task(
        name="ks_test_own", family="ks_test", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: ", ".join(map(str, sizes)) for name, sizes in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="statistic",
        direction="max", baseline=0.03, best_known=0.55, spread=0.03,
        source="our own reference: one merged sort of all pairs, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=evaluate)
]
