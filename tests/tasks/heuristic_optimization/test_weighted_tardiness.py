"""Weighted tardiness: the reference program, costs by a second computation, and the rule that costs are measured by."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("weighted_tardiness_plain_own"), core.load("weighted_tardiness_release_own")]
REFERENCE = """
import numpy as np

def costs(times, weights, due, release, orders):
    rows, clock, total = np.arange(len(times)), 0, 0
    for job in orders.T:
        clock = np.maximum(clock, release[rows, job]) + times[rows, job]
        total = total + weights[rows, job] * np.maximum(clock - due[rows, job], 0)
    return total

def solve(times, weights, due, release):
    rng = np.random.default_rng(0)
    B, n = times.shape
    data = times, weights, due, release
    starts = [rule(*data, k) for k in (0.3, 0.7, 1, 1.5, 2.5, 4)]
    value = np.stack([costs(*data, s) for s in starts])
    orders = np.stack(starts)[value.argmin(0), np.arange(B)]
    value = value.min(0)
    best, least = orders, value
    wide = [np.repeat(part, n, axis=0) for part in data]
    for k in range(220):
        place = rng.integers(n, size=B)
        job = orders[np.arange(B), place]
        rest = orders[orders != job[:, None]].reshape(B, n - 1)
        new = np.stack([np.insert(rest, i, job, axis=1) for i in range(n)], axis=1)
        got = costs(*wide, new.reshape(-1, n)).reshape(B, n)
        got[np.arange(B), place] = 1 << 40
        pick = got.argmin(1)
        got, new = got.min(1), new[np.arange(B), pick]
        take = got <= value * (1 + 0.03 * rng.exponential(size=B) * (k % 30 < 5))
        orders, value = np.where(take[:, None], new, orders), np.where(take, got, value)
        better = value < least
        best, least = np.where(better[:, None], orders, best), np.where(better, value, least)
    return best

def rule(times, weights, due, release, look):
    rows = np.arange(len(times))
    left, clock, orders = np.ones(times.shape, bool), 0, []
    for _ in range(times.shape[1]):
        clock = np.maximum(clock, np.where(left, release, 1 << 40).min(axis=1))
        slack = np.maximum(due - times - clock[:, None], 0)
        index = weights / times * np.exp(-slack / (look * times.mean(axis=1, keepdims=True)))
        job = np.where(left & (release <= clock[:, None]), index, -1.0).argmax(axis=1)
        clock = clock + times[rows, job]
        left[rows, job] = False
        orders.append(job)
    return np.stack(orders, axis=1)
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.03) and min(values) > 1


def cost(order, times, weights, due, release) -> int:
  clock, total = 0, 0
  for job in order:
    clock = max(clock, release[job]) + times[job]
    total += weights[job] * max(0, clock - due[job])
  return total


def rule(times, weights, due, release) -> list[int]:
  """Apparent tardiness cost, job by job: weight over time, less the more slack there is."""
  left, clock, order = list(range(len(times))), 0, []
  mean = sum(times) / len(times)
  while left:
    ready = [job for job in left if release[job] <= clock]
    if not ready:
      clock = min(release[job] for job in left)
      continue
    job = max(ready, key=lambda j: weights[j] / times[j] * math.exp(
        -max(0, due[j] - times[j] - clock) / (2 * mean)))  # noqa: B023
    left.remove(job)
    order.append(job)
    clock += times[job]
  return order


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_equal_a_second_computation(task, judge):
  seen = []
  score = judge(task, lambda *given: seen.extend(zip(*given, strict=True)) or np.tile(np.arange(30), (24, 1)))
  for given, value in zip(seen[:8], score.instances, strict=True):
    given = [part.tolist() for part in given]
    assert value == pytest.approx((cost(rule(*given), *given) + 1) / (cost(range(30), *given) + 1), rel=1e-12)
    assert ("plain" in task.name) == (not any(given[3]))


def test_the_reference_is_near_the_optimum_of_seven_jobs():
  """Against all orders."""
  scope = {}
  exec(REFERENCE, scope)
  rng = np.random.default_rng(1)
  data = rng.integers(1, 100, 7), rng.integers(1, 11, 7), rng.integers(50, 250, 7), rng.integers(0, 100, 7)
  plain = [part.tolist() for part in data]
  best = min(cost(order, *plain) for order in itertools.permutations(range(7)))
  found = scope["solve"](*(np.tile(part, (2, 1)) for part in data))[0]
  assert best <= cost(found.tolist(), *plain) <= 1.05 * best


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds 4 twice"), (lambda o: o[:, 1:], r"shape \(24, 29\)"),
    (lambda o: o + 1, "at most 29"), (lambda o: o / 2, "an integer"), (lambda o: [], "0 entries where 24")])
def test_jobs_that_are_not_done_are_invalid(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(np.tile(np.arange(30), (24, 1))))
