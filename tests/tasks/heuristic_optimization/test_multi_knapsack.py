"""Multi-dimensional knapsack: the reference program, brute force under the bound, and overloaded knapsacks."""

import itertools

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASKS = [core.load(f"multi_knapsack_{kind}_own") for kind in ("tight", "middle", "loose")]
REFERENCE = """
import numpy as np
from scipy import optimize

def solve(values, weights, capacities):
    return [fill(*one) for one in zip(values, weights, capacities)]

def fill(value, weight, capacity):
    prices = -optimize.linprog(-value, A_ub=weight, b_ub=capacity, bounds=(0, 1)).ineqlin.marginals
    score = value / (prices @ weight)
    rng = np.random.default_rng(0)
    best = greedy(score, weight, capacity)
    for trial in range(120):
        noise = rng.normal(0, 0.05, len(value))
        new = greedy(score + noise + 0.3 * (best - 0.5) * (rng.random() < 0.5), weight, capacity)
        if value @ new > value @ best:
            best = new
    return best

def greedy(score, weight, capacity):
    taken, room = np.zeros(len(score), int), capacity.tolist()
    columns = weight.T.tolist()
    for item in np.argsort(-score).tolist():
        left = [r - w for r, w in zip(room, columns[item])]
        if min(left) >= 0:
            taken[item], room = 1, left
    return taken
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(1)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.008) and max(values) < 1


def test_the_relaxation_bounds_brute_force(family):
  values, weights, rooms, bounds = family("multi_knapsack").instances(0.5, (0, 1, 2), 2, 10)
  for b in range(3):
    best = max(int(values[b] @ taken) for taken in itertools.product((0, 1), repeat=10)
               if (weights[b] @ taken <= rooms[b]).all())
    assert best <= bounds[b] < 1.5 * best


def test_values_equal_a_second_computation(judge):
  """One item per knapsack; the bound from the dual problem."""
  seen = []
  def solve(values, weights, capacities):
    seen.extend(zip(values, weights, capacities, strict=True))
    return np.eye(40, dtype=int)[values.argmax(axis=1)]
  score = judge(TASKS[0], solve)
  for (values, weights, room), ratio in zip(seen[:8], score.instances, strict=True):
    dual = optimize.linprog([*room, *[1] * 40], A_ub=-np.hstack([weights.T, np.eye(40)]), b_ub=-values)
    assert ratio == pytest.approx(values.max() / dual.fun, rel=1e-7)
    assert room.tolist() == (weights.sum(axis=1) // 4).tolist() and 1 <= weights.min() and weights.max() <= 1000


def test_what_is_invalid(judge):
  for given, message in (
      (np.ones((40, 40)), r"instance 0: resource 0 is loaded with \d+, capacity \d+"),
      (np.full((40, 40), 0.5), "expected an integer"),
      (-np.eye(40, 40), "at least 0"), (2 * np.eye(40, 40), "at most 1"),
      (np.zeros((40, 41)), "shape"), (np.zeros((23, 40)), "shape"), (np.zeros((40, 40), bool), "array of bool")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS[0], given)
  assert judge(TASKS[0], np.zeros((40, 40))).value == 0
