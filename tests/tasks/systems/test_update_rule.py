"""Update rule: gradients by differences, minima, a second run of one problem, the reference, what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("update_rule_own")
MODULE = TASK.evaluate.__globals__
REFERENCE = """
import numpy as np

def update(gradient, state, step):
    a, b = 0.437, 0.432
    first = a * state[:, 0] + (1 - a) * gradient
    second = b * state[:, 1] + (1 - b) * gradient ** 2
    up = first / (1 - a ** (step + 1))
    up = up + 0.12 * (gradient - up)
    up = up / (np.sqrt(second / (1 - b ** (step + 1))) + 1e-9)
    return np.stack([-0.76 * 0.846 ** step * up, first, second], axis=1)
"""


def problems():
  return MODULE["problems"](MODULE["PUBLIC_SEEDS"], 40)


def test_gradients_equal_differences_and_zero_is_the_minimum():
  p = problems()
  z = np.random.default_rng(0).standard_normal((12, 8))
  value, gradient = MODULE["evaluate_all"](z, p)
  for j in range(8):
    step = 1e-6 * np.eye(8)[j]
    slope = (MODULE["evaluate_all"](z + step, p)[0] - MODULE["evaluate_all"](z - step, p)[0]) / 2e-6
    np.testing.assert_allclose(gradient[:, j], slope, rtol=1e-4, atol=1e-7)
  np.testing.assert_allclose(MODULE["evaluate_all"](0 * z, p)[0], 0, atol=1e-15)
  assert (value > 0).all()


def test_one_problem_on_its_own_has_the_same_value(run):
  """Problem 2, a valley without noise, by the seed program alone."""
  names = {}
  exec(TASK.seed, names)
  p = {name: part[:6] for name, part in problems().items()}
  x, state, total = p["start"][2] * p["unit"][2], np.zeros((1, 2, 8)), 0.0
  def at(x):
    z = np.zeros((6, 8))
    z[2] = x
    value, gradient = MODULE["evaluate_all"](z, p)
    return value[2], gradient[2:3]
  first, gradient = at(x)
  for step in range(40):
    result = names["update"](gradient, state, step)
    x, state = x + result[0, 0], result[:, 1:]
    value, gradient = at(x)
    total += np.log10(np.clip(value / first, 1e-4, 10))
  assert -run(TASK).instances[2] == pytest.approx(total / 40)


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.1)


def test_standing_still_has_zero_and_running_away_one(judge):
  assert judge(TASK, np.zeros((72, 3, 8))).value == pytest.approx(0, abs=1e-12)
  away = judge(TASK, lambda gradient, state, step: np.full((72, 3, 8), 1e300))
  assert away.value == pytest.approx(1)


def test_updates_are_checked(judge):
  with pytest.raises(core.Invalid, match=r"update\[0, 0, 0\] is nan"):
    judge(TASK, np.full((72, 3, 8), np.nan))
  with pytest.raises(core.Invalid, match=r"shape \(72, 2, 8\)"):
    judge(TASK, np.zeros((72, 2, 8)))
