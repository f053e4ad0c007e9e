"""Fish polygon: our reference reaches the best known value, and crossing, touching or long nets are refused."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("fish_polygon_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)
SQUARE = [0, 0, 0, 9, 9, 9, 9, 0]


def net(*corners) -> str:
  """One line for each of the 16 instances: `corners` for the first, a small square for the others."""
  return "\n".join(" ".join(map(str, line)) for line in [np.ravel(corners).tolist(), *[SQUARE] * 15])


def test_the_reference_reaches_the_best_known_value(native, reference):
  score, _ = native(TASK, reference("fish_polygon.cpp"))
  assert score.value == pytest.approx(TASK.best_known, abs=0.03)


def above(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Whether an odd number of level sides lies above each point, none of which is on a side's line."""
  ends = np.roll(corners, -1, axis=0)
  low, high = np.minimum(corners, ends)[:, 0], np.maximum(corners, ends)[:, 0]
  x, y = points[:, :1], points[:, 1:]
  return ((low < x) & (x < high) & (corners[:, 1] > y)).sum(axis=1) % 2 == 1


def test_points_inside_agree_with_a_second_check(native, reference):
  """A fish is inside or on the border exactly where one of the four places beside it is inside."""
  _, session = native(TASK, reference("fish_polygon.cpp"))
  rng = np.random.default_rng(0)
  for line in session.written.splitlines()[:4]:
    corners = np.array(line.split(), int).reshape(-1, 2)
    FILE.check(0, corners)
    points = np.vstack([rng.integers(0, 1001, (2000, 2)), corners, corners + [[0, 1]], corners - [[1, 0]]])
    beside = [above(corners, points + shift) for shift in 0.25 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])]
    np.testing.assert_array_equal(FILE.inside(corners, points), np.any(beside, axis=0))
    assert FILE.inside(corners, corners).all()


def test_the_whole_sea_holds_all_fish(judge):
  assert judge(TASK, net(0, 0, 0, 1000, 1000, 1000, 1000, 0)).instances[0] == 0


@pytest.mark.parametrize("corners, message", [
    ((0, 0, 0, 9, 9, 9), "line 1 has 6 numbers, expected 8 to 120 in steps of 2"),
    ((0, 0, 0, 9, 9, 9, 9, 0, 5), "line 1 has 9 numbers"),
    ((0, 0, 5, 9, 9, 9, 9, 0), r"the side from \[0, 0\] to \[5, 9\] is not parallel"),
    ((0, 0, 0, 0, 0, 9, 9, 9, 9, 0), r"the side from \[0, 0\] to \[0, 0\] is not parallel"),
    ((0, 0, 0, 9, 9, 9, 9, 5, 9, 7, 20, 7, 20, 0), "sides 2 and 3 run back over each other"),
    ((0, 0, 0, 9, 9, 9, 9, 3, 4, 3, 4, 20, 6, 20, 6, 0), "touch at or near"),
    ((0, 0, 0, 9, 9, 9, 9, 18, 18, 18, 18, 9, 9, 9, 9, 0), "touch at or near"),
    ((0, 0, 0, 9, 9, 9, 9, 1001), "line 1, number 8 is 1001"),
])
def test_messages_name_the_sides(judge, corners, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, net(*corners))


def test_length_is_bounded(judge):
  comb = [0, 0]
  for x in range(0, 40, 4):
    comb += [x, 990, x + 2, 990, x + 2, 5, x + 4, 5]
  comb += [44, 5, 44, 0]
  with pytest.raises(core.Invalid, match="expected at most 8000"):
    judge(TASK, net(*comb))


def test_a_net_around_nothing_has_value_zero(judge):
  assert judge(TASK, net(SQUARE)).value <= 0.02
