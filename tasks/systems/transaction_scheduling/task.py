"""Transaction scheduling: transactions that conflict on keys are put in an order with a short makespan.

The known task of this name asks for an order of transactions, and its published records came from an evaluator that
could be misled: here the makespan is recomputed from the order alone. Workloads are ours, from hidden seeds, and
values are normalised by a lower bound. Solver shape.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (32, 6, 40), "full": (150, 12, 160)}  # transactions, most operations, keys
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 40

STATEMENT = """N transactions are given; operation j of a transaction reads or writes one key, j time units after its \
start. Each transaction begins at the earliest time, 0 or later, at which none of its operations conflicts with a \
transaction that stands before it in the order: a write of a key must come strictly later than every operation of \
those on this key, a read strictly later than their writes of it. A transaction with L operations ends L units after \
its start. Choose the order with a short makespan (latest end).

Write `schedule(keys, writes)` for B = {instances} workloads at once. Both have shape (B, N, J): the key of \
each operation (-1: none, at the end of shorter transactions), and 1 for a write. Return integers (B, N): the \
transactions in order. N, J, keys = {search} ({full} at full \
fidelity).

Invalid: another shape, a row that is no permutation.

Score: lower bound (each key needs a time unit for every write, and one for reads if any) over makespan, \
averaged over hidden workloads. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Order transactions (keys, writes: (B, N, J)) so that conflicting ones overlap in time as far as they may. "
         "Maximise lower bound / makespan.")


def draw(seed: int, count: int, longest: int, keys: int) -> tuple[np.ndarray, np.ndarray]:
  """Keys and writes [count, longest]: popular keys as in key-value benchmarks, a few hot ones early or late."""
  rng = np.random.default_rng([seed, count])
  weights = 1 / np.arange(1, keys + 1) ** rng.uniform(0.6, 1.1)
  share = rng.uniform(0.2, 0.7)
  key = np.full((count, longest), -1)
  write = np.zeros((count, longest), np.int64)
  for i in range(count):
    length = int(rng.integers(2, longest + 1))
    chosen = rng.choice(keys, length, replace=False, p=weights / weights.sum())
    if rng.random() < 0.5:
      chosen.sort()  # a program that takes its keys in a fixed order
    key[i, :length] = chosen
    write[i, :length] = rng.random(length) < share
  return key, write


@functools.lru_cache(maxsize=4)
def workloads(seeds: tuple[int, ...], count: int, longest: int, keys: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Keys and writes [instances, count, longest] and lower bounds of the makespan [instances]."""
  drawn = [draw(seed, count, longest, keys) for seed in seeds]
  key, write = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
  bounds = []
  for k, w in zip(key, write, strict=True):
    writes = np.bincount(k[(w == 1) & (k >= 0)], minlength=keys)
    reads = np.bincount(k[(w == 0) & (k >= 0)], minlength=keys)
    bounds.append(max((writes + (reads > 0)).max(), (k >= 0).sum(axis=1).max()))
  arrays = key, write, np.array(bounds, float)
  for a in arrays:
    a.setflags(write=False)
  return arrays


def makespan(order: np.ndarray, key: np.ndarray, write: np.ndarray, keys: int) -> np.ndarray:
  """Latest end [B] of the orders [B, N]; all instances in step. The last column of the clocks stands for no key."""
  rows, steps = np.arange(len(order))[:, None], np.arange(key.shape[2])
  last_write = np.full((len(order), keys + 1), -1)
  last_any = np.full((len(order), keys + 1), -1)  # latest read or write
  end = np.zeros(len(order), np.int64)
  for i in order.T:
    k, w = key[rows[:, 0], i], write[rows[:, 0], i] == 1
    wait = np.where(w, last_any[rows, k], last_write[rows, k]) + 1 - steps
    start = np.maximum(np.where(k >= 0, wait, 0).max(axis=1), 0)
    time = np.where(k >= 0, start[:, None] + steps, -1)
    # A transaction names each key once, so that no two entries of a row meet but those of no key.
    last_any[rows, k] = np.maximum(last_any[rows, k], time)
    last_write[rows, k] = np.where(w, np.maximum(last_write[rows, k], time), last_write[rows, k])
    end = np.maximum(end, time.max(axis=1) + 1)
  return end


def evaluate(session: core.Session) -> core.Score:
  count, longest, keys = SIZES[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("workloads", HIDDEN))
  key, write, bounds = workloads(seeds, count, longest, keys)
  order = checks.array(session.call("schedule", key.copy(), write.copy()), key.shape[:2], dtype=int, low=0,
                       high=count - 1, name="order")
  wrong = np.flatnonzero((np.sort(order, axis=1) != np.arange(count)).any(axis=1))
  if len(wrong):
    numbers, times = np.unique(order[wrong[0]], return_counts=True)
    raise core.Invalid(f"workload {wrong[0]}: transaction {numbers[times.argmax()]} is scheduled {times.max()} times, "
                       f"{count - len(numbers)} transactions never")
  ends = makespan(order, key, write, keys)
  values = bounds / ends
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):].mean()
  return core.Score(float(hidden), {"public": float(public.mean()), "gap": float(public.mean() - hidden),
                                    "makespan": float(ends.mean())}, instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="transaction_scheduling_own", family="transaction_scheduling", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, **SIZES), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="schedule", direction="max",
        baseline=0.318, spread=0.027, best_known=0.536,
        source="our own reference: earliest start first, repeated with noise",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
