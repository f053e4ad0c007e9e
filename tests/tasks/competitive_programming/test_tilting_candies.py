"""Tilting candies: looking one drop ahead reaches the best known value; drops, slides and groups are counted right."""

import types

import networkx
import numpy as np
import pytest

from eft_jax import core

TASK = core.load("tilting_candies_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def test_the_reference_reaches_the_best_known_value(run, reference):
  assert run(TASK, reference("tilting_candies.py")).value == pytest.approx(TASK.best_known, abs=0.06)


def test_slides_agree_with_lists():
  board = np.random.default_rng(0).integers(0, 4, (5, 5))
  up, down, left, right = FILE.tilts(board[None])[0]
  for line in range(5):
    column, row = [v for v in board[:, line] if v], [v for v in board[line] if v]
    pad = [0] * (5 - len(column)), [0] * (5 - len(row))
    assert up[:, line].tolist() == column + pad[0] and down[:, line].tolist() == pad[0] + column
    assert left[line].tolist() == row + pad[1] and right[line].tolist() == pad[1] + row


def test_groups_agree_with_networkx():
  board = np.random.default_rng(1).integers(1, 4, (6, 6))
  grid = networkx.grid_2d_graph(6, 6)
  grid.remove_edges_from([(a, b) for a, b in grid.edges if board[a] != board[b]])
  groups = sum(len(group) ** 2 for group in networkx.connected_components(grid))
  assert FILE.clustering(board) == groups / (np.bincount(board.ravel()) ** 2).sum()
  assert FILE.clustering(np.repeat([[1], [2], [3]], 3, axis=1)) == 1


def test_all_sweets_end_in_the_box(judge):
  seen = []

  def rank(boards, coming):
    seen.append((boards.copy(), coming.copy()))
    return np.zeros((len(boards), 4))

  judge(TASK, rank)
  assert len(seen) == 24
  for turn, (boards, coming) in enumerate(seen):
    assert ((boards > 0).sum(axis=(2, 3)) == turn + 1).all()
    assert (coming > 0).sum(axis=1).tolist() == [min(3, 24 - turn)] * len(boards)
    if turn:
      before, after = np.sort(seen[turn - 1][0][:, 0].reshape(32, -1)), np.sort(boards[:, 0].reshape(32, -1))
      assert (after.sum(axis=1) - before.sum(axis=1) == seen[turn - 1][1][:, 0]).all()


def test_drops_reach_every_empty_cell_and_no_other():
  boards = np.array([[[1, 0], [0, 2]]] * 4)
  FILE.drop(boards, np.array([3, 3, 3, 3]), np.array([0.0, 0.49, 0.5, 0.999999]))
  assert [board.tolist() for board in boards] == [[[1, 3], [0, 2]]] * 2 + [[[1, 0], [3, 2]]] * 2


@pytest.mark.parametrize("result, message", [
    (lambda boards, coming: np.full((len(boards), 4), np.nan), r"rank\[0, 0\] is nan"),
    (lambda boards, coming: np.zeros(len(boards)), "rank has shape"),
    (lambda boards, coming: np.zeros((len(boards), 5)), "rank has shape"),
])
def test_messages_name_the_rank(judge, result, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
