"""Spheres in a cube: lattices have their exact values, our reference scores 1, and what comes out fits exactly."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("sphere_packing_cube_20")


def test_our_reference_scores_one(judge, known):
  score = judge(TASK, known("sphere_packing_cube_20"))
  assert TASK.score(score.value) == pytest.approx(1, abs=1e-8)
  # Better than 20 of the 27 spheres of the simple cubic arrangement.
  assert score.value > 1 / 6


def test_lattices_have_their_exact_value(judge):
  cubic = np.array(list(itertools.product(range(3), repeat=3)))[:20]
  assert judge(TASK, cubic).value == pytest.approx(1 / 6, rel=1e-11)
  centred = np.array([p for p in itertools.product(range(5), repeat=3) if sum(p) % 2 == 0])
  centred = centred[np.argsort(np.abs(centred - 1.5).max(axis=1), kind="stable")][:20]
  extent = np.ptp(centred, axis=0).max()
  assert judge(TASK, centred).value == pytest.approx(math.sqrt(0.5) / (math.sqrt(2) + extent), rel=1e-11)


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_out_fits_in_rational_arithmetic(seed, judge):
  rng = np.random.default_rng(seed)
  score = judge(TASK, rng.normal(size=(20, 3)) * 10 ** rng.uniform(-1, 2))
  rows = [[Fraction(float(x)) for x in row] for row in score.construction]
  radius = Fraction(score.value) * (1 - Fraction(1, 10**12))
  assert all(radius <= x <= 1 - radius for row in rows for x in row)
  assert all(sum((x - y) ** 2 for x, y in zip(p, q, strict=True)) >= 4 * radius**2
             for p, q in itertools.combinations(rows, 2))


def test_degenerate_centres(judge):
  line = np.zeros((20, 3))
  line[:, 0] = np.arange(20)
  assert judge(TASK, line).value == pytest.approx(0.5 / 20, rel=1e-9)
  line[1] = line[0]
  assert judge(TASK, line).value == 0
  with pytest.raises(core.Invalid, match="all centres lie within 0.00019, expected an extent of at least 0.001"):
    judge(TASK, line * 1e-5)
  with pytest.raises(core.Invalid, match="expected at most 1000"):
    judge(TASK, line * 100)
