"""Peaceable queens: largest armies score 1, and every attack is named."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("peaceable_queens_8")
LARGEST = {
    8: "00200022 00200220 00000200 01000000 11000000 10011000 00000022 01011000",
    10: "2002200000 0202220000 0000000111 2002020000 2200200000 0200000000 0000000100 0010001010 0010001101 0010000110",
}


@pytest.mark.parametrize("n", LARGEST)
def test_largest_armies_score_one(n, judge):
  task = core.load(f"peaceable_queens_{n}")
  board = np.array([[int(c) for c in row] for row in LARGEST[n].split()])
  assert judge(task, board).value == judge(task, (3 - board.T) % 3).value == task.best_known


def test_messages_name_the_attack(judge):
  task = core.load("peaceable_queens_8")
  board = np.zeros((8, 8), int)
  board[1, 2], board[6, 7] = 1, 2
  with pytest.raises(core.Invalid, match=r"on \[1, 2\] attacks the black queen on \[6, 7\] along a falling"):
    judge(task, board)
  board[6, 7] = 0
  assert judge(task, board).value == 0  # one army alone
  board[1, 7] = 2
  with pytest.raises(core.Invalid, match="along a row"):
    judge(task, board)
  with pytest.raises(core.Invalid, match="at most 2"):
    judge(task, np.full((8, 8), 3))


@hypothesis.given(*[st.lists(st.integers(0, 63), min_size=1, max_size=3)] * 2)
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, white, black):
  hypothesis.assume(not set(white) & set(black))
  board = np.zeros((8, 8), int)
  board.flat[white], board.flat[black] = 1, 2
  legal = all(w % 8 != b % 8 and w // 8 != b // 8 and abs(w % 8 - b % 8) != abs(w // 8 - b // 8)
              for w in white for b in black)
  try:
    assert judge(TASK, board).value == min(len(set(white)), len(set(black))) and legal
  except core.Invalid:
    assert not legal
