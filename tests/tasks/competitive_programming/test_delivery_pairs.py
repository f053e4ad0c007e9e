"""Delivery pairs: annealing reaches the best known value; orders that stay half done are named."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("delivery_pairs_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)
TRIP = list(range(10)) * 2


def answer(first) -> str:
  return "\n".join(" ".join(map(str, row)) for row in [first, *[TRIP] * 15])


def test_the_reference_reaches_the_best_known_value(native, reference):
  score, _ = native(TASK, reference("delivery_pairs.cpp"))
  assert score.value == pytest.approx(TASK.best_known, abs=0.12)


def test_lengths_by_hand():
  orders = np.array([[500, 600, 700, 600], [500, 500, 500, 500], [0, 0, 1000, 1000]])
  assert FILE.length(orders, np.array([0, 0])) == 100 + 200 + 300
  assert FILE.length(orders, np.array([1, 0, 0, 1])) == 0 + 100 + 200 + 300
  assert FILE.length(orders, np.array([2, 2])) == 1000 + 2000 + 1000


def test_lengths_agree_with_sums_over_stops(hidden_seeds):
  orders, rng = FILE.draw(hidden_seeds("orders", 1)[0], 40), np.random.default_rng(0)
  for _ in range(20):
    stops = rng.permutation(np.repeat(rng.choice(40, 10, replace=False), 2))
    first = np.array([list(stops).index(order) == at for at, order in enumerate(stops)])
    places = np.where(first[:, None], orders[stops, :2], orders[stops, 2:])
    tour = np.vstack([[500, 500], places, [500, 500]])
    assert FILE.length(orders, stops) == np.abs(np.diff(tour, axis=0)).sum()


@pytest.mark.parametrize("first, message", [
    ([0] * 3 + list(range(1, 10)) + list(range(2, 10)), "instance 1: order 0 is named 3 times, expected 2"),
    (list(range(20)), "order 0 is named 1 times"),
    (TRIP[:-1], "line 1 has 19 numbers, expected 20"),
    ([40, 40, *list(range(9)) * 2], "line 1, number 1 is 40, expected 0 to 39"),
    ([-1, -1, *list(range(9)) * 2], "line 1, number 1 is -1"),
])
def test_messages_name_the_order(judge, first, message):
  assert 0 < judge(TASK, answer(TRIP)).value < TASK.baseline
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, answer(first))
