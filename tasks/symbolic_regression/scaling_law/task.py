"""Scaling laws: a formula for loss against parameters and data, fitted to small runs and judged on large ones.

Solver shape. The candidate gives the form, the trusted side fits its constants to each family of runs; laws and noise
are ours. Measured is the error far outside of the runs that the fit sees.
"""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8
RUNS = {"search": 40, "full": 400}
NOISE = 0.002  # relative deviation of a measured loss
NAMES = ("n", "d")
BOUNDS = -1.0, 4.0  # of the value of one family of runs

STATEMENT = """Losses of trained models follow a law of model size n (millions of parameters) and data size d \
(billions of tokens). Find a formula that, fitted to small runs, predicts large ones. {words}

Write `model(n, d, params)` and return the loss. n and d are arrays of shape (N,), and params has shape ({k}, P, 1): \
params[0] to params[{last}] are free constants, and a plain formula such as `params[0] * n` has shape (P, N). Use \
elementwise operations only. For each of {instances} families of runs the evaluation fits the constants by least \
squares (from several starts between 0.5 and 2) to noisy losses of runs with n from 0.1 to 5 and d from 0.2 to 10.

Invalid: a shape that does not broadcast to (P, N); at the fitted constants, a number that is not finite and real.

Score: the mean over hidden families of -log10(relative error), the root mean square for large runs (n 20 to 200, d \
40 to 400), kept between {low} and {high}; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; one second of CPU."""

BRIEF = ("Find a formula of loss against n, d and up to 8 fitted constants params[i] that extrapolates. Maximise "
         "-log10 of the relative error.")


def additive(n, d, c):
  """Irreducible loss and two power laws (Hoffmann et al., 2022)."""
  return c[0] + c[1] * n ** -c[2] + c[3] * d ** -c[4]


def joint(n, d, c):
  """A power law of the sum (Kaplan et al., 2020)."""
  return c[0] + (c[1] * n ** (-c[2] / c[4]) + c[3] / d) ** c[4]


# name: (law, low and high of its constants, words, values of the seed program and of the law itself)
LAWS = {
    "additive": (additive, ((1.2, 2.0), (0.6, 1.2), (0.3, 0.5), (0.8, 1.4), (0.25, 0.45)),
                 "Size and data help independently of each other.", 0.555, 2.4),
    "joint": (joint, ((0.8, 1.6), (0.8, 1.6), (0.3, 0.5), (0.6, 1.2), (0.3, 0.5)),
              "What is scarce holds back what the other brings.", 0.753, 2.4),
}


@functools.lru_cache(maxsize=64)
def runs(name: str, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Rows (n, d, loss) [count, 3] of small runs with noise and of large ones without."""
  law, bounds, _, _, _ = LAWS[name]
  rng = np.random.default_rng(seed)
  constants = rng.uniform(*np.transpose(bounds))
  small = np.exp(rng.uniform(np.log([0.1, 0.2]), np.log([5, 10]), (count, 2)))
  large = np.exp(rng.uniform(np.log([20, 40]), np.log([200, 400]), (count, 2)))
  noisy = law(*small.T, constants) * (1 + NOISE * rng.normal(size=count))
  return np.column_stack([small, noisy]), np.column_stack([large, law(*large.T, constants)])


def value_of(session: core.Session, name: str, seed: int, count: int) -> float:
  """-log10 of the relative error of extrapolation, for one family of runs."""
  small, large = runs(name, seed, count)
  params = regression.fit(session, small)
  predicted = regression.predict(session, params[None], large.T[:2])[0]
  bad = np.flatnonzero(~np.isfinite(predicted))
  if len(bad):
    n, d = large[bad[0], :2]
    raise core.Invalid(f"model is {predicted[bad[0]]} at n = {n:.3g}, d = {d:.3g} with the fitted constants")
  with np.errstate(over="ignore"):
    error = float(np.sqrt(((predicted / large[:, 2] - 1) ** 2).mean()))
  return float(np.clip(-math.log10(max(error, 1e-9)), *BOUNDS)) if error < 1e9 else BOUNDS[0]


def evaluate(session: core.Session, name: str) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds(name, HIDDEN))
  values = [value_of(session, name, seed, RUNS[session.fidelity]) for seed in seeds]
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  return core.Score(hidden, {"public": public, "gap": hidden - public}, instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name=f"scaling_law_{name}_own", family="scaling_law", domain="symbolic_regression",
        statement=STATEMENT.format(words=words, k=regression.CONSTANTS, last=regression.CONSTANTS - 1,
                                   instances=len(PUBLIC_SEEDS) + HIDDEN, low=BOUNDS[0], high=BOUNDS[1]), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model", direction="max",
        baseline=baseline, spread=0.2, best_known=best, source="the hidden law itself, fitted to the same noisy runs",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=functools.partial(evaluate, name=name))
    for name, (_, _, words, baseline, best) in LAWS.items()
]
