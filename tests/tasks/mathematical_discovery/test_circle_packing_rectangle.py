"""Circles in a rectangle: rows of circles have exact values; what is repaired is disjoint and gains nothing."""

import itertools
from fractions import Fraction

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("circle_packing_rectangle_21")


def exactly_disjoint(circles) -> bool:
  rows = [[Fraction(float(c)) for c in row] for row in circles]
  return all(r >= 0 for _, _, r in rows) and all(
      (x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2 for (x, y, r), (u, v, s) in itertools.combinations(rows, 2))


def exact_value(circles) -> Fraction:
  """Twice the sum of radii over the sum of the sides of the smallest rectangle around them."""
  rows = [[Fraction(float(c)) for c in row] for row in circles]
  sides = [max(row[axis] + row[2] for row in rows) - min(row[axis] - row[2] for row in rows) for axis in (0, 1)]
  return 2 * sum(row[2] for row in rows) / sum(sides)


def board(rows: int, columns: int) -> np.ndarray:
  return np.array([(x, y, 0.5) for x in range(columns) for y in range(rows)])


def test_boards_have_their_exact_value(judge):
  assert judge(TASK, board(3, 7)).value == pytest.approx(21 * 0.5 * 2 / 10, rel=1e-11)
  assert judge(TASK, board(1, 21) * 1e3 + [5e4, 7, 0]).value == pytest.approx(21 * 0.5 * 2 / 22, rel=1e-9)


def test_the_best_packing_scores_one(judge, known):
  """Of our own optimisation; it passes the published 2.3658321334 in the seventh digit."""
  score = judge(TASK, known("circle_packing_rectangle_21"))
  assert TASK.score(score.value) == pytest.approx(1, abs=1e-9) and 2.3658321334 < score.value < 2.36584
  assert exactly_disjoint(score.construction)
  truth = float(exact_value(score.construction))
  assert score.value <= truth and score.value == pytest.approx(truth, rel=1e-10)


@hypothesis.given(st.integers(0, 2**32 - 1), st.floats(-9, -6.5), st.booleans(), st.floats(-2, 3))
@hypothesis.settings(max_examples=15, deadline=None)
def test_what_comes_out_is_disjoint_and_worth_no_more_than_in_exact_arithmetic(judge, seed, exponent, swell, size):
  rng = np.random.default_rng(seed)
  centres = rng.uniform(0, 1, (21, 2)) * [1, rng.uniform(0.2, 1)]
  gap = np.hypot(*(centres[:, None] - centres).T) + 2 * np.eye(21)
  radii = gap.min(axis=0) / 2 + swell * 10**exponent * rng.uniform(0, 0.1, 21)
  score = judge(TASK, np.column_stack([centres, radii]) * 10**size)
  assert exactly_disjoint(score.construction)
  truth = float(exact_value(score.construction))
  assert score.value <= truth * (1 + 1e-15) and score.value == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize("slack", [1e-12, 1e-9, 1e-7])
def test_slack_gains_nothing(slack, judge, known):
  record = known("circle_packing_rectangle_21")
  honest = judge(TASK, record).value
  assert judge(TASK, record + [0, 0, slack]).value <= honest and judge(TASK, record * [1, 1, 1 + slack]).value <= honest


def test_messages_and_degenerate_packings(judge):
  wrong = board(3, 7)
  wrong[4, 2] = 0.51
  with pytest.raises(core.Invalid, match="circles 4 and 5 overlap by 0.002 in a rectangle of perimeter 4"):
    judge(TASK, wrong)
  wrong[4, 2] = -1e-9
  with pytest.raises(core.Invalid, match=r"radii\[4\] is -1e-09, expected at least 0"):
    judge(TASK, wrong)
  with pytest.raises(core.Invalid, match="the rectangle has sides 0 and 0, expected at least 0.001"):
    judge(TASK, np.zeros((21, 3)))
  points = board(3, 7) * [1, 1, 0]
  assert judge(TASK, points).value == 0
  one = points.copy()
  one[0] = [50, 50, 20]  # one large circle, 20 points
  assert judge(TASK, one).value == pytest.approx(2 * 20 / 140, rel=1e-9)
