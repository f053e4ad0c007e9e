"""Interpolation nodes with the least Lebesgue constant. Construction shape; the supremum has no grid's gaps."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, least constant, source).
SOURCE = "optimal by equioscillation (Kilgore 1978, de Boor and Pinkus 1978), computed by our own Newton method"
SIZES = {
    6: (1.97737477, 1.67221036502, SOURCE), 10: (4.73638763, 1.99168498660, SOURCE),
    14: (16.9696343, 2.20395520594, SOURCE),
}
NEAREST = 1e-4  # of two nodes

STATEMENT = """Choose {n} nodes in [-1, 1] for polynomial interpolation so that the Lebesgue constant is as small as \
possible. It is the largest value on [-1, 1] of the Lebesgue function, the sum of |l_i(x)| over all nodes, where l_i \
is the polynomial of degree {degree} that is 1 at node i and 0 at the other nodes. It bounds how much worse than the \
best polynomial the interpolating one can be.

Write `construct(n, previous=None)` with n = {n}. Return a list or array of n numbers in any order. `previous` is the \
sorted array of nodes that the parent program reached, or None.

Invalid: another length, numbers that are not finite and real, nodes outside [-1, 1], two nodes nearer than 1e-4.

Score: the Lebesgue constant, lower is better. The least possible is {best:.8f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} nodes in [-1, 1]. Minimise the largest sum of |Lagrange polynomials| on [-1, 1]."


def lebesgue(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
  """The Lebesgue function of nodes [n] at points of any shape."""
  n = len(nodes)
  apart = nodes[:, None] - nodes + np.eye(n)
  weights = 1 / np.abs(apart).prod(axis=1)
  factors = np.abs(x[..., None] - nodes)
  others = np.stack([np.delete(factors, i, axis=-1).prod(axis=-1) for i in range(n)], axis=-1)
  return others @ weights


def maxima(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Places and values of the maximum left of, between and right of the sorted nodes [n]: n + 1 of each.

  Between two nodes the function is a polynomial p of degree n - 1, which has values of alternating sign at the nodes
  but for the two around: so p' has one zero there by Rolle's theorem, the maximum is the only one, and its bracket
  shrinks. Outside the nodes the function grows up to the end of the interval.
  """
  left, right = nodes[:-1].copy(), nodes[1:].copy()
  grid = np.linspace(0, 1, 17)
  for _ in range(8):  # to 8**-8 of a gap; the value's error is the square of that
    x = left[:, None] + (right - left)[:, None] * grid
    top = lebesgue(nodes, x).argmax(axis=1)
    rows = np.arange(len(x))
    left, right = x[rows, np.maximum(top - 1, 0)], x[rows, np.minimum(top + 1, 16)]
  places = np.concatenate([[-1.0], (left + right) / 2, [1.0]])
  return places, lebesgue(nodes, places)


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  nodes = np.sort(checks.array(result, (n,), low=-1, high=1, name="nodes"))
  gaps = np.diff(nodes)
  near = int(gaps.argmin())
  if not (gaps[near] >= NEAREST):
    raise core.Invalid(f"two nodes near {nodes[near]:.6g} are {gaps[near]:.3g} apart, expected at least {NEAREST}")
  places, values = maxima(nodes)
  top = int(values.argmax())
  if not math.isfinite(values[top]):
    raise core.Invalid("the Lebesgue constant is not a finite number")
  metrics = {"where": float(places[top]), "lowest_peak": float(values[1:-1].min()), "at_minus_1": float(values[0]),
             "at_plus_1": float(values[-1])}
  peaks = ", ".join(f"{value:.3f}" for value in values)
  return core.Score(float(values[top]) * (1 + 10 * checks.MARGIN), metrics, {"peaks from left to right": peaks},
                    construction=nodes)


TASKS = [
    core.Task(
        name=f"lebesgue_constant_{n}", family="lebesgue_constant", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, degree=n - 1, best=best), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source=source, limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in SIZES.items()
]
