"""Job shop: the reference program, schedules by a second simulation, and what is no order of operations."""

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("job_shop_random_own"), core.load("job_shop_two_sets_own")]
REFERENCE = """
import numpy as np

def solve(machines, times):
    B, J, M = times.shape
    rng = np.random.default_rng(0)
    tail = times[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    now = giffler(machines, times, np.zeros((B, J, M)) - tail)
    key, value, best, order = -tail.astype(float), now[0], now[0], now[1]
    for k in range(110):
        noise = rng.normal(0, 60, (B, J, M)) * (rng.random((B, J, M)) < 0.15)
        got, new = giffler(machines, times, key + noise)
        take = got <= value + rng.exponential(2.0, B)
        key, value = np.where(take[:, None, None], key + noise, key), np.where(take, got, value)
        order = np.where((got < best)[:, None], new, order)
        best = np.minimum(got, best)
    return order

def giffler(machines, times, key):
    B, J, M = times.shape
    rows, done = np.arange(B), np.zeros((B, J), int)
    jobs, free = np.zeros((B, J)), np.zeros((B, M))
    order = []
    for k in range(J * M):
        step = np.minimum(done, M - 1)[:, :, None]
        machine = np.take_along_axis(machines, step, 2)[:, :, 0]
        start = np.maximum(jobs, np.take_along_axis(free, machine, 1)) + 1e9 * (done == M)
        end = start + np.take_along_axis(times, step, 2)[:, :, 0]
        first = end.argmin(1)
        rivals = (machine == machine[rows, first][:, None]) & (start < end[rows, first][:, None])
        j = np.where(rivals, np.take_along_axis(key, step, 2)[:, :, 0], 1e12).argmin(1)
        jobs[rows, j] = free[rows, machine[rows, j]] = end[rows, j]
        done[rows, j] += 1
        order.append(j)
    return jobs.max(1), np.stack(order, 1)
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.03)
  assert task.baseline + task.spread < min(values) and max(values) <= 1


def schedule(machines, times, order) -> list[tuple[int, int, int, int]]:
  """(job, machine, begin, end) of every operation, one after another."""
  placed, step = [], {}
  for job in order:
    k = step.get(job, 0)
    step[job] = k + 1
    machine = machines[job][k]
    begin = max([end for j, m, _, end in placed if j == job or m == machine], default=0)
    placed.append((job, machine, begin, begin + times[job][k]))
  return placed


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_equal_a_second_simulation(task, judge):
  seen = []
  order = np.random.default_rng(0).permuted(np.tile(np.repeat(np.arange(8), 5), (40, 1)), axis=1)
  score = judge(task, lambda *given: seen.extend(zip(*given, strict=True)) or order)
  for (machines, times), row, value in zip(seen[:8], order[:8].tolist(), score.instances, strict=True):
    assert (np.sort(machines, axis=1) == np.arange(5)).all()
    placed = schedule(machines.tolist(), times.tolist(), row)
    bound = times.sum(axis=1).max()
    for machine in range(5):
      heads, tails, work = [], [], 0
      for job in range(8):
        k = machines[job].tolist().index(machine)
        heads.append(times[job, :k].sum())
        tails.append(times[job, k + 1:].sum())
        work += times[job, k]
      bound = max(bound, min(heads) + work + min(tails))
    assert value == pytest.approx(bound / max(end for *_, end in placed), rel=1e-12)
    if "two_sets" in task.name:
      assert (machines[:, :2] < 2).all()


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds job 3 0 times, expected 5"),
    (lambda o: np.zeros_like(o), r"holds job 0 40 times"), (lambda o: o[:, :-1], r"shape \(40, 39\)"),
    (lambda o: o - 1, "at least 0"), (lambda o: o + 1, "at most 7"), (lambda o: o + 0.5, "an integer"),
])
def test_operations_that_are_not_scheduled_are_invalid(change, message, judge):
  order = np.tile(np.repeat(np.arange(8), 5), (40, 1))
  assert judge(TASKS[0], order).value > 0
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(order))
