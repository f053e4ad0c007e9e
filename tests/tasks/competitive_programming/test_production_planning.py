"""Production planning: our beam search reaches the best known value; plans that overdraw are refused."""

import math
import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("production_planning_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def plans(first=(), fidelity="search") -> str:
  """Plans that buy nothing; the first instance's begins with `first`."""
  turns = FILE.SIZES[fidelity][0]
  rows = np.zeros((24, turns), int)
  rows[0, :len(first)] = first
  return "\n".join(" ".join(map(str, row)) for row in rows.tolist())


def test_the_reference_reaches_the_best_known_value(native, reference):
  score, _ = native(TASK, reference("production_planning.cpp"))
  assert abs(score.value - TASK.best_known) < 0.25 and score.value > TASK.baseline + 0.5


def test_a_plan_by_hand():
  """Two turns of growth: a level 1 machine makes a level 0 machine that works in the same turn."""
  instance = (3, 10, [3, 1], [[4, 6], [1, 1]])
  assert FILE.play([0, 0, 0], instance) == 10
  assert FILE.play([1, 0, 0], instance) == 10 - 4 + 3 * 3
  assert FILE.play([2, 0, 0], instance) == 10 - 6 + 3 * (1 + 2 + 3)
  assert FILE.play([2, 1, 3], instance) == 10 - 6 + 3 - 4 + 3 * 3 - 1 + 3 * 4 + 1
  with pytest.raises(core.Invalid, match="turn 2: kind 0, level 0 costs 4, but the product is 0"):
    FILE.play([1, 1, 0], (3, 4, [0, 1], [[4, 6], [1, 1]]))


def test_gain_of_one_machine_is_a_binomial():
  for level in range(4):
    start, turns = 10**6, 12
    product = FILE.play([1 + level] + [0] * (turns - 1), (turns, start, [5], [[1, 1, 1, 1]]))
    assert product == start - 1 + 5 * math.comb(turns + level, level + 1)


def test_buying_nothing_is_valid_and_bad(judge):
  assert judge(TASK, plans()).value < TASK.baseline


@pytest.mark.parametrize("result, message", [
    (plans([12] * 50), "instance 1, turn 1: kind 3, level 2 costs"),
    (plans([13]), "line 1, number 1 is 13, expected 0 to 12"),
    (plans([-1]), "line 1, number 1 is -1"),
    (plans() + " 0", "line 24 has 51 numbers, expected 50"),
    (plans().replace("0", "0.0", 1), "line 1 holds '0.0', expected whole numbers"),
    (plans().replace("0", "nan", 1), "line 1 holds 'nan'"),
    ("\n".join(plans().splitlines()[1:]), "23 lines, expected 24"),
])
def test_messages_name_the_turn(judge, result, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
