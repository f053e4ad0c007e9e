"""Polyomino packing: a planted square scores 1, and shared cells are named."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("polyomino_packing_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def apart(pieces):
  """Each piece in a row of its own."""
  return [[0, 5 * i, 0, 0] for i in range(len(pieces))]


def test_pieces_are_connected_and_fill_a_square(hidden_seeds):
  for pieces in FILE.instances(tuple(hidden_seeds("pieces", 8)), "search"):
    assert round(sum(map(len, pieces)) ** 0.5) ** 2 == sum(map(len, pieces))
    for piece in pieces:
      steps = np.abs(piece[:, None] - piece).sum(axis=2)
      reached = np.linalg.matrix_power((steps <= 1).astype(int), len(piece))
      assert reached.all() and 1 <= len(piece) <= 5 and (piece.min(axis=0) == 0).all()


def test_a_perfect_square_scores_one():
  """Two L-shaped pieces and one mirrored one of nine cells."""
  corner = np.array([[0, 0], [1, 0], [0, 1]])
  bar = np.array([[0, 0], [0, 1], [0, 2]])
  assert FILE.fill((corner, corner, bar), [[0, 0, 0, 0], [0, 1, 2, 0], [2, 0, 0, 0]]) == 1
  assert FILE.fill((corner, corner, bar), [[9, 9, 0, 0], [9, 10, 2, 0], [11, 9, 2, 1]]) == 1
  with pytest.raises(core.Invalid, match=r"pieces 0 and 1 share cell \[1, 0\]"):
    FILE.fill((corner, corner, bar), [[0, 0, 0, 0], [0, 0, 1, 0], [5, 5, 0, 0]])


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirror", range(2))
def test_turning_agrees_with_matrices(turns, mirror):
  cells = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [3, 1]])
  matrix = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turns) @ np.diag([-1 if mirror else 1, 1])
  expected = cells @ matrix.T
  np.testing.assert_array_equal(FILE.turned(cells, turns, mirror), expected - expected.min(axis=0))


@pytest.mark.parametrize("change, message", [
    (lambda r: r.__setitem__(1, r[0]), "instance 1: pieces 0 and 1 share cell"),
    (lambda r: r[3].__setitem__(2, 4), "instance 1: piece 3 has turns 4, expected 0 to 3"),
    (lambda r: r[3].__setitem__(3, 2), "piece 3 has mirror 2"),
    (lambda r: r[2].__setitem__(0, -1), r"placement\[2, 0\] is -1, expected at least 0"),
    (lambda r: r[2].__setitem__(1, 0.5), "expected an integer"),
    (lambda r: r.pop(), "expected"),
])
def test_messages_name_the_pieces(judge, change, message):
  assert 0 < judge(TASK, apart).value < 0.1

  def answer(pieces):
    rows = apart(pieces)
    change(rows)
    return rows
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, answer)
