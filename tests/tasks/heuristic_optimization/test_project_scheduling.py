"""Project scheduling: schedules checked unit by unit, the rule, the reference programs."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = {11: core.load("project_scheduling_scarce_own"), 15: core.load("project_scheduling_plenty_own")}
REFERENCE = """
import numpy as np

def solve(duration, need, before):
    rng = np.random.default_rng(0)
    capacity = CAPACITY
    return [best_of(*each, capacity, rng) for each in zip(duration, need, before)]

def best_of(duration, need, before, capacity, rng):
    n = len(duration)
    tail = duration.astype(float)
    for _ in range(n):
        tail = duration + (before * tail).max(axis=1)
    waits = [np.flatnonzero(column).tolist() for column in before.T]
    goal = max(tail.max(), np.ceil((duration @ need).max() / capacity))
    best, least, key = None, 10**9, -tail
    for trial in range(12):
        noisy = key + rng.normal(0, 3.0, n) * (trial > 0)
        order, done = [], set()
        while len(order) < n:
            j = min((i for i in range(n) if i not in done and done.issuperset(waits[i])), key=lambda i: noisy[i])
            order.append(j)
            done.add(j)
        got = span(duration, need, waits, capacity, order)
        if got < least:
            best, least, key = order, got, noisy
        if least <= goal:
            break
    return best

def span(duration, need, waits, capacity, order):
    used, ends = np.zeros((duration.sum() + 1, need.shape[1]), int), {}
    for j in order:
        start, room = max((ends[i] for i in waits[j]), default=0), capacity - need[j]
        while (full := np.flatnonzero((used[start:start + duration[j]] > room).any(axis=1))).size:
            start += int(full[-1]) + 1
        used[start:start + duration[j]] += need[j]
        ends[j] = start + duration[j]
    return max(ends.values())
"""


@pytest.fixture(scope="module")
def module(family):
  return family("project_scheduling")


@pytest.mark.parametrize("capacity", TASKS)
def test_the_reference_is_the_best_known_value(capacity, run):
  source = REFERENCE.replace("CAPACITY", str(capacity))
  value = run(TASKS[capacity], source, key="key 1").value
  assert value == pytest.approx(TASKS[capacity].best_known, abs=0.02) and value > 1


def schedule(duration, need, before, capacity, order) -> int:
  """Serial scheme with one set of running activities per unit of time."""
  n, start = len(duration), {}
  running = [set() for _ in range(sum(duration) + 1)]
  while len(start) < n:
    j = next(i for i in order if i not in start and all(p in start for p in range(n) if before[p][i]))
    t = max((start[p] + duration[p] for p in range(n) if before[p][j]), default=0)
    while any(sum(need[i][r] for i in running[u]) + need[j][r] > capacity
              for u in range(t, t + duration[j]) for r in range(len(need[j]))):
      t += 1
    start[j] = t
    for u in range(t, t + duration[j]):
      running[u].add(j)
  return max(start[j] + duration[j] for j in range(n))


@pytest.mark.parametrize("capacity", TASKS)
def test_values_equal_a_second_simulation(capacity, judge, module):
  seen = []
  order = np.random.default_rng(0).permutation(18)
  score = judge(TASKS[capacity], lambda *given: seen.extend(zip(*given, strict=True)) or np.tile(order, (40, 1)))
  for (duration, need, before), value in zip(seen[:8], score.instances, strict=True):
    lists = duration.tolist(), need.tolist(), before.tolist()
    tail = {}
    for _ in range(18):
      for j in range(18):
        tail[j] = lists[0][j] + max((tail.get(k, 0) for k in range(18) if lists[2][j][k]), default=0)
    rule = sorted(range(18), key=lambda j: -tail[j])  # noqa: B023
    assert value == schedule(*lists, capacity, rule) / schedule(*lists, capacity, order.tolist())
    assert need.max() <= 10 <= capacity


def test_some_order_reaches_the_optimum_of_a_small_project(module):
  """Two activities that exclude each other, and one that fits beside the longer of them."""
  duration, need = np.array([4, 2, 4]), np.array([[6, 0, 0], [6, 0, 0], [5, 0, 0]])
  before = np.zeros((3, 3), int)
  span = lambda *order: module.makespan(duration, need, before, 11, list(order))
  assert {span(*order) for order in itertools.permutations(range(3))} == {6}
  before[1, 2] = 1
  assert span(2, 1, 0) == span(1, 2, 0) == 6 and span(0, 1, 2) == 10


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds 4 twice"), (lambda o: o[:, 1:], r"shape \(40, 17\)"),
    (lambda o: o + 1, "at most 17"), (lambda o: o / 2, "an integer"), (lambda o: o - 1, "at least 0")])
def test_activities_that_are_not_scheduled_are_invalid(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[11], change(np.tile(np.arange(18), (40, 1))))
