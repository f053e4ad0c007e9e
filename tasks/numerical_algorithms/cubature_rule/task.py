"""Cubature on a triangle: few nodes and weights that integrate all polynomials up to a degree. Construction shape.

Rules of 6, 7 and 12 nodes and degree 4, 5 and 6 exist (Strang and Fix 1973; Radon 1948; Dunavant 1985).
"""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

FLOOR = 1e-12
# Nodes: (degree, value of the seed program).
RULES = {6: (4, 0.08973269013), 7: (5, 0.04451728491), 12: (6, 0.02240496333)}

STATEMENT = """Find a cubature rule on the triangle with corners (0, 0), (1, 0) and (0, 1): {n} nodes (x, y) with \
weights w such that the sum of w f(x, y) is the integral of f over the triangle for all polynomials f up to degree \
{degree}.

Write `construct(n, previous=None)` with n = {n}. Return an array of shape (n, 3): each row holds x, y and w of one \
node. `previous` is the array that the parent program reached, or None.

Invalid: another shape, numbers that are not finite, a node outside the triangle, weights outside -10 to 10.

Score: -log10(error + 1e-12), where error is the largest relative error over the {count} monomials x^a y^b with a + b \
<= {degree}, whose integrals are a! b! / (a + b + 2)!. Higher is better; an exact rule, which exists, has 12.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} nodes with weights (n, 3) on the unit triangle. Maximise the accuracy for degree {degree}."


def relative_errors(rule: np.ndarray, degree: int) -> dict[tuple[int, int], float]:
  """By exponents (a, b); sums are exact, so that their order does not count."""
  found = {}
  for a in range(degree + 1):
    for b in range(degree + 1 - a):
      exact = math.factorial(a) * math.factorial(b) / math.factorial(a + b + 2)
      terms = rule[:, 2] * rule[:, 0] ** a * rule[:, 1] ** b
      found[a, b] = abs(math.fsum([*terms, -exact])) / exact
  return found


def evaluate(session: core.Session, n: int, degree: int) -> core.Score:
  rule = checks.array(session.call("construct", n, session.previous), (n, 3), low=-10, high=10, name="rule")
  inside = np.minimum(rule[:, :2].min(axis=1), 1 - rule[:, :2].sum(axis=1))
  if not (inside >= 0).all():
    worst = int(inside.argmin())
    x, y, _ = rule[worst]
    raise core.Invalid(f"node {worst} at ({x:.6g}, {y:.6g}) lies {-inside[worst]:.3g} outside")
  errors = relative_errors(rule, degree)
  worst = max(errors, key=errors.get)
  return core.Score(-math.log10(errors[worst] + FLOOR), {"area": float(rule[:, 2].sum())},
                    {"worst": f"largest relative error {errors[worst]:.3g} for x^{worst[0]} y^{worst[1]}"},
                    construction=rule)


TASKS = [
    core.Task(
        name=f"cubature_rule_triangle_{n}", family="cubature_rule", domain="numerical_algorithms",
        statement=STATEMENT.format(n=n, degree=degree, count=(degree + 1) * (degree + 2) // 2),
        brief=BRIEF.format(n=n, degree=degree), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="max", baseline=baseline, best_known=-math.log10(FLOOR),
        source="an exact rule (Strang and Fix 1973, Radon 1948, Dunavant 1985)",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, n=n, degree=degree))
    for n, (degree, baseline) in RULES.items()
]
