"""First autocorrelation inequality: the formula a second time in exact arithmetic, and known functions."""

from fractions import Fraction

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("first_autocorrelation")


def exact(heights) -> Fraction:
  a = [Fraction(float(h)) for h in heights]
  n = len(a)
  sums = [sum(a[i] * a[k - i] for i in range(max(0, k - n + 1), min(n, k + 1))) for k in range(2 * n - 1)]
  return 2 * n * max(sums) / sum(a) ** 2


def test_simple_functions_have_their_exact_values(judge):
  assert judge(TASK, [3.0]).value == pytest.approx(2, rel=1e-11)
  assert judge(TASK, np.ones(64)).value == pytest.approx(2, rel=1e-11)
  # Central binomials convolve to powers of 4: the discrete 1/sqrt, whose value tends to pi/2.
  ratio = 1 - 0.5 / np.arange(1, 1500)
  value = judge(TASK, np.concatenate([[1], np.cumprod(ratio)])).value
  assert np.pi / 2 < value < np.pi / 2 + 1e-3


@hypothesis.given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12))
@hypothesis.settings(max_examples=80, deadline=None)
def test_the_value_equals_exact_arithmetic(judge, heights):
  if max(heights) < 1e-100:
    with pytest.raises(core.Invalid, match="largest height"):
      judge(TASK, heights)
    return
  truth = float(exact(heights))
  assert truth * (1 + 1e-13) <= judge(TASK, heights).value <= truth * (1 + 1e-11)


def test_only_proportions_count(judge):
  heights = np.random.default_rng(0).uniform(0, 1, 30)
  values = [judge(TASK, heights * scale).value for scale in (1e-90, 1, 3.7, 1e99)]
  assert max(values) - min(values) < 1e-14 * values[0] * 30
  assert judge(TASK, heights * 1e50).construction.max() == 1


def test_a_good_function(judge, known):
  """120 steps, found by sequential linear programs of our own."""
  heights = known("first_autocorrelation_120")
  value = judge(TASK, heights).value
  assert value == pytest.approx(float(exact(heights)), rel=1e-11)
  assert 1.5028629 < value < 1.516 and 0.95 < TASK.score(value) < 1


def test_lengths_by_fidelity(judge):
  long = np.ones(30_000)
  assert judge(TASK, long, fidelity="full").value == pytest.approx(2, rel=1e-11)
  with pytest.raises(core.Invalid, match=r"expected \(1\.\.1500,\)"):
    judge(TASK, long)
  with pytest.raises(core.Invalid, match=r"heights\[1\] is -1e-300, expected at least 0"):
    judge(TASK, [1, -1e-300])
