"""Inventory policy: costs against a simulation and a sum over days, the optimum from a candidate, what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("inventory_policy_own")
MODULE = TASK.evaluate.__globals__
# Value iteration, written from the statement.
OPTIMAL = """
import numpy as np

def order(stock, demand, holding, shortage, fixed):
    x = stock[0]
    left = x[:, None] - np.arange(demand.shape[1])
    result = []
    for p, h, s, k in zip(demand, holding[:, 0], shortage[:, 0], fixed[:, 0]):
        day = (np.where(left > 0, h * left, -s * left) * p).sum(axis=1)
        value = np.zeros(len(x))
        for _ in range(300):
            after = day + 0.95 * (value[np.maximum(left, x[0]) - x[0]] * p).sum(axis=1)
            options = np.where(x >= x[:, None], after + k * (x > x[:, None]), np.inf)
            value = options.min(axis=1)
        result.append(options.argmin(axis=1) - np.arange(len(x)))
    return np.array(result)
"""


def test_a_candidate_that_iterates_values_is_optimal(run):
  score = run(TASK, OPTIMAL)
  assert 0 <= score.value < 1e-9 and TASK.best_known == 0 and TASK.score(score.value) == pytest.approx(1)


def test_costs_equal_a_sum_over_many_days():
  """The distribution of the stock, day by day, with plain loops."""
  low, high, sizes = -8, 12, 5
  demand, costs, day, moves, best = MODULE["shops"]((3, 4), low, high, sizes)
  level = np.maximum(np.arange(high - low + 1), 13)[None].repeat(2, axis=0)
  fast = MODULE["cost_of"](level, day, moves, costs[:, 2])[:, -low]
  for b in range(2):
    holding, shortage, fixed = costs[b]
    chance, total = {0: 1.0}, 0.0
    for t in range(400):
      new = {}
      for x, p in chance.items():
        y = max(x, 13 + low)
        total += 0.95**t * p * fixed * (y > x)
        for d, q in enumerate(demand[b]):
          total += 0.95**t * p * q * (holding * max(y - d, 0) + shortage * max(d - y, 0))
          new[max(y - d, low)] = new.get(max(y - d, low), 0) + p * q
      chance = new
    assert fast[b] == pytest.approx(total, rel=1e-6) and fast[b] > best[b]


def test_quantities_are_checked(judge):
  shape = (48, 61)
  with pytest.raises(core.Invalid, match=r"quantity\[0, 0\] is -1, expected at least 0"):
    judge(TASK, np.full(shape, -1.0))
  with pytest.raises(core.Invalid, match="shape"):
    judge(TASK, np.zeros((1, 61)))
  never, always = judge(TASK, np.zeros(shape)).value, judge(TASK, np.full(shape, 1e300)).value
  assert min(never, always) > 100
