"""Load balancer: a second simulation with queues, the informed dispatcher, what is refused."""

import collections

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("load_balancer_own")
MODULE = TASK.evaluate.__globals__
EXPECTED_WAIT = "def cost(jobs, speed, size, idle):\n    return (jobs + 2.0 * size) / speed\n"


def slow_tail(function, times, sizes):
  """One workload: queues of (size) that servers work off one after another, event by event."""
  speeds, kinds = MODULE["SPEEDS"].tolist(), MODULE["SIZES"]
  queues = [collections.deque() for _ in speeds]  # completion times of the jobs that a server holds
  idle = [8] * 5
  response = []
  for now, size in zip(times.tolist(), sizes.tolist(), strict=True):
    for queue in queues:
      while queue and queue[0] <= now:
        queue.popleft()
    announced = max(k for k in kinds if k <= size)
    costs = [float(function(*(np.array(v) for v in (min(len(q), 12), s, announced, i))))
             for q, s, i in zip(queues, speeds, idle, strict=True)]
    to = costs.index(min(costs))
    start = queues[to][-1] if queues[to] else now
    queues[to].append(start + size / speeds[to])
    response.append(queues[to][-1] - now)
    idle = [min(i + 1, 8) for i in idle]
    idle[to] = 0
  return np.quantile(response, 0.95)


@pytest.mark.parametrize("source", [TASK.seed, EXPECTED_WAIT], ids=["seed", "expected wait"])
def test_the_value_equals_a_second_simulation(source, run):
  names = {}
  exec(source, names)
  times, sizes, ideal = MODULE["workloads"](MODULE["PUBLIC_SEEDS"], 300)
  expected = [slow_tail(names["cost"], times[:, b], sizes[:, b]) / ideal[b] for b in range(3)]
  assert list(run(TASK, source).instances[:3]) == pytest.approx([-value for value in expected])


def test_full_knowledge_is_the_best_known_value(run):
  """By definition it has 1; what sees counts alone stays above it, and below the seed program."""
  assert TASK.best_known == 1 < run(TASK, EXPECTED_WAIT).value < TASK.baseline


def test_costs_are_checked(judge):
  shape = MODULE["GRIDS"][0].shape
  with pytest.raises(core.Invalid, match=r"cost\[0, 0, 0, 0\] is nan"):
    judge(TASK, np.full(shape, np.nan))
  with pytest.raises(core.Invalid, match="shape"):
    judge(TASK, np.zeros(shape[1:]))
  assert judge(TASK, np.zeros(shape)).value > TASK.baseline  # all to the slowest server
