"""Grids without squares: every square is named, and the count of what could be added equals a second count."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("square_free_grid_10")


def squares(points):
  """Sets of four points with four equal sides and two equal diagonals of twice their square."""
  for four in itertools.combinations(sorted(points), 4):
    d = sorted((a - c) ** 2 + (b - e) ** 2 for (a, b), (c, e) in itertools.combinations(four, 2))
    if d[0] == d[3] and d[4] == d[5] == 2 * d[0]:
      yield four


def test_messages_name_the_points(judge):
  task = core.load("square_free_grid_10")
  with pytest.raises(core.Invalid, match=r"1 squares, among them \[\[0, 1\], \[2, 0\], \[1, 3\], \[3, 2\]\]"):
    judge(task, [[2, 0], [0, 1], [3, 2], [1, 3]])
  with pytest.raises(core.Invalid, match=r"point \[1, 2\] stands twice"):
    judge(task, [[1, 2], [0, 0], [1, 2]])
  with pytest.raises(core.Invalid, match="at most 9"):
    judge(task, [[10, 0]])


def test_a_known_set(judge, known):
  task = core.load("square_free_grid_10")
  assert judge(task, known("square_free_grid_10")).value >= 40 > task.baseline


@hypothesis.given(st.sets(st.tuples(*[st.integers(0, 3)] * 2), min_size=1, max_size=9))
@hypothesis.settings(max_examples=60, deadline=None)
def test_the_verdict_equals_a_second_check(judge, points):
  legal = not any(squares(points))
  try:
    score = judge(TASK, sorted(points))
    grid = set(itertools.product(range(10), repeat=2)) - points
    addable = [p for p in grid if not any(p in four for four in near_squares(points, p))]
    assert legal and score.metrics["points_that_could_be_added"] == len(addable)
  except core.Invalid:
    assert not legal


def near_squares(points, p):
  return (four for three in itertools.combinations(points, 3) for four in squares({*three, p}))
