"""Quadrature, cubature, rational approximation and Newton's starts: the optima are reached, and a second way agrees."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize

from eft_jax import core


def orbit(*groups):
  """Rows x, y, w of a symmetric triangle rule: (weight, barycentric coordinates), weights for area 1."""
  rows = set()
  for w, *bary in groups:
    for i in range(3):
      for j in range(3):
        if i != j:
          rows.add((round(bary[i], 15), round(bary[j], 15), w / 2))
  return sorted(rows)


ROOT = math.sqrt(15)
TRIANGLE = {
    6: orbit((0.223381589678011, 0.108103018168070, 0.445948490915965, 0.445948490915965),
             (0.109951743655322, 0.816847572980459, 0.091576213509771, 0.091576213509771)),
    7: [(1 / 3, 1 / 3, 9 / 80),
        *orbit(((155 - ROOT) / 1200, (9 + 2 * ROOT) / 21, (6 - ROOT) / 21, (6 - ROOT) / 21),
               ((155 + ROOT) / 1200, (9 - 2 * ROOT) / 21, (6 + ROOT) / 21, (6 + ROOT) / 21))],
    12: orbit((0.116786275726379, 0.501426509658179, 0.249286745170910, 0.249286745170910),
              (0.050844906370207, 0.873821971016996, 0.063089014491502, 0.063089014491502),
              (0.082851075618374, 0.053145049844817, 0.310352451033784, 0.636502499121399)),
}


@pytest.mark.parametrize("n", TRIANGLE)
def test_published_triangle_rules_are_exact(n, judge):
  task = core.load(f"cubature_rule_triangle_{n}")
  assert len(TRIANGLE[n]) == n
  assert judge(task, TRIANGLE[n]).value == pytest.approx(task.best_known, abs=0.01)


def test_cubature_agrees_with_an_independent_integral(judge):
  """The value of a random rule is the largest relative error against integrals by scipy."""
  rule = np.random.default_rng(0).dirichlet(np.ones(3), 6) * [1, 1, 0.3]
  errors = []
  for a in range(5):
    for b in range(5 - a):
      exact = integrate.dblquad(lambda y, x, a=a, b=b: x**a * y**b, 0, 1, 0, lambda x: 1 - x)[0]
      errors.append(abs((rule[:, 2] * rule[:, 0] ** a * rule[:, 1] ** b).sum() - exact) / exact)
  assert judge(core.load("cubature_rule_triangle_6"), rule).value == pytest.approx(-math.log10(max(errors)), rel=1e-6)


def test_cubature_nodes_stay_in_the_triangle(judge):
  task, rule = core.load("cubature_rule_triangle_6"), np.array(TRIANGLE[6])
  rule[2, :2] = 0.6, 0.4 + 1e-9
  with pytest.raises(core.Invalid, match=r"node 2 at \(0.6, 0.4\) lies 1e-09 outside"):
    judge(task, rule)
  rule[2, :2] = -1e-12, 0.5
  with pytest.raises(core.Invalid, match="node 2 .* lies 1e-12 outside"):
    judge(task, rule)


QUADRATURE = {
    "free_12": np.stack([2 * np.arange(1, 13) / 25, np.full(12, 2 / 25)], axis=1),
    "bridge_9": np.stack([np.arange(1, 10) / 10, np.full(9, 1 / 10)], axis=1),
}


@pytest.mark.parametrize("name", ["free_12", "bridge_9", "smooth_6_own"])
def test_optimal_quadrature_rules_score_one(name, judge, known):
  task = core.load(f"quadrature_rule_{name}")
  rule = QUADRATURE.get(name)
  rule = known("quadrature_rule_smooth_6") if rule is None else rule
  assert judge(task, rule[::-1]).value == pytest.approx(task.best_known, rel=1e-7)


@pytest.mark.parametrize("name, peano", [
    ("free_12", lambda x, t: (x >= t).astype(float)), ("smooth_6_own", lambda x, t: np.maximum(x - t, 0)),
    ("bridge_9", lambda x, t: (x >= t).astype(float))])
def test_the_worst_case_error_is_the_norm_of_the_rules_peano_kernel(name, peano, judge):
  """The error of a rule is the integral of f' (or f'') times a function of t, whose norm is the worst case."""
  task = core.load(f"quadrature_rule_{name}")
  n = int(name.split("_")[1])
  rng = np.random.default_rng(n)
  x, w = np.sort(rng.uniform(0, 1, n)), rng.uniform(0, 2 / n, n)
  t = (np.arange(400_000) + 0.5) / 400_000
  error = ((1 - t) if name != "smooth_6_own" else (1 - t) ** 2 / 2) - peano(x[:, None], t[None]).T @ w
  if name == "bridge_9":
    error = error - error.mean()  # f(1) = 0: a constant may be added to the kernel of f'
  assert judge(task, np.stack([x, w], axis=1)).value == pytest.approx(math.sqrt((error**2).mean()), rel=1e-4)


def test_quadrature_nodes_stay_inside(judge):
  rule = QUADRATURE["bridge_9"].copy()
  rule[4, 0] = 1 + 1e-9
  with pytest.raises(core.Invalid, match="node 4 lies at 1, outside"):
    judge(core.load("quadrature_rule_bridge_9"), rule)


def remez(n):
  """The best even rational function of type (n, n) to |x|, by bisection on the error over linear programs."""
  s = (np.sin(np.linspace(0, 1, 400) * np.pi / 2) ** (2 if n == 2 else 4))
  basis = s[:, None] ** (2 * np.arange(n // 2 + 1))
  low, high, best = 0.0, 0.2, None
  for _ in range(30):
    e = (low + high) / 2
    # p - (s + e) q <= 0 and (s - e) q - p <= 0, with q >= 1 at the largest point as a scale; slack is maximised.
    rows = np.vstack([np.hstack([basis, -(s + e)[:, None] * basis]), np.hstack([-basis, (s - e)[:, None] * basis])])
    norm = np.concatenate([np.zeros(n // 2 + 1), np.ones(n // 2 + 1)])[None]
    slack = np.concatenate([basis @ np.ones(n // 2 + 1)] * 2)[:, None] * 1e-3
    found = optimize.linprog(np.append(np.zeros(n + 2), -1), np.hstack([rows, slack]), np.zeros(2 * len(s)),
                             np.append(norm, [[0]], axis=1), [1], [(None, None)] * (n + 2) + [(None, 1)])
    if found.status == 0 and found.x[-1] > 0:
      high, best = e, found.x[:-1].reshape(2, -1)
    else:
      low = e
  return best


@pytest.mark.parametrize("n", [2, 4])
def test_published_rational_errors_are_reached(n, judge):
  task = core.load(f"minimax_rational_abs_{n}")
  assert judge(task, remez(n)).value == pytest.approx(task.best_known, rel=1e-3)
  assert judge(task, remez(n)).value > task.best_known


def test_the_rational_error_is_that_of_a_fine_grid(judge):
  task, x = core.load("minimax_rational_abs_4"), np.linspace(0, 1, 200_001)
  for seed in range(5):
    p, q = np.random.default_rng(seed).uniform(0.1, 2, (2, 3))
    on_grid = np.abs(np.polyval(p[::-1], x**2) / np.polyval(q[::-1], x**2) - x).max()
    assert judge(task, [p, q]).value == pytest.approx(on_grid, rel=1e-7)


@pytest.mark.parametrize("q", [[0, 0, 0], [-1, 2, 0], [1, -2, 1], [0, 1, 1], [-1, -1, -1], [1, 0, -1]])
def test_a_denominator_with_zeros_is_invalid(q, judge):
  with pytest.raises(core.Invalid, match="denominator"):
    judge(core.load("minimax_rational_abs_4"), [[0.1, 1, 1], q])


def test_a_pole_between_grid_points_is_found(judge):
  """A zero of p beside a zero of q hides a pole of width 1e-7."""
  a = 0.1234567**2
  with pytest.raises(core.Invalid, match="the denominator falls to"):
    judge(core.load("minimax_rational_abs_4"), [[a * a, -2 * a, 1], [a * a + 1e-12, -2 * a, 1]])


@pytest.mark.parametrize("name, n, power", [("reciprocal_8", 8, 1), ("square_root_6", 6, 2), ("cube_root_4", 4, 3)])
def test_newton_starts_in_geometric_progression_are_optimal(name, n, power, judge):
  task = core.load(f"vectorized_newton_{name}")
  ratio = 2 ** (power / n)
  x = np.linspace(1, ratio, 20_001)

  def table(c, s):
    left = ratio ** np.arange(n)
    return np.stack([left, c * left ** (-1 / power), c * s * left ** (-1 / power - 1)], axis=1)

  def stepped(line):
    y = line[0] * (1 + line[1] * (x - 1))
    y = y * (1 + (1 - x * y**power) / power)
    return np.abs(y * x ** (1 / power) - 1).max()

  start = [1.0, (ratio ** (-1 / power) - 1) / (ratio - 1)]
  found = optimize.minimize(stepped, start, method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-14})
  assert -math.log10(found.fun) == pytest.approx(task.best_known, abs=1e-4)
  assert judge(task, table(*found.x)).value == pytest.approx(task.best_known, abs=1e-4)


def test_newton_errors_are_those_of_a_fine_grid(judge):
  task = core.load("vectorized_newton_square_root_6")
  rng = np.random.default_rng(1)
  left = np.concatenate([[1.0], np.sort(rng.uniform(1, 4, 5))])
  table = np.stack([left, left**-0.5 * rng.uniform(0.9, 1.1, 6), -0.3 * left**-1.5], axis=1)
  x = np.linspace(1, 4, 400_001)[:-1]
  piece = np.searchsorted(left, x, side="right") - 1
  y = table[piece, 1] + table[piece, 2] * (x - left[piece])
  after = np.abs(y * (1.5 - x * y**2 / 2) * np.sqrt(x) - 1).max()
  assert judge(task, table).value == pytest.approx(-math.log10(after), abs=1e-4)


@pytest.mark.parametrize("change, message", [
    ((0, 0, 1.01), "first left end"), ((3, 0, 1.2), "increase strictly"), ((5, 0, 4.0), "stay below 4"),
    ((2, 1, 0.1), "piece 2 starts"), ((4, 2, 50.0), "piece 4 starts"), ((1, 1, -1.0), "piece 1 starts")])
def test_newton_tables_that_do_not_cover_are_invalid(change, message, judge):
  left = 4 ** (np.arange(6) / 6)
  table = np.stack([left, left**-0.5, -0.4 * left**-1.5], axis=1)
  table[change[0], change[1]] = change[2]
  with pytest.raises(core.Invalid, match=message):
    judge(core.load("vectorized_newton_square_root_6"), table)
