"""Sets with more sums than differences: Conway's set has its known value, our best one scores 1."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("sum_difference_set_30_own")


def test_conways_set(judge):
  score = judge(TASK, [0, 2, 3, 4, 7, 11, 12, 14])
  assert (score.metrics["sums"], score.metrics["differences"]) == (26, 25)
  assert score.value == pytest.approx(math.log(26) / math.log(25), rel=1e-11)


def test_our_best_set_scores_one(judge, known):
  best = known("sum_difference_set_30")
  assert judge(TASK, best).value == pytest.approx(TASK.best_known, rel=1e-9)
  assert judge(TASK, 100 - best[::-1]).value == pytest.approx(TASK.best_known, rel=1e-9)


def test_an_arithmetic_progression_has_as_many_sums_as_differences(judge):
  assert judge(TASK, np.arange(1, 90, 3)).value == pytest.approx(1, rel=1e-11)
  assert judge(TASK, [3, 70]).value == pytest.approx(1, rel=1e-11)


def test_messages_name_the_element(judge):
  with pytest.raises(core.Invalid, match="element 4 stands twice"):
    judge(TASK, [4, 0, 4])
  with pytest.raises(core.Invalid, match="2..30"):
    judge(TASK, [4])
  with pytest.raises(core.Invalid, match="2..30"):
    judge(TASK, list(range(31)))
  with pytest.raises(core.Invalid, match="at most 100"):
    judge(TASK, [0, 101])


@hypothesis.given(st.sets(st.integers(0, 100), min_size=2, max_size=30))
@hypothesis.settings(max_examples=60, deadline=None)
def test_the_value_equals_a_second_computation(judge, elements):
  sums = len({a + b for a in elements for b in elements})
  differences = len({a - b for a in elements for b in elements})
  assert judge(TASK, sorted(elements)).value == pytest.approx(math.log(sums) / math.log(differences), rel=1e-11)
