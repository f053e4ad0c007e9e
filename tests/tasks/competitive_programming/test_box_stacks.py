"""Box stacks: our reference reaches the best known value; impossible moves and boxes that remain are named."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("box_stacks_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)
SMALL = np.array([[1, 4, 2], [6, 3, 5]])  # from the bottom


def test_the_reference_reaches_the_best_known_value(native, reference):
  score, _ = native(TASK, reference("box_stacks.cpp"))
  assert score.value == pytest.approx(TASK.best_known, abs=0.04)


def test_a_game_by_hand():
  """4 and 2 go over: 1 and 2 leave; 4 goes back to the empty stack, 5 on it: 3 leaves; 5 goes on 6, and 4 leaves."""
  assert FILE.play(SMALL, np.array([[4, 1], [4, 0], [5, 0], [5, 1]])) == 3 + 2 + 2 + 2
  assert FILE.play(np.array([[3, 2, 1], [6, 5, 4]]), np.zeros((0, 2), int)) == 0


def test_every_box_that_leaves_was_next(native, given):
  """The seed's moves, replayed with a plain list per stack."""
  score, session = native(TASK)
  numbers = iter(map(int, session.given.split()))
  costs = []
  for line in session.written.splitlines() if next(numbers) == 16 else ():
    n, m = next(numbers), next(numbers)
    stacks = [[next(numbers) for _ in range(n // m)] for _ in range(m)]
    moves, left, cost = iter(map(int, line.split())), [], 0
    while len(left) < n:
      tops = [stack for stack in stacks if stack and stack[-1] == len(left) + 1]
      if tops:
        left.append(tops[0].pop())
        continue
      box, to = next(moves), next(moves)
      source = next(stack for stack in stacks if box in stack)
      taken = source[source.index(box):]
      del source[source.index(box):]
      stacks[to].extend(taken)
      cost += 1 + len(taken)
    assert left == list(range(1, n + 1)) and next(moves, None) is None
    costs.append(cost)
  assert score.value == pytest.approx(np.mean([40 / (40 + cost) for cost in costs[8:]]))


@pytest.mark.parametrize("moves, message", [
    ([], "6 boxes remain; box 1 is below 2"),
    ([[2, 1]], "remain"),
    ([[2, 0]], "move 1: box 2 stands on stack 0, expected a move to another one of the stacks 0 to 1, got 0"),
    ([[2, 2]], "got 2"),
    ([[4, 1], [1, 1]], "move 2: box 1 has left already"),
    ([[0, 1]], "box 0 has left already"),
])
def test_messages_name_the_move(moves, message):
  with pytest.raises(core.Invalid, match=message):
    FILE.play(SMALL, np.array(moves, int).reshape(-1, 2))


@pytest.mark.parametrize("line, message", [
    ("1", "line 1 has 1 numbers, expected 0 to 400 in steps of 2"), ("41 0", "line 1, number 1 is 41"),
    ("1 0 " * 201, "line 1 has 402 numbers"), ("", "15 lines|boxes remain"),
])
def test_messages_name_the_line(judge, line, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, "\n".join([line, *["1 0"] * 15]))
