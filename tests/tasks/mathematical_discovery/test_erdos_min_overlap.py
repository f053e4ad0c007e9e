"""Erdos minimum overlap: the definition integrated a second time, known functions, and the scaling rule."""

from fractions import Fraction

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("erdos_min_overlap")


def overlap_at(heights: list[Fraction], shift: Fraction) -> Fraction:
  """Integral of h(x) (1 - h(x + shift)) over x and x + shift in [0, 2], exactly, for steps of equal width."""
  n = len(heights)
  width = Fraction(2, n)
  total = Fraction(0)
  for i, a in enumerate(heights):
    for j, b in enumerate(heights):
      left = max(i * width, j * width - shift)
      right = min((i + 1) * width, (j + 1) * width - shift)
      if right > left:
        total += (right - left) * a * (1 - b)
  return total


def exact(heights) -> Fraction:
  """The largest overlap over shifts by whole steps, of heights scaled to integral 1."""
  given = [Fraction(float(h)) for h in heights]
  n, total = len(given), sum(given)
  scaled = [h * n / 2 / total for h in given]
  sums = [sum(scaled[i] * (1 - scaled[i + k]) for i in range(max(0, -k), min(n, n - k))) for k in range(1 - n, n)]
  return max(sums) * 2 / n


def test_simple_functions_have_their_exact_values(judge):
  assert judge(TASK, [0.5, 0.5]).value == pytest.approx(0.5, abs=1e-11)
  assert judge(TASK, [0.1] * 7).value == pytest.approx(0.5, abs=1e-11)  # scaled up to 1/2
  assert judge(TASK, [0, 1, 1, 0]).value == pytest.approx(0.5, abs=1e-11)
  assert judge(TASK, [0, 1]).value == pytest.approx(1, abs=1e-11)


@hypothesis.given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
@hypothesis.settings(max_examples=60, deadline=None)
def test_the_value_equals_an_exact_integral(judge, heights):
  try:
    score = judge(TASK, heights)
  except core.Invalid:
    assert sum(heights) < 1e-3 or max(heights) * len(heights) / 2 > sum(heights)
    return
  assert 0 <= score.value - float(exact(heights)) < 1e-11  # never better than the truth
  assert np.sum(score.construction) * 2 / len(heights) == pytest.approx(1, abs=1e-11)
  assert (score.construction <= 1).all()


def test_the_largest_overlap_is_at_a_shift_by_whole_steps():
  heights = [Fraction(k, 8) for k in (2, 7, 4, 6, 1)]
  whole = max(overlap_at(heights, Fraction(2 * k, 5)) for k in range(-4, 5))
  assert whole == exact(heights) == max(overlap_at(heights, Fraction(k, 50)) for k in range(-100, 101))


def test_a_near_record_function(judge, known):
  """51 steps, found by sequential linear programs of our own; the human record has .38092685 with 51 steps."""
  heights = known("erdos_min_overlap_51")
  value = judge(TASK, heights).value
  assert 0 <= value - float(exact(heights)) < 1e-11
  assert 0.38087532 < value < 0.38096 and 0.998 < TASK.score(value) < 1


def test_messages_say_what_the_scaling_does(judge):
  with pytest.raises(core.Invalid, match=r"heights\[3\] is 1.33333 after scaling .* given mean was 0.375"):
    judge(TASK, [0, 0.5, 0, 1])
  with pytest.raises(core.Invalid, match="sum to 0, which cannot be scaled to 2"):
    judge(TASK, [0, 0, 0, 0])
  with pytest.raises(core.Invalid, match=r"heights\[0\] is 1.5, expected at most 1"):
    judge(TASK, [1.5, 0.5])
  with pytest.raises(core.Invalid, match=r"2\.\.1000 are expected"):
    judge(TASK, [0.5] * 1001)


def test_rounding_of_the_scaling_is_no_reason_to_refuse(judge):
  heights = np.repeat([0.0, 1.0, 1.0, 0.0], 7)
  heights[3] = 1e-14  # the sum is a little above half of the steps, the scaled ones a little below 1
  assert judge(TASK, heights).value >= 0.5
  heights[3], heights[8] = 0, 1 - 1e-13  # the other way round
  score = judge(TASK, heights)
  assert score.value >= 0.5 and score.construction.max() == 1
