"""Flat polynomials: our best signs have the stated values, and the value bounds the maximum between the points."""

import numpy as np
import pytest

from eft_jax import core

SIZES = (32, 64, 101)


@pytest.mark.parametrize("n", SIZES)
def test_our_best_signs_score_one(n, judge, known):
  task = core.load(f"littlewood_flatness_{n}")
  signs = known(f"littlewood_flatness_{n}")
  assert judge(task, signs).value == pytest.approx(task.best_known, rel=1e-8)
  turned = (signs * (-1.0) ** np.arange(n))[::-1]  # P(-z) and z^(n-1) P(1/z) are as flat
  assert judge(task, turned).value == pytest.approx(task.best_known, rel=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_value_bounds_the_maximum_closely(seed, judge):
  signs = np.random.default_rng(seed).choice([-1, 1], 64)
  value = judge(core.load("littlewood_flatness_64"), signs).value
  finest = abs(np.polyval(signs, np.exp(1j * np.linspace(0, 2 * np.pi, 20011)))).max() / 8
  assert finest <= value <= finest * 1.002


def test_all_ones_are_as_bad_as_it_gets(judge):
  assert judge(core.load("littlewood_flatness_64"), [1] * 64).value == pytest.approx(8, rel=1e-3)


def test_messages_name_the_sign(judge):
  task = core.load("littlewood_flatness_32")
  with pytest.raises(core.Invalid, match=r"signs\[3\] is 0, expected 1 or -1"):
    judge(task, [1, -1, 1, 0] * 8)
  with pytest.raises(core.Invalid, match="at most 1"):
    judge(task, [2] * 32)
  with pytest.raises(core.Invalid, match="32"):
    judge(task, [1] * 31)
