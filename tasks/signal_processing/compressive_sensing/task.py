"""Compressive sensing: sparse vectors from fewer measurements than unknowns. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 32
SIZES = {"search": (40, 100), "full": (80, 256)}  # measurements, unknowns
DENSITY = 0.2, 0.45  # non-zeros per measurement
NOISE = 0.01
CEILING = 5.0

STATEMENT = """Recover sparse vectors: y = A x + noise, where x has many more entries than y but only a few of them, \
about a fifth to almost a half of the number of measurements, are not zero. Non-zeros are Gaussian in some instances \
and +1 or -1 in others. The entries of A are Gaussian with variance 1 / M, the noise has the deviation {noise}.

Write `recover(A, y)`. It is called once with B = {instances} instances: A has shape (B, M, N) and y shape (B, M), \
with M = {search[0]} and N = {search[1]} ({full[0]} and {full[1]} at full fidelity). Return an array of shape (B, N), \
the estimates of x.

Invalid: another shape, numbers that are not finite and real.

Score: the mean over hidden instances of -log10(|estimate - x|^2 / |x|^2), kept between -1 and {best:.0f}; higher is \
better. Estimates that know where the non-zeros are have about {oracle}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Recover sparse vectors (B, N) from A (B, M, N) and y = A x + noise (B, M), M < N. Maximise -log10 of the "
         "relative squared error.")


@functools.lru_cache(maxsize=4)
def data(seeds: tuple[int, ...], rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A [B, rows, columns], y [B, rows], x [B, columns]."""
  found = []
  for seed in seeds:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)) / np.sqrt(rows)
    x = np.zeros(columns)
    count = round(rows * rng.uniform(*DENSITY))
    values = rng.normal(size=count) if rng.random() < 0.7 else rng.choice((-1.0, 1.0), count)
    x[rng.permutation(columns)[:count]] = values
    found.append((matrix, matrix @ x + NOISE * rng.normal(size=rows), x))
  result = tuple(np.stack(part) for part in zip(*found, strict=True))
  for values in result:
    values.setflags(write=False)
  return result


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("vectors", HIDDEN))
  matrix, y, x = data(seeds, *SIZES[session.fidelity])
  estimate = checks.array(session.call("recover", matrix.copy(), y.copy()), x.shape, name="recover")
  with np.errstate(over="ignore"):
    error = ((estimate - x) ** 2).sum(axis=1) / (x**2).sum(axis=1)
  values = -np.log10(np.clip(error, 10**-CEILING, 10.0))
  shown = values[:len(PUBLIC_SEEDS)]
  public, hidden = float(shown.mean()), float(values[len(PUBLIC_SEEDS):].mean())
  return core.Score(hidden, {"public": public, "gap": hidden - public, "recovered": float((error < 0.01).mean())},
                    instances=tuple(shown.tolist()))


TASKS = [
    core.Task(
        name="compressive_sensing_own", family="compressive_sensing", domain="signal_processing",
        statement=STATEMENT.format(**SIZES, instances=len(PUBLIC_SEEDS) + HIDDEN, noise=NOISE, best=CEILING,
                                   oracle=3.8),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="recover", direction="max",
        baseline=0.35, spread=0.1, best_known=3.81, source="bound: least squares on the true places, mean over draws",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
