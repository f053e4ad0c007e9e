"""Sparse rulers: Wichmann's rulers score 1, and distances that are not measured are named."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("sparse_ruler_68")


def wichmann(r, s):
  gaps = [1] * r + [r + 1] + [2 * r + 1] * r + [4 * r + 3] * s + [2 * r + 2] * (r + 1) + [1] * r
  return [0, *itertools.accumulate(gaps)]


@pytest.mark.parametrize("n, r, s", [(68, 2, 3), (101, 2, 6), (138, 3, 5)])
def test_wichmanns_rulers_score_one(n, r, s, judge):
  task = core.load(f"sparse_ruler_{n}")
  marks = wichmann(r, s)
  assert marks[-1] == n
  assert judge(task, marks).value == judge(task, [n - x for x in marks]).value == task.best_known


def test_messages_name_the_distances(judge):
  task = core.load("sparse_ruler_68")
  with pytest.raises(core.Invalid, match=r"65 of the distances 1 to 68 are not measured, among them \[2, 3, 4, 5, 6\]"):
    judge(task, [68, 0, 1])
  with pytest.raises(core.Invalid, match="mark 3 stands twice"):
    judge(task, [0, 3, 3, 68])
  with pytest.raises(core.Invalid, match="at most 68"):
    judge(task, [*range(68), 69])


@hypothesis.given(st.sets(st.integers(0, 68), max_size=40))
@hypothesis.settings(max_examples=60, deadline=None)
def test_the_verdict_equals_a_second_check(judge, gone):
  marks = sorted(set(range(69)) - gone)
  legal = {b - a for a, b in itertools.combinations(marks, 2)} == set(range(1, 69))
  try:
    assert judge(TASK, marks).value == len(marks) and legal
  except core.Invalid:
    assert not legal
