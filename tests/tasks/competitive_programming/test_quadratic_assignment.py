"""Quadratic assignment: the planted cost is the least, by an exhaustive search of a small instance."""

import itertools
import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("quadratic_assignment_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def planted(seed: int, side: int) -> np.ndarray:
  """The hidden assignment, from the generator's last draw."""
  flow, distance, least = FILE.draw(seed, side)
  rng = np.random.default_rng(seed)
  n = side * side
  a, b, c = rng.integers(0, n, (3, 40 * n))
  straight = (distance[a, b] + distance[b, c] == distance[a, c]) & (distance[a, b] > 0) & (distance[b, c] > 0)
  for _ in range(min(6 * n, int(straight.sum()))):
    rng.integers(1, 10)
  return rng.permutation(n)


def test_the_planted_assignment_costs_the_least(hidden_seeds):
  for seed in hidden_seeds("flows", 4):
    for side in FILE.SIDE.values():
      flow, distance, least = FILE.draw(seed, side)
      assert FILE.cost(flow, distance, planted(seed, side)) == least
      assert (flow >= 0).all() and (flow == flow.T).all() and not flow.diagonal().any()


def test_nothing_is_cheaper_on_nine_places():
  flow, distance, least = FILE.draw(5, 3)
  orders = np.array([*itertools.permutations(range(9))][::7])
  costs = np.zeros(len(orders), int)
  for i, j in itertools.product(range(9), repeat=2):
    costs += flow[i, j] * distance[orders[:, i], orders[:, j]]
  assert costs.min() >= least and FILE.cost(flow, distance, orders[0]) == costs[0]
  assert costs.mean() == pytest.approx(flow.sum() * distance.sum() / 72, rel=0.02)


def test_the_planted_assignments_score_one(judge, hidden_seeds):
  answers = [planted(seed, 4) for seed in (*range(8), *hidden_seeds("flows", 8))]
  assert judge(TASK, lambda flow, distance: answers.pop(0)).value == 1


@pytest.mark.parametrize("change, message", [
    (lambda p: p.__setitem__(3, p[5]), "instance 1: place 5 is used 2 times"),
    (lambda p: p.__setitem__(3, 16), r"place\[3\] is 16, expected at most 15"),
    (lambda p: p.__setitem__(3, 3.5), "expected an integer"),
    (lambda p: p.pop(), "expected"),
])
def test_messages_name_the_place(judge, change, message):
  answer = list(range(16))
  change(answer)
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, answer)
