"""Golomb rulers: the published optimal ones score 1, and any repeated difference is named."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

OPTIMAL = {
    10: [0, 1, 6, 10, 23, 26, 34, 41, 53, 55],
    11: [0, 1, 4, 13, 28, 33, 47, 54, 64, 70, 72],
    12: [0, 2, 6, 24, 29, 40, 43, 55, 68, 75, 76, 85],
    13: [0, 2, 5, 25, 37, 43, 59, 70, 85, 89, 98, 99, 106],
}


@pytest.mark.parametrize("n", OPTIMAL)
def test_published_rulers_score_one(n, judge):
  task = core.load(f"golomb_ruler_{n}")
  moved = [37 - mark for mark in OPTIMAL[n]]
  assert judge(task, OPTIMAL[n]).value == judge(task, moved).value == task.best_known
  assert task.score(task.best_known) == 1
  mirrored = judge(task, moved).construction.tolist()
  assert mirrored == [OPTIMAL[n][-1] - mark for mark in reversed(OPTIMAL[n])]


def test_messages_name_the_marks(judge):
  task = core.load("golomb_ruler_10")
  with pytest.raises(core.Invalid, match="marks 5, 6 and marks 6, 7 both differ by 1"):
    judge(task, [5, 6, 7, 20, 33, 47, 80, 95, 130, 200])
  with pytest.raises(core.Invalid, match="mark 6 stands twice"):
    judge(task, [0, 1, 6, 6, 23, 26, 34, 41, 53, 55])
  with pytest.raises(core.Invalid, match=r"marks\[1\] is 0.5, expected an integer"):
    judge(task, [0, 0.5, *range(2, 10)])
  with pytest.raises(core.Invalid, match="at most 1000000"):
    judge(task, [2**40, *OPTIMAL[10][1:]])


@hypothesis.given(st.lists(st.integers(-400, 4000), min_size=10, max_size=10))
@hypothesis.settings(max_examples=150, deadline=None)
def test_the_verdict_equals_a_second_check(judge, marks):
  differences = [abs(a - b) for a, b in itertools.combinations(marks, 2)]
  legal = 0 not in differences and len(set(differences)) == len(differences)
  try:
    assert judge(core.load("golomb_ruler_10"), marks).value == max(marks) - min(marks) and legal
  except core.Invalid:
    assert not legal
