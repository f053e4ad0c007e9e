"""Transaction scheduling: conflicts checked pair by pair, the greedy reference, and what is refused."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("transaction_scheduling_own")
MODULE = TASK.evaluate.__globals__
# Always the transaction that can start first, the one with most work on hot keys among equals; all workloads and many
# noisy repetitions in step, and the best repetition counts.
REFERENCE = """
import numpy as np

TRIALS = 40

def schedule(keys, writes):
    rng = np.random.default_rng(0)
    return np.array([one(k, w, rng) for k, w in zip(keys, writes)])

def one(k, w, rng):
    n, j = k.shape
    most = k.max() + 2
    steps = np.arange(j)
    rows = np.arange(TRIALS)
    valid = k >= 0
    heat = (np.bincount(k[valid & (w == 1)], minlength=most)[k] * valid * (1 + w)).sum(axis=1)
    last_any = np.full((TRIALS, most), -1)
    last_write = np.full((TRIALS, most), -1)
    done = np.zeros((TRIALS, n), bool)
    end = np.zeros(TRIALS, int)
    order = []
    noise = rng.random((TRIALS, 1)) * 3
    tie = -heat / heat.max() * rng.uniform(0, 3, (TRIALS, 1)) + noise * rng.random((TRIALS, n))
    for _ in range(n):
        wait = np.where(w == 1, last_any[:, k], last_write[:, k]) + 1 - steps
        start = np.maximum(np.where(valid, wait, 0).max(axis=2), 0)
        i = np.where(done, np.inf, start + tie).argmin(axis=1)
        done[rows, i] = True
        order.append(i)
        ki, wi = k[i], w[i] == 1
        time = np.where(ki >= 0, start[rows, i][:, None] + steps, -1)
        r = rows[:, None]
        last_any[r, ki] = np.maximum(last_any[r, ki], time)
        last_write[r, ki] = np.where(wi, np.maximum(last_write[r, ki], time), last_write[r, ki])
        end = np.maximum(end, time.max(axis=1) + 1)
    return np.array(order)[:, end.argmin()]
"""


def slow_makespan(order, key, write):
  """Start of each transaction as the first time that breaks no rule with any earlier one, pair by pair."""
  placed = []
  for i in order:
    operations = [(int(k), int(w)) for k, w in zip(key[i], write[i], strict=True) if k >= 0]
    for start in itertools.count():
      mine = [(k, w, start + j) for j, (k, w) in enumerate(operations)]
      if all(t > u for k, w, t in mine for other in placed for q, v, u in other if k == q and (w or v)):
        break
    placed.append(mine)
  return max(t for operations in placed for _, _, t in operations) + 1


def test_makespans_equal_those_of_a_check_of_all_pairs():
  count, longest, keys = 10, 5, 12
  key, write, bounds = MODULE["workloads"](tuple(range(20)), count, longest, keys)
  rng = np.random.default_rng(0)
  order = np.array([rng.permutation(count) for _ in key])
  ends = MODULE["makespan"](order, key, write, keys)
  assert ends.tolist() == [slow_makespan(*item) for item in zip(order, key, write, strict=True)]
  assert (ends >= bounds).all() and len(set(ends)) > 3


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(3)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.04) and max(values) <= 1


def test_no_transaction_may_be_left_out(judge):
  with pytest.raises(core.Invalid, match="workload 0: transaction 0 is scheduled 32 times, 31 transactions never"):
    judge(TASK, lambda keys, writes: 0 * keys[:, :, 0])
  with pytest.raises(core.Invalid, match=r"shape \(48, 31\), expected \(48, 32\)"):
    judge(TASK, lambda keys, writes: np.tile(np.arange(31), (48, 1)))
  with pytest.raises(core.Invalid, match="at most 31"):
    judge(TASK, lambda keys, writes: np.tile(np.arange(1, 33), (48, 1)))
