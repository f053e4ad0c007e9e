"""Progression-free sets: the largest ones score 1, and every progression is named."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("ap_free_set_122")


def test_base_three_without_twos_is_optimal_up_to_122(judge):
  task = core.load("ap_free_set_122")
  numbers = [1 + int(np.base_repr(i, 2), 3) for i in range(32)]
  assert judge(task, numbers[::-1]).value == task.best_known == 32
  assert judge(task, [123 - x for x in numbers]).value == 32


def test_messages_name_the_numbers(judge):
  task = core.load("ap_free_set_122")
  with pytest.raises(core.Invalid, match="2 progressions of three; the first: 3, 5, 7"):
    judge(task, [9, 3, 7, 5])
  with pytest.raises(core.Invalid, match="number 7 stands twice"):
    judge(task, [7, 3, 7])
  with pytest.raises(core.Invalid, match="at most 122"):
    judge(task, [1, 123])
  with pytest.raises(core.Invalid, match="expected an integer"):
    judge(task, [1, 2.5])


@hypothesis.given(st.lists(st.integers(1, 122), min_size=1, max_size=8))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, numbers):
  legal = len(set(numbers)) == len(numbers) and not any(
      b - a == c - b for a, b, c in itertools.combinations(sorted(numbers), 3))
  free = [x for x in range(1, 123) if x not in numbers and not any(
      b - a == c - b for a, b, c in itertools.combinations(sorted([*numbers, x]), 3))]
  try:
    score = judge(TASK, numbers)
    assert legal and score.metrics["numbers_that_could_be_added"] == len(free)
  except core.Invalid:
    assert not legal
