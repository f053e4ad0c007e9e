"""Rectangle knapsack: the bound behind the best worth, and placements that overlap or reach out are named."""

import itertools
import types

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASK = core.load("rectangle_knapsack_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def test_no_choice_of_items_is_worth_more_than_the_best(hidden_seeds):
  """The linear relaxation that only counts areas has the planted worth as its optimum."""
  for items, best in FILE.instances(tuple(hidden_seeds("items", 8)), "search"):
    areas = items[:, 0] * items[:, 1]
    found = optimize.linprog(-items[:, 2], A_ub=areas[None], b_ub=[100 * 100], bounds=(0, 1))
    assert -found.fun == pytest.approx(best)
    chosen = found.x > 0.5
    assert items[chosen, 2].sum() == best and areas[chosen].sum() == 100 * 100


def test_a_full_bin_by_hand():
  items = np.array([[60, 100, 7], [100, 40, 5], [30, 30, 9]])
  assert FILE.worth(items, [[0, 0, 0, 0], [1, 60, 0, 1]]) == 12
  assert FILE.worth(items, [[1, 0, 60, 0], [0, 0, 0, 1]]) == 12
  assert FILE.worth(items, []) == FILE.worth(items, np.zeros((0, 4))) == 0


def test_verdicts_agree_with_cells():
  """Random placements of three items, against counting cells."""
  items, rng = np.array([[3, 5, 1], [4, 4, 2], [6, 2, 4]]), np.random.default_rng(0)
  seen = set()
  for _ in range(200):
    rows = np.column_stack([rng.permutation(3), rng.integers(0, 10, (3, 2)), rng.integers(0, 2, 3)])
    board = np.zeros((100, 100), int)
    for item, x, y, turned in rows:
      w, h = items[item, :2][::-1] if turned else items[item, :2]
      board[x:x + w, y:y + h] += 1
    try:
      legal = FILE.worth(items, rows) == 7
    except core.Invalid:
      legal = False
    assert legal == (board.max() == 1)
    seen.add(legal)
  assert seen == {True, False}


@pytest.mark.parametrize("rows, message", [
    ([[0, 0, 0, 0], [1, 60, 0, 0]], r"item 1 reaches to \[160, 40\], the bin to \[100, 100\]"),
    ([[2, 0, 0, 0], [0, 29, 0, 0]], "items 2 and 0 overlap in an area of 30"),
    ([[2, 0, 0, 0], [2, 50, 0, 0]], "item 2 is placed 2 times"),
    ([[3, 0, 0, 0]], "item 3 does not exist: there are 3"),
    ([[2, 0, 0, 2]], "turned is 2"),
    ([[2, -1, 0, 0]], r"loaded\[0, 1\] is -1"),
    ([[0, 0, 0]], "expected"),
])
def test_messages_name_the_items(rows, message):
  with pytest.raises(core.Invalid, match=message):
    FILE.worth(np.array([[60, 100, 7], [100, 40, 5], [30, 30, 9]]), rows)


def test_the_densest_items_could_be_told(hidden_seeds):
  """Worth per area separates planted items from the others."""
  items, _ = FILE.instances(tuple(hidden_seeds("items", 8)), "search")[0]
  density = np.sort(items[:, 2] / (items[:, 0] * items[:, 1]))
  gaps = [b - a for a, b in itertools.pairwise(density)]
  assert density[len(items) // 2] >= 10 > density[len(items) // 2 - 1] and max(gaps) < 5
