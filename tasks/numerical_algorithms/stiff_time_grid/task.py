"""Time grids for stiff differential equations: where n implicit steps should be taken. Construction shape.

After AlgoTune's stiff systems (van der Pol, FitzHugh-Nagumo), with counted steps in the place of seconds. The trusted
side takes one linearly implicit Euler step from each time to the next.
"""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable

import numpy as np
from scipy import integrate

from eft_jax import core
from eft_jax.core import checks

POINTS = 200


@dataclasses.dataclass(frozen=True)
class System:
  """y' = f(y) with its Jacobian, from `start` to time `end` in n steps."""

  text: str
  slope: Callable[[np.ndarray], np.ndarray]
  jacobian: Callable[[np.ndarray], np.ndarray]
  start: tuple[float, ...]
  end: float
  n: int
  baseline: float
  best: float

  @property
  def times(self) -> np.ndarray:
    """The POINTS times of comparison."""
    return np.linspace(0, self.end, POINTS + 1)[1:]


SYSTEMS = {
    "van_der_pol": System(
        "van der Pol's oscillator: u' = v, v' = 5 (1 - u^2) v - u, from u = 2, v = 0",
        lambda y: np.array([y[1], 5 * (1 - y[0] ** 2) * y[1] - y[0]]),
        lambda y: np.array([[0, 1], [-10 * y[0] * y[1] - 1, 5 * (1 - y[0] ** 2)]]),
        (2.0, 0.0), 7.0, 80, -0.6706268419, 1.21352095),
    "fitzhugh_nagumo": System(
        "the FitzHugh-Nagumo model: u' = 20 (u - u^3/3 - v), v' = 0.4 (u + 0.7 - 0.8 v), from u = -1, v = 1",
        lambda y: np.array([20 * (y[0] - y[0] ** 3 / 3 - y[1]), 0.4 * (y[0] + 0.7 - 0.8 * y[1])]),
        lambda y: np.array([[20 * (1 - y[0] ** 2), -20], [0.4, -0.32]]),
        (-1.0, 1.0), 12.0, 60, 0.4960796637, 1.958453547),
}

STATEMENT = """Choose {n} time steps for a stiff system: {text}.

Write `construct(n, end, previous=None)` with n = {n} and end = {end:g}. Return n times, strictly increasing from \
above 0, the last one equal to end. From each time to the next (and from 0 to the first) the evaluation takes one \
linearly implicit Euler step, y + h (I - h J)^-1 f(y) with the Jacobian J at y. `previous` is the array that the \
parent program reached, or None.

Invalid: another number of times, numbers that are not finite, times that do not increase, another end.

Score: -log10 of the largest error at {points} equally spaced times, where steps are joined by straight lines and \
errors of each component are relative to its largest size and at most 10. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} increasing times up to {end:g} for implicit steps of a stiff system. Maximise the accuracy."


@functools.lru_cache(maxsize=4)
def solution(name: str) -> np.ndarray:
  """The accurate states [POINTS, S] at the times of comparison."""
  system = SYSTEMS[name]
  found = integrate.solve_ivp(lambda t, y: system.slope(y), (0, system.end), system.start, "Radau", system.times,
                              jac=lambda t, y: system.jacobian(y), rtol=1e-8, atol=1e-12)
  return found.y.T


def stepped(system: System, times: np.ndarray) -> np.ndarray:
  """States [n+1, S] at 0 and at the times; not finite from where they explode."""
  state, made = np.array(system.start), [np.array(system.start)]
  one = np.eye(len(state))
  for h in np.diff(times, prepend=0.0):
    try:
      state = state + h * np.linalg.solve(one - h * system.jacobian(state), system.slope(state))
    except np.linalg.LinAlgError:
      state = np.full(len(state), np.nan)
    made.append(state)
  return np.array(made)


def evaluate(session: core.Session, name: str) -> core.Score:
  system = SYSTEMS[name]
  result = session.call("construct", system.n, system.end, session.previous)
  times = checks.array(result, (system.n,), low=0, high=system.end, name="times")
  gaps = np.diff(times, prepend=0.0)
  if not (gaps > 0).all():
    worst = int(gaps.argmin())
    raise core.Invalid(f"time {worst} is {times[worst]:.10g}, not above the one before it (or 0)")
  if times[-1] != system.end:
    raise core.Invalid(f"the last time is {times[-1]:.17g}, expected {system.end:g}")
  right = solution(name)
  with np.errstate(all="ignore"):
    states = stepped(system, times)
    joined = np.stack([np.interp(system.times, np.append(0.0, times), column) for column in states.T], axis=1)
    errors = np.nan_to_num(np.abs(joined - right) / np.abs(right).max(axis=0), nan=1e6, posinf=1e6).max(axis=1)
  worst = int(errors.argmax())
  return core.Score(-math.log10(min(float(errors[worst]), 10.0) * (1 + checks.MARGIN)),
                    {"worst_time": float(system.times[worst]), "mean_error": float(errors.mean())}, construction=times)


TASKS = [
    core.Task(
        name=f"stiff_time_grid_{name}_own", family="stiff_time_grid", domain="numerical_algorithms",
        statement=STATEMENT.format(
            n=system.n, text=system.text, end=system.end, points=POINTS),
        brief=BRIEF.format(n=system.n, end=system.end), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="max", baseline=system.baseline, best_known=system.best,
        source="our own reference: random climbing over the steps, from the best of a search",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, name=name))
    for name, system in SYSTEMS.items()
]
