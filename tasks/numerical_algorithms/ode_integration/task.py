"""Explicit Runge-Kutta methods: a tableau, with which the trusted side integrates at a fixed cost. Construction shape.

After AlgoTune's tasks of ordinary differential equations, with counted work in the place of seconds: every method gets
the same number of evaluations of the right side, so that one of n stages takes 1/n as many steps.
"""

import functools
import math
import pathlib
from collections.abc import Callable

import numpy as np
from scipy import integrate

from eft_jax import core
from eft_jax.core import checks

# Stages: (value of the seed program, best known, its source).
STAGES = {
    3: (0.9646391266, 3.594901313, "our own reference: random climbing from Ralston's method"),
    4: (0.93397224, 4.649960562, "the classical method of Kutta 1901"),
    6: (0.9695487225, 5.015310110, "our own reference: random climbing from the method of Dormand and Prince"),
}
EVALUATIONS = {"search": 240, "full": 960}
FLOOR = 1e-13

# Name: (right side y' = f(y), start, length of time, short enough for 240 evaluations).
SYSTEMS: dict[str, tuple[Callable[[np.ndarray], list], tuple[float, ...], float]] = {
    "predator and prey": (
        lambda y: [1.1 * y[0] - 0.4 * y[0] * y[1], 0.1 * y[0] * y[1] - 0.4 * y[1]], (10.0, 5.0), 10.0),
    "FitzHugh-Nagumo": (
        lambda y: [y[0] - y[0] ** 3 / 3 - y[1] + 0.5, 0.08 * (y[0] + 0.7 - 0.8 * y[1])], (-1.0, 1.0), 30.0),
    "pendulum": (lambda y: [y[1], -math.sin(y[0])], (2.0, 0.0), 10.0),
    "Lorenz": (
        lambda y: [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]], (1.0, 1.0, 20.0), 1.0),
}

STATEMENT = """Find an explicit Runge-Kutta method of {n} stages that integrates smooth differential equations y' = \
f(y) as accurately as possible.

Write `construct(n, previous=None)` with n = {n}. Return its tableau, an array of shape (n+1, n): rows 0 to n-1 are \
the matrix A, of which only entries below the diagonal may differ from 0; the last row is b. A step of size h \
computes k_i = f(y + h sum_j A[i, j] k_j) and y + h sum_i b[i] k_i. `previous` is the tableau that the parent program \
reached, or None.

Invalid: another shape, numbers that are not finite or beyond 100, entries of A on or above the diagonal.

Score: mean over four systems (predator and prey, FitzHugh-Nagumo, pendulum, Lorenz) of -log10(relative error at the \
end + 1e-13), at most 13 and at least -1. Higher is better. The evaluation integrates, with {steps} equal steps, \
{search} evaluations of f in all ({full} at full fidelity).

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return the tableau (n+1, n) of an explicit Runge-Kutta method of n = {n} stages. Maximise its accuracy."


@functools.lru_cache(maxsize=8)
def solution(name: str) -> np.ndarray:
  """The accurate end state."""
  f, start, time = SYSTEMS[name]
  return integrate.solve_ivp(lambda t, y: f(y), (0, time), start, "DOP853", rtol=3e-14, atol=1e-14).y[:, -1]


def integrated(table: np.ndarray, name: str, steps: int) -> np.ndarray:
  """The method's end state; stops at values that are not finite. Plain floats, which are faster than tiny arrays."""
  f, start, time = SYSTEMS[name]
  h = time / steps
  stages = [[(j, h * a) for j, a in enumerate(row) if a] for row in table.tolist()]
  state = list(start)
  for _ in range(steps):
    slopes: list[list[float]] = []
    for row in stages:
      y = [value + sum(a * slopes[j][i] for j, a in row) for i, value in enumerate(state)]
      if not all(abs(value) < 1e6 for value in y):
        return np.full(len(start), np.inf)
      if len(slopes) < len(stages) - 1:
        slopes.append(f(y))
    state = y
  return np.array(state)


def evaluate(session: core.Session, n: int) -> core.Score:
  table = checks.array(session.call("construct", n, session.previous), (n + 1, n), low=-100, high=100, name="tableau")
  bad = np.argwhere(np.triu(table[:n]) != 0)
  if len(bad):
    i, j = bad[0]
    raise core.Invalid(f"A[{i}, {j}] = {table[i, j]:.6g}: an explicit method has 0 on and above the diagonal")
  digits = {}
  for name in SYSTEMS:
    right = solution(name)
    with np.errstate(all="ignore"):
      found = integrated(table, name, EVALUATIONS[session.fidelity] // n)
      error = np.linalg.norm(found - right) / np.linalg.norm(right)
    digits[name] = -math.log10(min(float(error), 10.0) + FLOOR)
  low = min(digits, key=digits.get)
  return core.Score(sum(digits.values()) / len(digits), {"sum_of_b": float(table[n].sum())},
                    {"digits": ", ".join(f"{name} {value:.2f}" for name, value in digits.items()),
                     "worst": low}, construction=table)


TASKS = [
    core.Task(
        name=f"ode_integration_stages_{n}_own", family="ode_integration", domain="numerical_algorithms",
        statement=STATEMENT.format(n=n, steps=EVALUATIONS["search"] // n, **EVALUATIONS), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=baseline, best_known=best, source=source,
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in STAGES.items()
]
