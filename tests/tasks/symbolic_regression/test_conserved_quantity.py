"""Conserved quantities: the exact ones are conserved, functions of them too, and nothing that says nothing scores."""

import numpy as np
import pytest
from scipy import integrate

from eft_jax import core

EXACT = {
    "spring": "y**2 / 2 + 0.35 * x**2 + 0.3 * x**4 - x**3 / 6",
    "pendulum": "y**2 / (2 + np.cos(x)) - 1.4 * np.cos(x)",
    "predators": "0.6 * x - 0.9 * np.log(x) + 0.8 * y - 1.1 * np.log(y)",
}
NEAR = {
    "spring": "y**2 / 2 + 0.35 * x**2 + 0.3 * x**4",
    "pendulum": "y**2 / (2 + np.cos(x)) + 0.7 * x**2",
    "predators": "0.6 * x - 0.9 * np.log(x) + 0.7 * y - 1.1 * np.log(y)",
}
each = pytest.mark.parametrize("name", EXACT)


def task(name: str) -> core.Task:
  return core.load(f"conserved_quantity_{name}")


def program(form: str) -> str:
  return f"import numpy as np\n\ndef invariant(x, y):\n    return {form}\n"


@each
def test_the_exact_quantity_is_the_best_known_value(name, run):
  score = run(task(name), program(EXACT[name]))
  assert score.value == pytest.approx(task(name).best_known, abs=1e-3)
  assert run(task(name), program(f"np.tanh(0.3 * ({EXACT[name]})) * 5 + 7")).value == pytest.approx(6, abs=1e-3)
  assert run(task(name), program(EXACT[name]), fidelity="full").value == pytest.approx(6, abs=1e-3)
  assert task(name).baseline + 0.3 < run(task(name), program(NEAR[name])).value < 5


@each
def test_trajectories_follow_the_motion(name):
  module = task(name).evaluate.func.__globals__
  motion = module["SYSTEMS"][name][0]
  start = np.array([1.1, 0.9])
  found = integrate.solve_ivp(lambda t, s: motion(*s), (0, 2), start, rtol=1e-10, atol=1e-12).y[:, -1]
  state = start[:, None]
  for _ in range(100):
    state = module["rk4"](motion, state, 0.02)
  np.testing.assert_allclose(state[:, 0], found, atol=1e-6)


@each
def test_states_do_not_show_their_trajectory(name):
  """The nearest other state belongs mostly to another trajectory."""
  found, owner = task(name).evaluate.func.__globals__["states"](name, 3, 60)
  assert found.shape == (360, 2) and (np.bincount(owner) == 6).all()
  gap = ((found[:, None] - found[None]) ** 2).sum(axis=2) + 1e9 * np.eye(360)
  assert (owner[gap.argmin(axis=1)] == owner).mean() < 0.25
  assert abs((np.diff(owner) == 0).mean() - 5 / 359) < 0.03  # in random order


@each
def test_trivial_quantities(name, judge):
  rng = np.random.default_rng(0)
  assert abs(judge(task(name), lambda x, y: rng.normal(size=len(x))).value) < 0.2
  assert judge(task(name), lambda x, y: np.arange(float(len(x)))).value < 0.2
  assert judge(task(name), lambda x, y: (np.arange(len(x)) == 3) + (np.arange(len(x)) == len(x) - 5) * 1.0).value < 0.2
  for constant in (lambda x, y: 0 * x + 1, lambda x, y: 0 * x, lambda x, y: 1e6 + 1e-3 * x):
    with pytest.raises(core.Invalid, match="conserved but says nothing"):
      judge(task(name), constant)


@pytest.mark.parametrize("result, message", [
    (lambda x, y: x * np.nan, "is nan"), (lambda x, y: x[:-1], r"shape \(719,\)"), (lambda x, y: 1e30 * x, "1e.30|at"),
    (lambda x, y: None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(task("spring"), result)
