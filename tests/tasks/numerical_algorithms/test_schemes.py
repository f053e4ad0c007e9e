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
