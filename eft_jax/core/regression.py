"""Symbolic regression: the candidate gives the form of a law, the trusted side fits its constants and measures it.

A candidate is `model(*inputs, params)`, elementwise in inputs [N] with params [CONSTANTS, P, 1]: one call returns the
predictions [P, N] of P sets of constants, so that a fit from several starts with all its slopes takes some 30 calls.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from eft_jax.core import checks
from eft_jax.core.score import Invalid, Score

IS_EVALUATION = True  # the version of a task that uses this module changes with it
CONSTANTS = 8
GRID = np.arange(2, 9) / 4  # every constant begins once at each of these
POINTS = {"search": 100, "full": 1000}  # per data set: fitting, in distribution, out of distribution
FLOOR = 1e-5  # of the error: what is more exact is the right form
BEST = -math.log10(FLOOR)  # the value of an exact form
CEILING = 10.0  # of the error: what is worse is just wrong
SPREAD = 0.08  # hidden constants are drawn within this of their centre
ROUNDS = 30

RULES = """params has shape ({k}, P, 1): params[0] to params[{last}] are free constants, and a plain formula such as \
`params[0] * {first}` has shape (P, N). Use elementwise operations only. The evaluation fits the constants by least \
squares (from several starts between 0.5 and 2); the program never sees the values.

Invalid: a shape that does not broadcast to (P, N); at the fitted constants, a number that is not finite and real.

Score: the mean of -log10(error + 1e-5) over two hidden tests, where error is mean squared error over variance, at \
most 10: one at inputs drawn like those of the fit, one outside of their range. Higher is better; the exact form has 5.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""


def rules(first: str) -> str:
  """The part of a statement that all families share; `first` is an input to show."""
  return RULES.format(k=CONSTANTS, last=CONSTANTS - 1, first=first)


@dataclasses.dataclass(frozen=True)
class Law:
  """A hidden law.

  Attributes:
    form: values [N] from inputs [N] each and constants.
    centres: of the hidden constants.
    inside, outside: (low, high) per input, of the box that the fit sees, and of the one around it.
    baseline: mean value of the seed program over draws.
  """

  form: Callable[..., np.ndarray]
  centres: tuple[float, ...]
  inside: tuple[tuple[float, float], ...]
  outside: tuple[tuple[float, float], ...]
  baseline: float


def data(law: Law, seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Rows (inputs, value) [count, inputs + 1] for fitting, in distribution and out of distribution.

  Inputs are independent draws; those out of distribution lie in the outer box and not in the inner one.
  """
  rng = np.random.default_rng(seed)
  constants = np.array(law.centres) * rng.uniform(1 - SPREAD, 1 + SPREAD, len(law.centres))
  (low, high), (low2, high2) = np.transpose(law.inside), np.transpose(law.outside)
  near = rng.uniform(low, high, (2 * count, len(low)))
  far = rng.uniform(low2, high2, (32 * count, len(low)))
  far = far[((far < low) | (far > high)).any(axis=1)][:count]
  sets = near[:count], near[count:], far
  return tuple(np.column_stack([rows, law.form(*rows.T, constants)]) for rows in sets)


@functools.lru_cache(maxsize=1)
def starts() -> np.ndarray:
  """[len(GRID) + 1, CONSTANTS]: all ones, then a grid in an order of its own for each constant."""
  rng = np.random.default_rng(0)
  table = np.vstack([np.ones(CONSTANTS), np.stack([rng.permutation(GRID) for _ in range(CONSTANTS)], axis=1)])
  table.setflags(write=False)
  return table


def predict(session, params: np.ndarray, inputs: Sequence[np.ndarray]) -> np.ndarray:
  """The candidate's values [P, N] for params [P, CONSTANTS] at inputs [N] each; entries may not be finite."""
  result = session.call("model", *(column.copy() for column in inputs), params.T[:, :, None].copy())
  expected = (len(params), len(inputs[0]))
  shape = result.shape if type(result) is np.ndarray else ()
  try:
    fits = np.broadcast_shapes(shape, expected) == expected
  except ValueError:
    fits = False
  if not fits:
    raise Invalid(f"model returned shape {shape}, expected (P, N) = {expected} or one that broadcasts to it")
  return np.broadcast_to(checks.array(result, shape, name="model", finite=False), expected)


def fit(session, rows: np.ndarray) -> np.ndarray:
  """Constants [CONSTANTS] of the least squares fit to rows [N, inputs + 1], the best over all starts."""
  return fit_all(session, rows.T[:-1].copy(), rows[None, :, -1])[0]


def fit_all(session, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
  """Constants [F, CONSTANTS] of F fits at the same inputs [inputs, N], to targets [F, N].

  Levenberg-Marquardt from all starts of all fits in step, with the slopes from forward differences in the same call.
  The damping is scaled by the largest curvature seen, as in MINPACK.
  """
  fits = len(targets)
  params = np.tile(starts(), (fits, 1))
  wanted = np.repeat(targets, len(starts()), axis=0)
  residuals, slopes, cost = _linearise(session, params, inputs, wanted)
  damping, scale = np.full(len(params), 1e-2), np.full(params.shape, 1e-12)
  exact = 1e-3 * FLOOR * targets.var(axis=1) * targets.shape[1]
  quiet = 0
  for _ in range(ROUNDS):
    normal = slopes.transpose(0, 2, 1) @ slopes
    scale = np.maximum(scale, np.diagonal(normal, axis1=1, axis2=2))
    pull = slopes.transpose(0, 2, 1) @ residuals[:, :, None]
    system = normal + (damping[:, None] * scale)[:, :, None] * np.eye(params.shape[1])
    step = np.clip(np.nan_to_num(np.linalg.solve(system, pull)[:, :, 0]), -1e6, 1e6)
    new = _linearise(session, params - step, inputs, wanted)
    better = new[2] < cost
    gain = np.where(better, cost - new[2], 0).reshape(fits, -1).max(axis=1)
    quiet = 0 if (gain > 1e-4 * cost.reshape(fits, -1).min(axis=1)).any() else quiet + 1
    params = np.where(better[:, None], params - step, params)
    residuals = np.where(better[:, None], new[0], residuals)
    slopes = np.where(better[:, None, None], new[1], slopes)
    cost = np.where(better, new[2], cost)
    damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e9)
    if quiet > 4 or (cost.reshape(fits, -1).min(axis=1) < exact).all():
      break
  best = cost.reshape(fits, -1).argmin(axis=1)
  return params.reshape(fits, -1, params.shape[1])[np.arange(fits), best]


def _linearise(session, params: np.ndarray, inputs: np.ndarray, targets: np.ndarray):
  """Residuals [S, N], slopes [S, N, CONSTANTS] and costs [S] at params [S, CONSTANTS], from one call."""
  count, width = params.shape
  steps = 1e-6 * np.maximum(1, np.abs(params))
  moved = params[:, None] + np.concatenate([np.zeros((count, 1, width)), steps[:, None] * np.eye(width)], axis=1)
  values = predict(session, moved.reshape(-1, width), inputs).reshape(count, width + 1, -1)
  with np.errstate(all="ignore"):
    slopes = (values[:, 1:] - values[:, :1]).transpose(0, 2, 1) / steps[:, None]
    residuals = np.clip(np.nan_to_num(values[:, 0] - targets, nan=1e9), -1e9, 1e9)
  slopes = np.where(np.abs(slopes) < 1e9, slopes, 0)  # NaN becomes 0 as well
  return residuals, slopes, (residuals**2).sum(axis=1)


def error(session, params: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> float:
  """Mean squared error over variance at rows [N, inputs + 1], at most CEILING."""
  values = predict(session, params[None], rows.T[:-1])[0]
  bad = np.flatnonzero(~np.isfinite(values))
  if len(bad):
    place = ", ".join(f"{name} = {x:.3g}" for name, x in zip(names, rows[bad[0]], strict=False))
    raise Invalid(f"model is {values[bad[0]]} at {place} with the fitted constants")
  with np.errstate(over="ignore"):
    ratio = float(((values - rows[:, -1]) ** 2).mean() / rows[:, -1].var())
  return min(ratio, CEILING)  # infinity as well


def evaluate(session, law: Law, label: str, names: Sequence[str]) -> Score:
  """Fits and measures the candidate; `names` are its inputs."""
  fitting, inside, outside = data(law, session.seeds(label, 1)[0], POINTS[session.fidelity])
  params = fit(session, fitting)
  values = [-math.log10(error(session, params, rows, names) + FLOOR) for rows in (inside, outside)]
  return Score(
      sum(values) / 2, {"in_distribution": values[0], "out_of_distribution": values[1]},
      {"constants": "fitted constants: " + ", ".join(f"{p:.4g}" for p in params)}, instances=tuple(values))
