"""Oscillator regression: find the form of a hidden law of motion; the trusted side fits its constants. Solver shape."""

import functools
import math
import pathlib
from collections.abc import Callable

import numpy as np
from scipy import optimize

from eft_jax import core
from eft_jax.core import checks

CONSTANTS = 8
STARTS = (1.0, 0.5, 0.75, 1.25, 1.5, 1.75, 2.0)  # the fit begins with all constants at one of these
POINTS = {"search": 100, "full": 1000}  # per data set: fitting, in distribution, out of distribution
FLOOR = 1e-9  # of the error, so that an exact form has a finite value
INSIDE, OUTSIDE = 1.5, 2.25  # |x| and |v| of the states in distribution, and out of it
SPREAD = 0.08
STEP = 1e-6  # relative, of the forward difference

Law = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

# name: (law a(x, v, t; c), centre of each hidden constant, mean value of the seed program over draws). Constants are
# drawn within SPREAD of their centre.
LAWS: dict[str, tuple[Law, tuple[float, ...], float]] = {
    "driven": (lambda x, v, t, c: c[0] * np.sin(c[1] * t) - c[2] * v - c[3] * x**3 - c[4] * x * v,
               (0.9, 1.3, 0.3, 0.8, 0.5), 0.324),
    "exponential": (lambda x, v, t, c: c[0] * (1 - x * x) * v - c[1] * (np.exp(c[2] * x) - 1),
                    (0.8, 1.2, 0.7), 0.375),
    "duffing": (lambda x, v, t, c: c[0] * np.cos(c[1] * t) - c[2] * x - c[3] * x**3 - c[4] * v**3,
                (1.5, 1.2, 0.3, 1.0, 0.3), 0.388),
}

STATEMENT = """A point moves on a line under an unknown law: its acceleration is a function of position x, velocity v \
and time t. Find the form of that function.

Write `model(x, v, t, params)` and return the acceleration. x, v and t are arrays of shape (N,), independent random \
states; params has shape ({k}, P, 1), so that params[0] to params[{last}] are free constants and a plain formula such \
as `params[0] * x` returns shape (P, N). Use only elementwise operations. The evaluation fits the constants by least \
squares (from all constants equal to 0.5, 0.75, ... or 2, and keeps the best); the program never sees accelerations.

Invalid: a shape that does not broadcast to (P, N); at the fitted constants, a number that is not finite and real.

Score: the mean of -log10(error + 1e-9) over two hidden tests, where error is the mean squared error over the \
variance: one at states drawn like those of the fit, one at later times with larger x or v. Higher is better; an exact \
form has 9.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Find a formula for the acceleration of an oscillator from x, v, t and up to {k} fitted constants params[i]. "
         "Maximise -log10 of the prediction error.")


@functools.lru_cache(maxsize=8)
def data(name: str, seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Rows (x, v, t, acceleration) [count, 4] for fitting, in distribution and out of distribution.

  States are independent draws and no trajectories, from which a program could read accelerations as differences of v.
  """
  law, centres, _ = LAWS[name]
  rng = np.random.default_rng(seed)
  constants = np.array(centres) * rng.uniform(1 - SPREAD, 1 + SPREAD, len(centres))
  states = rng.uniform((-INSIDE, -INSIDE, 0), (INSIDE, INSIDE, 20), (2 * count, 3))
  far = rng.uniform((-OUTSIDE, -OUTSIDE, 20), (OUTSIDE, OUTSIDE, 30), (16 * count, 3))
  far = far[np.abs(far[:, :2]).max(axis=1) > INSIDE][:count]
  sets = states[:count], states[count:], far
  return tuple(np.column_stack([rows, law(*rows.T, constants)]) for rows in sets)


def predict(session: core.Session, params: np.ndarray, rows: np.ndarray) -> np.ndarray:
  """The candidate's accelerations [P, N] for params [P, constants] at rows [N, 4]; entries may not be finite."""
  x, v, t, _ = rows.T.copy()
  result = session.call("model", x, v, t, params.T[:, :, None].copy())
  expected = (len(params), len(rows))
  shape = result.shape if type(result) is np.ndarray else ()
  try:
    fits = np.broadcast_shapes(shape, expected) == expected
  except ValueError:
    fits = False
  if not fits:
    raise core.Invalid(f"model returned shape {shape}, expected (P, N) = {expected} or one that broadcasts to it")
  return np.broadcast_to(checks.array(result, shape, name="model", finite=False), expected)


def fit(session: core.Session, rows: np.ndarray) -> np.ndarray:
  """Constants [constants] of the least squares fit to rows [N, 4], the best over STARTS."""
  latest = {"params": np.empty(0), "slopes": np.empty(0)}

  def residuals(params: np.ndarray) -> np.ndarray:
    """[N]; the Jacobian comes with the same call of the candidate."""
    steps = STEP * np.maximum(1, np.abs(params))
    values = predict(session, np.vstack([params, params + np.diag(steps)]), rows)
    with np.errstate(all="ignore"):
      slopes = (values[1:] - values[0]).T / steps
    latest.update(params=params.copy(), slopes=np.where(np.isfinite(slopes), slopes, 0))
    return np.clip(np.nan_to_num(values[0] - rows[:, 3], nan=1e9), -1e9, 1e9)

  def jacobian(params: np.ndarray) -> np.ndarray:
    """[N, constants]"""
    if not np.array_equal(params, latest["params"]):
      residuals(params)
    return latest["slopes"]

  fits = [optimize.least_squares(residuals, np.full(CONSTANTS, start), jac=jacobian, method="lm", max_nfev=30)
          for start in STARTS]
  return min(fits, key=lambda fit: fit.cost).x


def error(session: core.Session, params: np.ndarray, rows: np.ndarray) -> float:
  """Mean squared error over variance at rows [N, 4]."""
  values = predict(session, params[None], rows)[0]
  bad = np.flatnonzero(~np.isfinite(values))
  if len(bad):
    x, v, t, _ = rows[bad[0]]
    raise core.Invalid(f"model is {values[bad[0]]} at x = {x:.3g}, v = {v:.3g}, t = {t:.3g} with the fitted constants")
  with np.errstate(over="ignore"):
    ratio = float(((values - rows[:, 3]) ** 2).mean() / rows[:, 3].var())
  if not math.isfinite(ratio):
    raise core.Invalid(f"model reaches {abs(values).max():.3g} with the fitted constants, which is too large to square")
  return ratio


def evaluate(session: core.Session, name: str) -> core.Score:
  fitting, inside, outside = data(name, session.seeds(name, 1)[0], POINTS[session.fidelity])
  params = fit(session, fitting)
  errors = error(session, params, inside), error(session, params, outside)
  values = [-math.log10(e + FLOOR) for e in errors]
  return core.Score(
      sum(values) / 2, {"in_distribution": values[0], "out_of_distribution": values[1]},
      {"constants": "fitted constants: " + ", ".join(f"{p:.4g}" for p in params)}, instances=tuple(values))


TASKS = [
    core.Task(
        name=f"oscillator_regression_{name}", family="oscillator_regression", domain="symbolic_regression",
        statement=STATEMENT.format(k=CONSTANTS, last=CONSTANTS - 1), brief=BRIEF.format(k=CONSTANTS),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model", direction="max", baseline=baseline,
        spread=0.2, best_known=-math.log10(FLOOR), source="the hidden law itself",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, name=name))
    for name, (_, _, baseline) in LAWS.items()
]
