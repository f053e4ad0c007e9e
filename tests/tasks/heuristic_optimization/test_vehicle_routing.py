"""Vehicle routing: the best cut of an order by brute force, the savings rule, the reference program."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("vehicle_routing_center_own"), core.load("vehicle_routing_corner_own")]
REFERENCE = """
import numpy as np

CAPACITY = 60

def solve(depot, points, demand):
    rng = np.random.default_rng(0)
    B, n = demand.shape
    orders = np.array([savings(*each) for each in zip(depot, points, demand)])
    now = best = lengths(depot, points, demand, orders)
    keep = orders.copy()
    spots = np.concatenate([depot[:, None], points], axis=1)
    near = np.linalg.norm(spots[:, :, None] - spots[:, None], axis=3)
    for k in range(700):
        new = orders.copy()
        for b in range(B):
            i, j = np.sort(rng.integers(0, n + 1, 2))
            if rng.random() < 0.4:
                new[b, i:j] = new[b, i:j][::-1]
            else:
                size = rng.integers(1, 4)
                part, rest = orders[b, i:i + size], np.delete(orders[b], slice(i, i + size))
                if not len(part):
                    continue
                gap = near[b, 1 + part[0], 1 + rest] + 0.15 * rng.random(len(rest))
                new[b] = np.insert(rest, gap.argmin() + rng.integers(2), part)
        got = lengths(depot, points, demand, new)
        take = got < now * (1 + 0.01 * (1 - k / 700) * rng.exponential(size=B))
        orders, now = np.where(take[:, None], new, orders), np.where(take, got, now)
        better = now < best
        keep, best = np.where(better[:, None], orders, keep), np.minimum(now, best)
    return keep

def lengths(depot, points, demand, orders):
    rows = np.arange(len(orders))[:, None]
    visited = points[rows, orders]
    home = np.linalg.norm(visited - depot[:, None], axis=2)
    along = np.pad(np.linalg.norm(np.diff(visited, axis=1), axis=2), ((0, 0), (1, 0))).cumsum(axis=1)
    load = np.pad(demand[rows, orders].cumsum(axis=1), ((0, 0), (1, 0)))
    best = np.zeros((len(orders), orders.shape[1] + 1))
    base = home - along
    for j in range(1, best.shape[1]):
        i = slice(max(0, j - 20), j)
        cost = np.where(load[:, j:j + 1] - load[:, i] <= CAPACITY, best[:, i] + base[:, i], np.inf).min(1)
        best[:, j] = cost + along[:, j - 1] + home[:, j - 1]
    return best[:, -1]

def savings(depot, points, demand):
    n = len(points)
    home = np.linalg.norm(points - depot, axis=1)
    gain = home[:, None] + home - np.linalg.norm(points[:, None] - points, axis=2)
    routes = [[i] for i in range(n)]
    for k in np.argsort(-gain, axis=None):
        i, j = divmod(int(k), n)
        a = next(r for r in routes if i in r)
        b = next(r for r in routes if j in r)
        if a is b or a[-1] != i or b[0] != j or demand[a + b].sum() > CAPACITY:
            continue
        routes.remove(b)
        a.extend(b)
    return [i for route in routes for i in route]
"""


@pytest.fixture(scope="module")
def module(family):
  return family("vehicle_routing")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  value = run(task, REFERENCE, key="key 1").value
  assert value == pytest.approx(task.best_known, abs=0.015) and value > 1


def length(depot, points, routes) -> float:
  total = 0.0
  for route in routes:
    stops = [depot, *(points[i] for i in route), depot]
    total += sum(float(np.hypot(*(a - b))) for a, b in itertools.pairwise(stops))
  return total


def test_the_best_cut_equals_brute_force(module):
  """Over all ways to cut an order of nine customers."""
  rng = np.random.default_rng(0)
  for _ in range(3):
    depot, points, demand = rng.random(2), rng.random((9, 2)), rng.integers(5, 31, 9)
    order = rng.permutation(9)
    best = np.inf
    for cuts in itertools.product((0, 1), repeat=8):
      ends = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), 9]
      routes = [order[a:b] for a, b in itertools.pairwise(ends)]
      if all(demand[route].sum() <= module.CAPACITY for route in routes):
        best = min(best, length(depot, points, routes))
    found = module.lengths(depot[None], points[None], demand[None], order[None])
    assert found[0] == pytest.approx(best, rel=1e-12)


def test_values_equal_a_second_computation(judge, module):
  seen = []
  order = np.random.default_rng(0).permutation(25)
  score = judge(TASKS[0], lambda *given: seen.extend(zip(*given, strict=True)) or np.tile(order, (24, 1)))
  for (depot, points, demand), value in zip(seen[:8], score.instances, strict=True):
    assert demand.min() >= 1 and demand.max() <= 20 and sorted(module.savings(depot, points, demand)) == list(range(25))
    rule = module.lengths(depot[None], points[None], demand[None], np.array([module.savings(depot, points, demand)]))
    mine = module.lengths(depot[None], points[None], demand[None], order[None])
    assert value == pytest.approx(float(rule[0] / mine[0]), rel=1e-9)
    assert rule[0] < length(depot, points, [[i] for i in range(25)])  # one vehicle each


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds 4 twice"), (lambda o: o[:, 1:], r"shape \(24, 24\)"),
    (lambda o: o + 1, "at most 24"), (lambda o: o / 2, "an integer"), (lambda o: o - 1, "at least 0")])
def test_customers_that_are_not_served_are_invalid(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(np.tile(np.arange(25), (24, 1))))
