"""Grids without isosceles right triangles: largest sets score 1, and every triangle is named."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("no_isosceles_8")


@pytest.mark.parametrize("n", [8])
def test_known_sets_score_one(n, judge, known):
  task = core.load(f"no_isosceles_{n}")
  points = known(f"no_isosceles_{n}")
  assert judge(task, points[::-1]).value == judge(task, n - 1 - points[:, ::-1]).value == task.best_known


def test_messages_name_the_points(judge):
  task = core.load("no_isosceles_8")
  with pytest.raises(core.Invalid, match=r"1 isosceles right triangles, among them \[\[2, 2\], \[3, 4\], \[0, 3\]\]"):
    judge(task, [[0, 3], [2, 2], [3, 4]])
  with pytest.raises(core.Invalid, match=r"point \[1, 2\] stands twice"):
    judge(task, [[1, 2], [0, 0], [1, 2]])
  with pytest.raises(core.Invalid, match="at most 7"):
    judge(task, [[0, 8]])


def squared_sides(triple):
  return sorted((a - c) ** 2 + (b - d) ** 2 for (a, b), (c, d) in itertools.combinations(triple, 2))


@hypothesis.given(st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=6))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, points):
  sides = [squared_sides(triple) for triple in itertools.combinations(points, 3)]
  legal = len(set(points)) == len(points) and not any(a == b and a + b == c for a, b, c in sides)
  try:
    assert judge(TASK, points).value == len(points) and legal
  except core.Invalid:
    assert not legal
