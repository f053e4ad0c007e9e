"""Balance split: parts of equal weight, found with nothing but a pair of scales. Policy shape.

Idea: AtCoder Heuristic Contest 25, with our own statement, sizes and generator.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (12, 3, 24), "full": (40, 5, 160)}  # items, parts, weighings
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24

STATEMENT = """Divide n items into k parts of equal weight. Weights are unknown (draws from an exponential \
distribution, rounded up); a pair of scales says which of two sets of items is heavier. There are T weighings; n, k, T \
are 12, 3, 24 (40, 5, 160 at full fidelity).

Write `weigh(history, results, k, last)`. It is called T + 1 times for B problems at once. history is an integer array \
of shape (B, t, n), the t weighings so far (1: item on the left, -1: on the right, 0: aside), results of shape (B, t): \
1 where the left was heavier, -1 where the right was, 0 where both were equal. While last is False, return the next \
weighings, shape (B, n), numbers -1, 0, 1. When last is True, return part numbers 0 to k - 1, shape (B, n).

Invalid: another shape, numbers that are not whole or out of range.

Score: weight of the lightest part / mean weight of a part, mean over hidden problems. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = ("Find k equal parts with a pair of scales: choose weighings (B, n) of -1, 0, 1, then parts. Maximise "
         "the lightest part.")


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> np.ndarray:
  """Weights [B, n]."""
  weights = np.stack([np.ceil(np.random.default_rng(seed).exponential(1000, n)) for seed in seeds]).astype(np.int64)
  weights.setflags(write=False)
  return weights


def evaluate(session: core.Session) -> core.Score:
  n, k, turns = SIZES[session.fidelity]
  weights = instances(PUBLIC_SEEDS + tuple(session.seeds("weights", HIDDEN)), n)
  shape = weights.shape
  history, results = np.zeros((shape[0], turns, n), np.int64), np.zeros((shape[0], turns), np.int64)
  for turn in range(turns):
    found = session.call("weigh", history[:, :turn].copy(), results[:, :turn].copy(), k, False)
    history[:, turn] = checks.array(found, shape, dtype=int, low=-1, high=1, name="weighing")
    results[:, turn] = np.sign((history[:, turn] * weights).sum(axis=1))
  parts = checks.array(session.call("weigh", history.copy(), results.copy(), k, True), shape, dtype=int, low=0,
                       high=k - 1, name="part")
  sums = np.stack([(weights * (parts == i)).sum(axis=1) for i in range(k)], axis=1)
  values = (sums.min(axis=1) * k / sums.sum(axis=1)).tolist()
  public, hidden = np.mean(values[:len(PUBLIC_SEEDS)]), np.mean(values[len(PUBLIC_SEEDS):])
  return core.Score(float(hidden), {"public": float(public), "gap": float(hidden - public)},
                    {"parts": "weights of the parts of the public problems: " + str(sums[:4].tolist())},
                    instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="balance_split_own", family="balance_split", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="weigh", direction="max",
        baseline=0.634, best_known=0.98, source="our own reference, which knows the weights: largest first, then swaps",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.06)
]
