"""Runge-Kutta tableaus and schemes for the matrix exponential: known methods have their order and their value."""

import math

import numpy as np
import pytest
from scipy import integrate, linalg

from eft_jax import core

KUTTA = [[0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 1, 0], [1 / 6, 1 / 3, 1 / 3, 1 / 6]]


@pytest.mark.parametrize("n", [3, 4, 6])
def test_best_known_tableaus(n, judge, known):
  task = core.load(f"ode_integration_stages_{n}_own")
  assert judge(task, known(f"ode_integration_{n}")).value == pytest.approx(task.best_known, rel=1e-6)


def test_four_times_the_work_gives_kuttas_method_four_orders(judge):
  task = core.load("ode_integration_stages_4_own")
  assert judge(task, KUTTA).value == pytest.approx(task.best_known, rel=1e-8)
  gain = judge(task, KUTTA, fidelity="full").value - judge(task, KUTTA).value
  assert gain == pytest.approx(4 * math.log10(4), abs=0.2)


def test_the_steps_are_those_of_a_plain_integration(judge):
  """Forward Euler, as a tableau with three equal stages, on the pendulum."""
  table = np.zeros((4, 3))
  table[3] = 1 / 3
  state, h = np.array([2.0, 0.0]), 10 / 80
  for _ in range(80):
    state = state + h * np.array([state[1], -np.sin(state[0])])
  right = integrate.solve_ivp(lambda t, y: [y[1], -np.sin(y[0])], (0, 10), (2.0, 0.0), rtol=1e-11, atol=1e-12).y[:, -1]
  digits = -math.log10(np.linalg.norm(state - right) / np.linalg.norm(right))
  text = judge(core.load("ode_integration_stages_3_own"), table).artifacts["digits"]
  assert f"pendulum {digits:.2f}" in text


@pytest.mark.parametrize("place", [(0, 0), (0, 3), (2, 2), (1, 2)])
def test_implicit_methods_are_invalid(place, judge):
  table = np.array(KUTTA)
  table[place] = 1e-6
  with pytest.raises(core.Invalid, match=rf"A\[{place[0]}, {place[1]}\] = 1e-06: an explicit method"):
    judge(core.load("ode_integration_stages_4_own"), table)


def test_methods_that_explode_have_the_lowest_value(judge):
  table = np.array(KUTTA) * 90
  assert judge(core.load("ode_integration_stages_4_own"), table).value == pytest.approx(-1)


def bader_blanes_casas():
  """Degree 8 in three products: their formulas for x1 to x7 and y2, with x3 = 2/3."""
  r, x3 = math.sqrt(177), 2 / 3
  scheme = np.zeros((7, 5))
  scheme[0, 1] = scheme[1, 1] = scheme[2, 2] = 1
  scheme[3, 1:3] = x3 * (1 + r) / 88, x3 * (1 + r) / 352
  scheme[4, 2:4] = x3, 1
  scheme[5, :4] = ((-271 + 29 * r) / (315 * x3), 11 * (-1 + r) / (1260 * x3), 11 * (-9 + r) / (5040 * x3),
                   (89 - r) / (5040 * x3**2))
  scheme[6] = 1, 1, (857 - 58 * r) / 630, 0, 1
  return scheme


@pytest.mark.parametrize("n", [2, 3, 4])
def test_best_known_schemes(n, judge, known):
  task = core.load(f"matrix_exponential_products_{n}_own")
  assert judge(task, known(f"matrix_exponential_{n}")).value == pytest.approx(task.best_known, rel=1e-6)


def test_the_published_scheme_has_degree_eight(judge):
  """On a nilpotent matrix the result is the polynomial itself; the value is that of the Taylor sum."""
  scheme = bader_blanes_casas()
  a = np.diag(np.ones(9), 1)
  y = [np.eye(10), a]
  for left, right in scheme[:-1].reshape(3, 2, 5):
    y.append(sum(c * m for c, m in zip(left, y, strict=False)) @ sum(c * m for c, m in zip(right, y, strict=False)))
  result = sum(c * m for c, m in zip(scheme[-1], y, strict=True))
  np.testing.assert_allclose(result[0, :9], [1 / math.factorial(k) for k in range(9)], rtol=1e-12)
  value = judge(core.load("matrix_exponential_products_3_own"), scheme).value
  # The worst of the matrices is symmetric with an eigenvalue of about -1 or 1.
  taylor = sum(np.linalg.matrix_power(np.diag([-1.0]), k) / math.factorial(k) for k in range(9))
  assert value > -math.log10(abs(taylor - linalg.expm(np.diag([-1.0]))).item() * math.e)


@pytest.mark.parametrize("place", [(0, 2), (1, 3), (2, 3), (5, 4)])
def test_products_that_use_later_ones_are_invalid(place, judge):
  scheme = bader_blanes_casas()
  scheme[place] = 0.1
  with pytest.raises(core.Invalid, match=rf"S\[{place[0]}, {place[1]}\] = 0.1: product {place[0] // 2} may use"):
    judge(core.load("matrix_exponential_products_3_own"), scheme)


def test_huge_coefficients_are_worthless_and_not_an_error(judge):
  scheme = np.tril(np.full((9, 6), 1000.0), 0)
  scheme[:8] *= np.arange(6) < (np.arange(8) // 2 + 2)[:, None]
  assert judge(core.load("matrix_exponential_products_4_own"), scheme).value < 0


# --- Step sizes and time grids ----------------------------------------------------------------------------------------

CHEBYSHEV = {"narrow_6": (6, 1, 10), "wide_16": (16, 1, 100)}


@pytest.mark.parametrize("name", CHEBYSHEV)
def test_inverses_of_chebyshevs_points_are_optimal(name, judge):
  n, low, high = CHEBYSHEV[name]
  points = (low + high) / 2 + (high - low) / 2 * np.cos((2 * np.arange(n) + 1) * np.pi / (2 * n))
  task = core.load(f"richardson_steps_{name}")
  assert judge(task, 1 / points).value == pytest.approx(task.best_known, abs=1e-6)
  assert judge(task, 1.01 / points).value < task.best_known - 1e-3


def test_best_known_steps_for_two_intervals(judge, known):
  task = core.load("richardson_steps_gap_12_own")
  assert judge(task, known("richardson_steps_gap_12")).value == pytest.approx(task.best_known, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_worst_eigenvalue_is_that_of_a_fine_grid_and_of_a_matrix(seed, judge):
  task = core.load("richardson_steps_gap_12_own")
  steps = 1 / np.random.default_rng(seed).uniform(0.5, 70, 12)
  t = np.concatenate([np.linspace(1, 5, 100_001), np.linspace(40, 60, 100_001)])
  heights = np.abs(1 - steps[:, None] * t).prod(axis=0)
  score = judge(task, steps)
  assert score.value == pytest.approx(-math.log10(heights.max()), abs=1e-5)
  eigenvalues = np.array([1.0, 3.0, score.metrics["worst_eigenvalue"], 60.0])
  frame = np.linalg.qr(np.random.default_rng(9).normal(size=(4, 4)))[0]
  a, x = (frame * eigenvalues) @ frame.T, frame[:, 2].copy()  # the error in the worst direction, b = 0
  for step in steps:
    x = x - step * (a @ x)
  assert -math.log10(np.linalg.norm(x)) == pytest.approx(score.value, abs=1e-4)


def test_steps_of_zero_and_negative_steps_are_honest(judge):
  task = core.load("richardson_steps_narrow_6")
  assert judge(task, np.zeros(6)).value == pytest.approx(0)
  assert judge(task, [-1.0] * 6).value == pytest.approx(-6 * math.log10(11))


@pytest.mark.parametrize("name", ["van_der_pol", "fitzhugh_nagumo"])
def test_best_known_grids(name, judge, known):
  task = core.load(f"stiff_time_grid_{name}_own")
  assert judge(task, known(f"stiff_time_grid_{name}")).value == pytest.approx(task.best_known, rel=1e-6)


@pytest.mark.parametrize("name", ["van_der_pol", "fitzhugh_nagumo"])
def test_jacobians_and_steps(name):
  """Jacobians by differences, and ten steps against the method written out with a solver of its own."""
  names = core.load(f"stiff_time_grid_{name}_own").evaluate.func.__globals__
  system = names["SYSTEMS"][name]
  y = np.array([0.7, -0.4])
  slopes = np.array([(system.slope(y + e) - system.slope(y - e)) / 2e-6 for e in np.eye(2) * 1e-6]).T
  np.testing.assert_allclose(system.jacobian(y), slopes, rtol=1e-6, atol=1e-6)
  times = np.linspace(0, system.end, 4001)[1:]
  joined = names["stepped"](system, times)[20::20]
  right = names["solution"](name)
  assert np.abs(joined - right).max() < 0.1 * np.abs(right).max() and len(joined) == len(right) == 200


@pytest.mark.parametrize("change, message", [
    (lambda t: t[::-1], "not above"), (lambda t: t * 0.999, "the last time is"), (lambda t: t - t[0], "time 0 is 0"),
    (lambda t: np.r_[t[:-2], t[-1], t[-1]], "time 79 is 7, not above"), (lambda t: t * 2, "at most 7")])
def test_grids_increase_to_the_end(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(core.load("stiff_time_grid_van_der_pol_own"), change(np.linspace(0, 7, 81)[1:]))
