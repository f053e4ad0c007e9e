"""Spherical designs: exact ones have no residual; the residual against integrals of monomials; scale does not count."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core

GOLD = (1 + 5**0.5) / 2
ICOSAHEDRON = np.array([np.roll([0, a, b * GOLD], shift) for shift in range(3) for a in (-1, 1) for b in (-1, 1)])


def mean_on_sphere(powers) -> float:
  """Mean of x^a y^b z^c over the unit sphere (Folland 2001)."""
  if any(power % 2 for power in powers):
    return 0.0
  gammas = math.prod(math.gamma((power + 1) / 2) for power in powers)
  return gammas / (2 * math.pi) / math.gamma((sum(powers) + 3) / 2)


def worst_monomial(points, degree: int) -> float:
  return max(abs(float((points ** np.array(powers)).prod(axis=1).mean()) - mean_on_sphere(powers))
             for powers in itertools.product(range(degree + 1), repeat=3) if sum(powers) <= degree)


def test_the_icosahedron_is_a_5_design(judge):
  task = core.load("spherical_design_12")
  score = judge(task, ICOSAHEDRON)
  assert task.score(score.value) == pytest.approx(1, abs=1e-6)
  assert worst_monomial(score.construction, 5) < 1e-15 < 1e-3 < worst_monomial(score.construction, 6)
  scaled = ICOSAHEDRON * np.geomspace(1e-8, 1e8, 12)[:, None]
  assert judge(task, scaled).value == pytest.approx(score.value, abs=1e-9)


def test_a_7_design_of_24_points(judge, known):
  task, points = core.load("spherical_design_24"), known("spherical_design_24")
  assert task.score(judge(task, points).value) == pytest.approx(1, abs=1e-6)
  assert worst_monomial(points, 7) < 1e-7 < 1e-3 < worst_monomial(points, 8)


def test_our_reference_of_14_points(judge, known):
  task, points = core.load("spherical_design_14"), known("spherical_design_14")
  value = judge(task, points).value
  assert task.score(value) == pytest.approx(1, abs=1e-9) and worst_monomial(points, 5) > 1e-3


def test_simple_sets_have_their_exact_residuals(judge):
  task = core.load("spherical_design_12")
  same = judge(task, np.ones((12, 3)))  # every P_l(1) is 1
  assert same.value == pytest.approx(5**0.5, rel=1e-9)
  poles = judge(task, np.outer([1, -1] * 6, [0, 0, 1]))  # odd degrees vanish, even ones are 1
  assert poles.value == pytest.approx(2**0.5, rel=1e-9)
  assert poles.metrics["degree_1"] == pytest.approx(0, abs=1e-7) and poles.metrics["degree_4"] == pytest.approx(1)


def test_messages(judge):
  task = core.load("spherical_design_12")
  with pytest.raises(core.Invalid, match="point 3 has length 0, expected at least 1e-9"):
    judge(task, np.where(np.arange(12)[:, None] == 3, 0, ICOSAHEDRON))
  with pytest.raises(core.Invalid, match=r"shape \(11, 3\)"):
    judge(task, ICOSAHEDRON[1:])
