"""Second autocorrelation inequality: the formula a second time in exact arithmetic, and known functions."""

from fractions import Fraction

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK, SHORT = core.load("second_autocorrelation"), core.load("second_autocorrelation_50")


def exact(heights) -> Fraction:
  """The integral of the squared piecewise linear convolution, by Simpson's rule, which is exact for squares."""
  a = [Fraction(float(h)) for h in heights]
  n = len(a)
  knots = [Fraction(0), *(sum(a[i] * a[k - i] for i in range(max(0, k - n + 1), min(n, k + 1)))
                          for k in range(2 * n - 1)), Fraction(0)]
  square = sum((x**2 + 4 * ((x + y) / 2) ** 2 + y**2) / 6 for x, y in zip(knots, knots[1:], strict=False))
  return square / (sum(knots) * max(knots))


def test_simple_functions_have_their_exact_values(judge):
  # A box convolves to a triangle, however many steps it has: integral of its square 2/3, integral 1, height 1.
  for steps in (1, 7, 1500):
    assert judge(TASK, np.ones(steps)).value == pytest.approx(2 / 3, rel=1e-11)


@hypothesis.given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12))
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_value_equals_exact_arithmetic(judge, heights):
  if max(heights) < 1e-100:
    with pytest.raises(core.Invalid, match="largest height"):
      judge(TASK, heights)
    return
  truth = float(exact(heights))
  assert truth * (1 - 1e-11) <= judge(TASK, heights).value <= truth * (1 - 1e-13)


def test_a_good_function_of_50_steps(judge, known):
  """Found by quasi-Newton optimisation of our own."""
  heights = known("second_autocorrelation_50")
  value = judge(SHORT, heights).value
  assert value == pytest.approx(float(exact(heights)), rel=1e-11) == judge(TASK, heights * 1e80).value
  assert 0.88 < value < TASK.best_known
  assert SHORT.score(value) > 0.95


def test_only_proportions_count_and_lengths_go_by_fidelity(judge):
  heights = np.random.default_rng(0).uniform(0, 1, 30)
  values = [judge(TASK, heights * scale).value for scale in (1e-90, 1, 3.7, 1e99)]
  assert max(values) - min(values) < 1e-12
  assert judge(TASK, np.ones(50_000), fidelity="full").value == pytest.approx(2 / 3, rel=1e-9)
  for task, longest in ((TASK, 1500), (SHORT, 50)):
    with pytest.raises(core.Invalid, match=rf"expected \(1\.\.{longest},\)"):
      judge(task, np.ones(longest + 1))
  with pytest.raises(core.Invalid, match=r"heights\[1\] is -1e-300, expected at least 0"):
    judge(TASK, [1, -1e-300])
  with pytest.raises(core.Invalid, match="the largest height is 0"):
    judge(TASK, np.zeros(5))
