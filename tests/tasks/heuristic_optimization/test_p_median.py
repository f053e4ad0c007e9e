"""p-median and p-centre: the reference programs, costs and greedy rules by a second computation."""

import numpy as np
import pytest

from eft_jax import core

MEDIAN, CENTER = core.load("p_median_sum_own"), core.load("p_median_center_own")
REFERENCE = """
import numpy as np

def solve(points, p):
    return [choose(q, p) for q in points]

def choose(q, p):
    rng = np.random.default_rng(1)
    gap, best, least = np.abs((q - q[:, None]) @ [1, 1j]), None, 1e9
    for start in range(4):
        chosen = rng.choice(len(q), p, replace=False)
        now = gap[chosen].min(0).sum()
        while True:
            rest = np.stack([gap[np.delete(chosen, k)].min(0) for k in range(p)])
            costs = np.minimum(rest[:, None], gap[None]).sum(2)
            k, new = np.unravel_index(costs.argmin(), costs.shape)
            if costs[k, new] > now - 1e-9:
                break
            now, chosen[k] = costs[k, new], new
        if now < least:
            best, least = chosen, now
    return best
"""
# High powers of the distances stand for the largest one.
CENTER_REFERENCE = """
import numpy as np

def solve(points, p):
    return [choose(q, p) for q in points]

def choose(q, p):
    rng = np.random.default_rng(1)
    gap, best, least = np.abs((q - q[:, None]) @ [1, 1j]), None, 1e9
    for start in range(5):
        chosen = rng.choice(len(q), p, replace=False)
        now = (gap[chosen].min(0) ** 9).sum()
        while True:
            rest = np.stack([gap[np.delete(chosen, k)].min(0) for k in range(p)])
            costs = (np.minimum(rest[:, None], gap[None]) ** 9).sum(2)
            k, new = np.unravel_index(costs.argmin(), costs.shape)
            if costs[k, new] > now - 1e-9:
                break
            now, chosen[k] = costs[k, new], new
        if now < least:
            best, least = chosen, now
    return best
"""


@pytest.mark.parametrize("task, source", [(MEDIAN, REFERENCE), (CENTER, CENTER_REFERENCE)],
                         ids=lambda value: getattr(value, "name", "reference"))
def test_the_reference_is_the_best_known_value(task, source, run):
  values = [run(task, source, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.06) and min(values) > 1


def greedy(points, total):
  """What the rule of the task costs, point by point."""
  gap = lambda a, b: np.linalg.norm(points[a] - points[b])
  n, chosen = len(points), []
  cost = lambda sites: total([min(gap(i, s) for s in sites) for i in range(n)])
  for _ in range(6):
    if total is max and chosen:
      chosen.append(max(range(n), key=lambda i: min(gap(i, s) for s in chosen)))
    else:
      chosen.append(min(range(n), key=lambda i: cost([*chosen, i])))
  return cost(chosen)


@pytest.mark.parametrize("task, total", [(MEDIAN, sum), (CENTER, max)], ids=["sum", "center"])
def test_values_equal_a_second_computation(task, total, judge):
  seen = []
  chosen = np.random.default_rng(0).permuted(np.tile(np.arange(60), (24, 1)), axis=1)[:, :6]
  score = judge(task, lambda points, p: seen.append(points) or chosen)
  points = seen[0][0]
  cost = total([min(np.linalg.norm(points[i] - points[s]) for s in chosen[0]) for i in range(60)])
  assert score.instances[0] == pytest.approx(greedy(points, total) / cost, rel=1e-9)


@pytest.mark.parametrize("change, message", [
    (lambda c: np.where(c == 3, 4, c), r"instance 0: point 4 is chosen twice"),
    (lambda c: c[:, 1:], r"shape \(24, 5\)"),
    (lambda c: c + 55, "at most 59"), (lambda c: c - 1, "at least 0"), (lambda c: c / 2, "an integer"),
    (lambda c: np.tile(np.arange(60), (24, 1)), r"shape \(24, 60\)")])
def test_what_is_invalid(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(MEDIAN, change(np.tile(np.arange(6), (24, 1))))
