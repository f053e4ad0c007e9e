"""Quadrature in one dimension: nodes and weights of least worst-case error over a class. Construction shape.

In a Hilbert space of functions with kernel K, the largest error of a rule over the unit ball has a closed form: its
square is c - 2 w.h(x) + w.K(x, x)w with h the integral of the kernel and c that of h. The first two classes have known
optimal rules (Sacks and Ylvisaker 1966; both follow from one step function or one spline), the third has ours.
"""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable

import numpy as np

from eft_jax import core
from eft_jax.core import checks


@dataclasses.dataclass(frozen=True)
class Space:
  """A class of functions by its kernel, the kernel's integral over one argument, and over both."""

  rule: str
  kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]
  integral: Callable[[np.ndarray], np.ndarray]
  constant: float


SPACES = {
    "free": Space("f(0) = 0 and the integral of f'^2 at most 1", np.minimum, lambda x: x - x * x / 2, 1 / 3),
    "bridge": Space("f(0) = f(1) = 0 and the integral of f'^2 at most 1", lambda x, y: np.minimum(x, y) - x * y,
                    lambda x: (x - x * x) / 2, 1 / 12),
    "smooth": Space("f(0) = f'(0) = 0 and the integral of f''^2 at most 1",
                    lambda x, y: np.minimum(x, y) ** 2 * (3 * np.maximum(x, y) - np.minimum(x, y)) / 6,
                    lambda x: x**2 / 4 - x**3 / 6 + x**4 / 24, 1 / 20),
}
# Task: (space, n, value of the seed program, least error, its source).
RULES = {
    "free_12": ("free", 12, 0.07361572429, 1 / (math.sqrt(3) * 25), "optimal: weights 2/25 at 2/25, 4/25, ..."),
    "bridge_9": ("bridge", 9, 0.06242134312, 1 / (math.sqrt(12) * 10), "optimal: the trapezoidal rule of 10 steps"),
    "smooth_6_own": ("smooth", 6, 0.05492580513, 0.000907517673, "our own reference: descent on the nodes"),
}

STATEMENT = """Find a quadrature rule on [0, 1], the sum of w_i f(x_i) over {n} nodes, with the least worst-case \
error: the largest difference from the integral of f from 0 to 1, over all functions with {rule}.

Write `construct(n, previous=None)` with n = {n}. Return an array of shape (n, 2): each row holds a node x and its \
weight w. `previous` is the array that the parent program reached, or None.

Invalid: another shape, numbers that are not finite, nodes outside [0, 1], weights outside -10 to 10.

Score: the worst-case error; lower is better. It is computed exactly: its square is c - 2 sum w_i h(x_i) + sum w_i \
w_j K(x_i, x_j), where K is the reproducing kernel of the class, h its integral over one argument and c over both. \
The best known is {best:.6g}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} nodes and weights (n, 2) of a quadrature rule on [0, 1]. Minimise its worst-case error."


def worst_case(space: Space, nodes: np.ndarray, weights: np.ndarray) -> float:
  """Root of the squared error; rounding is taken against the candidate."""
  cross = weights @ space.kernel(nodes[:, None], nodes[None, :]) @ weights
  mixed = 2 * weights @ space.integral(nodes)
  size = space.constant + np.abs(weights).sum() + np.abs(weights).sum() ** 2
  return math.sqrt(max(space.constant - mixed + cross, 0.0) + 1e-15 * float(size))


def evaluate(session: core.Session, name: str, n: int) -> core.Score:
  rule = checks.array(session.call("construct", n, session.previous), (n, 2), low=-10, high=10, name="rule")
  nodes, weights = rule.T
  outside = np.flatnonzero((nodes < 0) | (nodes > 1))
  if len(outside):
    raise core.Invalid(f"node {outside[0]} lies at {nodes[outside[0]]:.6g}, outside [0, 1]")
  value = worst_case(SPACES[name], nodes, weights)
  ordered = rule[np.argsort(nodes, kind="stable")]
  return core.Score(value, {"sum_of_weights": float(weights.sum())}, construction=ordered)


TASKS = [
    core.Task(
        name=f"quadrature_rule_{name}", family="quadrature_rule", domain="numerical_algorithms",
        statement=STATEMENT.format(n=n, best=best, rule=SPACES[space].rule), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, name=space, n=n))
    for name, (space, n, baseline, best, source) in RULES.items()
]
