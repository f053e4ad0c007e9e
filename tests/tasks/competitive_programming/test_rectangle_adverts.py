"""Rectangle adverts: the cutting behind an instance satisfies all, and overlaps are named."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("rectangle_adverts_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def read(text: str) -> list[np.ndarray]:
  """Points and wishes [n, 3] of each instance in the text that a candidate reads."""
  numbers = np.array(text.split(), int)
  found, at = [], 1
  for _ in range(numbers[0]):
    n = numbers[at]
    found.append(numbers[at + 1:at + 1 + 3 * n].reshape(n, 3))
    at += 1 + 3 * n
  assert at == len(numbers)
  return found


def write(boxes) -> str:
  return "\n".join(" ".join(map(str, np.ravel(rows).tolist())) for rows in boxes) + "\n"


def unit(text: str) -> list[np.ndarray]:
  """The smallest valid answer: each advert is its own cell."""
  return [np.column_stack([rows[:, :2], rows[:, :2] + 1]) for rows in read(text)]


def score_by_cells(rows, boxes) -> float:
  """A second reading of the rules, cell by cell."""
  board = np.zeros((1000, 1000), int)
  total = 0.0
  for (x, y, wish), (x1, y1, x2, y2) in zip(rows, boxes, strict=True):
    board[x1:x2, y1:y2] += 1
    area = (x2 - x1) * (y2 - y1)
    ratio = area / wish if area < wish else wish / area
    total += (1 - (1 - ratio) ** 2) * (x1 <= x < x2 and y1 <= y < y2)
  assert board.max() == 1
  return total / len(rows)


def test_wishes_fill_the_board_and_cells_differ(given):
  for rows in read(given(TASK)):
    assert rows[:, 2].sum() == 1_000_000 and rows[:, 2].min() > 0
    assert len(np.unique(rows[:, :2], axis=0)) == len(rows)


def test_the_seed_agrees_with_a_second_reading(native):
  score, session = native(TASK)
  boxes = [np.array(line.split(), int).reshape(-1, 4) for line in session.written.splitlines()]
  values = [score_by_cells(rows, found) for rows, found in zip(read(session.given), boxes, strict=True)]
  assert score.value == pytest.approx(np.mean(values[8:])) and score.instances == pytest.approx(values[:8])


def test_a_board_cut_into_strips_is_perfect(judge):
  """Adverts on one row that want strips of full height get exactly them."""
  edges = np.array([0, 100, 350, 1000])
  wishes = np.column_stack([edges[:-1] + 5, [500] * 3, np.diff(edges) * 1000])
  boxes = np.column_stack([edges[:-1], [0] * 3, edges[1:], [1000] * 3])
  assert FILE.satisfaction(0, wishes, boxes) == 1
  boxes[1, 2] += 1
  with pytest.raises(core.Invalid, match="instance 1: rectangles 1 and 2 share 1000 cells"):
    FILE.satisfaction(0, wishes, boxes)


@pytest.mark.parametrize("change, message", [
    (lambda b: b[0].__setitem__((1, slice(None)), b[0][0]), "instance 1: rectangles 0 and 1 share 1 cells"),
    (lambda b: b[2].__setitem__((3, 2), b[2][3, 0]), r"instance 3: rectangle 3 is .* which has no cells"),
    (lambda b: b[2].__setitem__((3, slice(None)), b[2][3, [2, 3, 0, 1]]), "which has no cells"),
    (lambda b: b[1].__setitem__((0, 2), 1001), "line 2, number 3 is 1001, expected 0 to 1000"),
    (lambda b: b[1].__setitem__((0, 0), -1), "line 2, number 1 is -1"),
    (lambda b: b.__setitem__(4, b[4][:-1]), "line 5 has .* numbers, expected"),
    (lambda b: b.pop(), "15 lines, expected 16"),
])
def test_messages_name_the_rectangles(given, judge, change, message):
  boxes = unit(given(TASK))
  assert 0 < judge(TASK, write(boxes)).value < 0.2
  change(boxes)
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, write(boxes))
