"""Open shop: the reference program, schedules by a second simulation, and what is no order of operations."""

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("open_shop_random_own"), core.load("open_shop_balanced_own")]
REFERENCE = """
import numpy as np

def solve(times):
    rng = np.random.default_rng(0)
    B, J, M = times.shape
    rows, best, orders = np.arange(B), np.full(B, 1e9), np.zeros((B, J * M), int)
    keep = np.zeros((B, J, M))
    for k in range(100):
        key = keep + rng.normal(0, 25, (B, J, M)) * (rng.random((B, J, M)) < (0.3 if k > 30 else 1))
        left, order = np.ones((B, J, M), bool), []
        jobs, free = np.zeros((B, J)), np.zeros((B, M))
        more, work = times.sum(2), times.sum(1)
        for _ in range(J * M):
            start = np.maximum(jobs[:, :, None], free[:, None])
            rank = 1e6 * start - more[:, :, None] - work[:, None] + key
            pick = np.where(left, rank, 1e18).reshape(B, -1).argmin(1)
            j, m = pick // M, pick % M
            jobs[rows, j] = free[rows, m] = start[rows, j, m] + times[rows, j, m]
            more[rows, j] -= times[rows, j, m]
            work[rows, m] -= times[rows, j, m]
            left[rows, j, m] = False
            order.append(pick)
        better = jobs.max(1) < best
        best = np.where(better, jobs.max(1), best)
        orders[better] = np.stack(order, 1)[better]
        keep[better] = key[better]
    return orders
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.012)
  assert task.baseline + task.spread < min(values) and max(values) <= 1


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_equal_a_second_simulation(task, judge):
  seen = []
  order = np.random.default_rng(0).permuted(np.tile(np.arange(36), (24, 1)), axis=1)
  score = judge(task, lambda times: seen.extend(times) or order)
  for times, row, value in zip(seen[:8], order[:8].tolist(), score.instances, strict=True):
    placed = []
    for job, machine in (divmod(operation, 6) for operation in row):
      begin = max([end for j, m, end in placed if j == job or m == machine], default=0)
      placed.append((job, machine, begin + int(times[job, machine])))
    bound = max(times.sum(axis=0).max(), times.sum(axis=1).max())
    assert value == bound / max(end for *_, end in placed) and times.min() >= 1
    if "balanced" in task.name:
      assert len({*times.sum(axis=0).tolist(), *times.sum(axis=1).tolist()}) == 1


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds 4 twice"), (lambda o: o[:, 1:], r"shape \(24, 35\)"),
    (lambda o: o + 1, "at most 35"), (lambda o: o / 2, "an integer"), (lambda o: o[1:], r"shape \(23, 36\)"),
])
def test_operations_that_are_not_scheduled_are_invalid(change, message, judge):
  order = np.tile(np.arange(36), (24, 1))
  assert judge(TASKS[0], order).value > 0
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(order))
