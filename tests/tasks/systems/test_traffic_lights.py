"""Traffic lights: a second simulation vehicle by vehicle in plain loops, the reference, and what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("traffic_lights_own")
MODULE = TASK.evaluate.__globals__


def searched(flow, cross, travel, trials=40):
  """Shares by flow ratio and a green wave in the heavier direction, then random changes that lower the waiting time."""
  rng = np.random.default_rng(0)
  heavy = flow.max(axis=1, keepdims=True)
  sums = np.concatenate([np.zeros((len(flow), 1)), np.cumsum(travel, axis=1)], axis=1)
  offset = np.where(flow[:, :1] >= flow[:, 1:], sums, sums[:, -1:] - sums)
  share = np.clip(heavy / (heavy + cross), 0.1, 0.9)
  best = np.concatenate([np.full((len(flow), 1), 40.0), share, offset], axis=1)
  value = MODULE["waiting"](best, flow, cross, travel, 240)
  for _ in range(trials):
    step = rng.standard_normal(best.shape) * np.array([6.0] + [0.03] * 5 + [4.0] * 5) * (rng.random(best.shape) < 0.3)
    trial = best + step
    trial[:, 0] = np.clip(trial[:, 0], 20, 150)
    trial[:, 1:6] = np.clip(trial[:, 1:6], 0.1, 0.9)
    new = MODULE["waiting"](trial, flow, cross, travel, 240)
    better = new < value
    best[better], value[better] = trial[better], new[better]
  return best


def slow_waiting(plan, flow, cross, travel, seconds):
  """One road: dictionaries of arrivals, one queue after another."""
  cycle, share, offset = plan[0], plan[1:6], plan[6:]
  queues = {(d, j): 0.0 for d in range(3) for j in range(5)}  # forward, backward, cross
  coming, total = {}, 0.0
  for t in range(seconds):
    queues[0, 0] += flow[0]
    queues[1, 4] += flow[1]
    for j in range(5):
      queues[2, j] += cross[j]
    for place, amount in coming.pop(t, []):
      queues[place] += amount
    for j in range(5):
      clock = (t - offset[j]) % cycle
      for d in range(3):
        begin, end = (0, share[j] * cycle) if d < 2 else (share[j] * cycle, cycle)
        if begin + 3 <= clock < end:
          out = min(queues[d, j], 0.5)
          queues[d, j] -= out
          if d == 0 and j < 4:
            coming.setdefault(t + travel[j], []).append(((0, j + 1), out))
          if d == 1 and j > 0:
            coming.setdefault(t + travel[j - 1], []).append(((1, j - 1), out))
    total += sum(queues.values())
  return total / (seconds * (sum(flow) + sum(cross)))


def test_waiting_equals_a_second_simulation():
  flow, cross, travel = (part[:3] for part in MODULE["roads"](MODULE["PUBLIC_SEEDS"]))
  rng = np.random.default_rng(0)
  plan = np.column_stack([rng.uniform(20, 90, 3), rng.uniform(0.2, 0.8, (3, 5)), rng.uniform(-50, 90, (3, 5))])
  fast = MODULE["waiting"](plan, flow, cross, travel, 200)
  slow = [slow_waiting(p.tolist(), f.tolist(), c.tolist(), t.tolist(), 200)
          for p, f, c, t in zip(plan, flow, cross, travel, strict=True)]
  np.testing.assert_allclose(fast, slow, rtol=1e-9)


def test_the_reference_is_the_best_known_value(judge):
  assert judge(TASK, searched).value == pytest.approx(TASK.best_known, abs=0.7)


def test_plans_are_checked(judge):
  good = np.tile([60.0] + [0.5] * 5 + [0.0] * 5, (72, 1))
  assert judge(TASK, good).value > TASK.best_known
  shifted = good + np.array([0.0] * 6 + [120.0] * 5)
  assert judge(TASK, shifted).value == pytest.approx(judge(TASK, good).value)  # two whole cycles later
  for column, value, message in ((0, 19.0, "cycle.* at least 20"), (0, 1e9, "at most 150"), (3, 0.95, "green share"),
                                 (8, np.inf, "inf"), (2, np.nan, "nan")):
    bad = good.copy()
    bad[5, column] = value
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, bad)
  with pytest.raises(core.Invalid, match="shape"):
    judge(TASK, good[:, :10])
