"""Scaling laws: a formula for loss against parameters and data, fitted to small runs and judged on large ones.

Solver shape. The candidate gives the form, the trusted side fits its constants to each family of runs; laws and noise
are ours. Measured is the error far outside of the runs that the fit sees.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8
RUNS = {"search": 40, "full": 400}
NOISE = 0.002  # relative deviation of a measured loss
SMALL = (0.1, 0.2), (5, 10)  # least and largest (n, d)
LARGE = (20, 40), (200, 400)
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
                 "Size and data help independently of each other.", 0.54, 2.55),
    "joint": (joint, ((0.8, 1.6), (0.8, 1.6), (0.3, 0.5), (0.6, 1.2), (0.3, 0.5)),
              "What is scarce holds back what the other brings.", 0.645, 2.53),
}


@functools.lru_cache(maxsize=4)
def places(count: int) -> tuple[np.ndarray, np.ndarray]:
  """(n, d) [2, count] of small runs and of large ones, the same for all families of runs."""
  rng = np.random.default_rng(0)
  found = [np.exp(rng.uniform(np.log(low), np.log(high), (count, 2))).T.copy() for low, high in (SMALL, LARGE)]
  for values in found:
    values.setflags(write=False)
  return found[0], found[1]


@functools.lru_cache(maxsize=64)
def runs(name: str, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Losses [count] of small runs with noise and of large ones without."""
  law, bounds, _, _, _ = LAWS[name]
  rng = np.random.default_rng(seed)
  constants = rng.uniform(*np.transpose(bounds))
  small, large = (law(*where, constants) for where in places(count))
  return small * (1 + NOISE * rng.normal(size=count)), large


def values_of(session: core.Session, name: str, seeds: tuple[int, ...], count: int) -> list[float]:
  """-log10 of the relative error of extrapolation, for each family of runs."""
  small, large = places(count)
  measured, wanted = (np.stack(part) for part in zip(*(runs(name, seed, count) for seed in seeds), strict=True))
  params = regression.fit_all(session, small, measured)
  predicted = regression.predict(session, params, large)
  bad = np.argwhere(~np.isfinite(predicted))
  if len(bad):
    n, d = large[:, bad[0, 1]]
    raise core.Invalid(f"model is {predicted[tuple(bad[0])]} at n = {n:.3g}, d = {d:.3g} with the fitted constants")
  with np.errstate(over="ignore"):
    error = np.sqrt(((predicted / wanted - 1) ** 2).mean(axis=1))
  return np.clip(-np.log10(np.clip(error, 1e-9, 1e9)), *BOUNDS).tolist()


def evaluate(session: core.Session, name: str) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds(name, HIDDEN))
  values = values_of(session, name, seeds, RUNS[session.fidelity])
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
