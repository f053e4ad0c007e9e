"""Cart and pole: energy, an independent Lagrangian, the reference controller, and what is refused."""

import numpy as np
import pytest
from scipy import integrate

from eft_jax import core

TASK = core.load("cart_pole_own")
MODULE = TASK.evaluate.__globals__
REFERENCE = """
import numpy as np

def force(state):
    return state @ np.array([4.34, 4.83, 58.0, 12.3])
"""


def energy(state, constants):
  """Kinetic and potential energy of carts with uniform poles; the pole's middle is half a length above the hinge."""
  cart, pole, half = constants[:3]
  _, v, angle, spin = state.T
  kinetic = cart * v**2 / 2 + pole * (v**2 + 2 * v * half * spin * np.cos(angle) + half**2 * spin**2 * 4 / 3) / 2
  return kinetic + pole * 9.81 * half * np.cos(angle)


def test_energy_is_kept_without_force_and_friction():
  constants, state = MODULE["carts"](tuple(range(20)))
  constants = constants.copy()
  constants[3:] = 0
  before = energy(state, constants)
  for _ in range(40):
    state = MODULE["advance"](state, np.zeros(20), constants)
  np.testing.assert_allclose(energy(state, constants), before, rtol=1e-4)


def test_motion_equals_the_lagrangian_solved_as_a_linear_system():
  """(M + m) x'' + m l cos a'' = F + m l a'^2 sin - rub x';  m l cos x'' + 4/3 m l^2 a'' = m g l sin - hinge a'."""
  constants, state = MODULE["carts"]((3,))
  M, m, half, rub, hinge = constants[:, 0]
  def motion(t, y):
    del t
    _, v, a, w = y
    matrix = [[M + m, m * half * np.cos(a)], [m * half * np.cos(a), 4 / 3 * m * half**2]]
    right = [2.5 + m * half * w**2 * np.sin(a) - rub * v, m * 9.81 * half * np.sin(a) - hinge * w]
    go, turn = np.linalg.solve(matrix, right)
    return [v, go, w, turn]
  exact = integrate.solve_ivp(motion, (0, 0.5), state[0], rtol=1e-10, atol=1e-12).y[:, -1]
  for _ in range(10):
    state = MODULE["advance"](state, np.array([2.5]), constants)
  np.testing.assert_allclose(state[0], exact, rtol=2e-3, atol=2e-3)


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(8)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.02)
  assert run(TASK, REFERENCE, fidelity="full").value < 0.2


def test_without_force_all_poles_fall_and_huge_forces_are_clipped(judge):
  assert judge(TASK, np.zeros(48), fidelity="full").metrics["fallen"] == 1
  def sign(state, size):
    return size * np.sign(state[:, 2])
  assert judge(TASK, lambda s: sign(s, 10.0)).value == judge(TASK, lambda s: sign(s, 1e300)).value


def test_forces_are_checked(judge):
  with pytest.raises(core.Invalid, match=r"force\[3\] is nan"):
    judge(TASK, np.array([0.0] * 3 + [np.nan] * 45))
  with pytest.raises(core.Invalid, match=r"shape \(47,\), expected \(48,\)"):
    judge(TASK, np.zeros(47))
