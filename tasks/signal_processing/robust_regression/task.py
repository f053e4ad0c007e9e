"""Robust regression: a line through data of which a part is grossly wrong. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24
SIZES = {"search": (50, 4), "full": (400, 10)}  # points, coefficients
OUTLIERS = 0.3
CEILING = 1e4

STATEMENT = """Linear regression with outliers: y = X c + small Gaussian noise for most points, but about {part:.0%} \
of the points are wrong: their y is shifted in one common direction, or drawn around a line of its own, or their X is \
far off as well. Estimate c.

Write `fit(X, y)`. It is called once with {instances} data sets: X has shape (B, N, D) and y shape (B, N), with N = \
{search[0]} points and D = {search[1]} coefficients ({full[0]} and {full[1]} at full fidelity); the last column of X \
is 1. Return an array of shape (B, D), the estimates of c.

Invalid: another shape, numbers that are not finite and real.

Score: the mean over hidden data sets of -log10(|estimate - c|^2 / e), where e is the squared error that least \
squares on the good points alone is expected to make; the ratio is kept between 0.1 and 10,000. Higher is better; \
knowing the good points gives about 0.1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Estimate coefficients (B, D) from X (B, N, D) and y (B, N) where 30 % of the points are wrong. Maximise "
         "-log10 of the squared error.")


@functools.lru_cache(maxsize=4)
def data(seeds: tuple[int, ...], points: int, width: int) -> tuple[np.ndarray, ...]:
  """X [B, N, D], y [B, N], coefficients [B, D], which points are good [B, N], expected squared errors [B]."""
  columns = zip(*(draw(seed, points, width) for seed in seeds), strict=True)
  found = tuple(np.stack(column) for column in columns)
  for values in found:
    values.setflags(write=False)
  return found


def draw(seed: int, points: int, width: int) -> tuple[np.ndarray, ...]:
  """One data set; noise has the deviation 0.1."""
  rng = np.random.default_rng(seed)
  x = np.column_stack([rng.normal(size=(points, width - 1)), np.ones(points)])
  true, other = rng.normal(size=(2, width))
  y = x @ true + 0.1 * rng.normal(size=points)
  good = np.arange(points) >= round(OUTLIERS * points)
  count = int((~good).sum())
  kind = rng.integers(3)
  if kind == 0:
    y[~good] += rng.choice((-1, 1)) * rng.uniform(0.5, 6, count)
  else:
    if kind == 2:
      x[~good, :-1] = 4 * rng.normal(size=width - 1) + 0.5 * rng.normal(size=(count, width - 1))
    y[~good] = x[~good] @ other + 0.3 * rng.normal(size=count)
  order = rng.permutation(points)
  x, y, good = x[order], y[order], good[order]
  expected = 0.01 * np.trace(np.linalg.inv(x[good].T @ x[good]))
  return x, y, true, good, np.array(expected)


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("data", HIDDEN))
  x, y, true, _, expected = data(seeds, *SIZES[session.fidelity])
  estimate = checks.array(session.call("fit", x.copy(), y.copy()), true.shape, name="fit")
  with np.errstate(over="ignore"):
    ratio = ((estimate - true) ** 2).sum(axis=1) / expected
  values = -np.log10(np.clip(ratio, 0.1, CEILING))
  shown = values[:len(PUBLIC_SEEDS)]
  public, hidden = float(shown.mean()), float(values[len(PUBLIC_SEEDS):].mean())
  return core.Score(hidden, {"public": public, "gap": hidden - public, "broken_fits": int((ratio > 100).sum())},
                    instances=tuple(shown.tolist()))


TASKS = [
    core.Task(
        name="robust_regression_own", family="robust_regression", domain="signal_processing",
        statement=STATEMENT.format(**SIZES, part=OUTLIERS, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="fit", direction="max",
        baseline=-2.65, spread=0.25, best_known=0.12, source="bound: least squares on the good points, mean over draws",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
