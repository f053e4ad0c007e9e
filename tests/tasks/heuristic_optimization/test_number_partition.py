"""Number partitioning: the reference program, and differences in whole numbers of any size."""

import math

import numpy as np
import pytest

from eft_jax import core

TASKS = {2: core.load("number_partition_two_own"), 4: core.load("number_partition_four_own")}
REFERENCE = """
import heapq
import numpy as np

def solve(numbers, groups):
    rng = np.random.default_rng(0)
    return [divide(row, groups, rng) for row in numbers.tolist()]

def divide(row, groups, rng, rounds=90):
    best, least = None, 1 << 60
    for k in range(rounds):
        # Two of the largest numbers are joined first, by chance; the rest by differencing.
        heap = []
        for i, x in enumerate(row):
            sums = [(x, [i])] + [(0, [])] * (groups - 1)
            heap.append((-x, i, sums))
        if k:
            for _ in range(2):
                a, b = rng.choice(len(heap), 2, replace=False)
                joined = join(heap[a][2], heap[b][2], k % 3 == 0)
                heap = [h for i, h in enumerate(heap) if i not in (a, b)]
                heap.append((-joined[0][0], 1000 + heap[0][1], joined))
        heapq.heapify(heap)
        tick = 9999
        while len(heap) > 1:
            a, b = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
            joined = join(a, b, False)
            tick += 1
            heapq.heappush(heap, (-joined[0][0], tick, joined))
        spread, _, sums = heap[0]
        if -spread < least:
            least, group = -spread, [0] * len(row)
            for g, (_, members) in enumerate(sums):
                for i in members:
                    group[i] = g
            best = group
    return best

def join(a, b, same):
    b = b if same else b[::-1]
    sums = sorted(((x + y, m + l) for (x, m), (y, l) in zip(a, b)), key=lambda s: -s[0])
    return [(x - sums[-1][0], m) for x, m in sums]
"""


@pytest.mark.parametrize("groups", TASKS)
def test_the_reference_is_the_best_known_value(groups, run):
  values = [run(TASKS[groups], REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(TASKS[groups].best_known, abs=0.4)


@pytest.mark.parametrize("groups", TASKS)
def test_values_equal_a_second_computation(groups, judge):
  seen = []
  group = np.random.default_rng(0).integers(groups, size=(24, 40))
  score = judge(TASKS[groups], lambda numbers, k: seen.extend(numbers.tolist()) or group)
  for numbers, row, value in zip(seen[:8], group[:8].tolist(), score.instances, strict=True):
    sums = [sum(x for x, g in zip(numbers, row, strict=True) if g == k) for k in range(groups)]
    assert value == math.log10(sum(numbers) / (max(sums) - min(sums) + 1))
    assert 0 < min(numbers) and max(numbers) < 2**50


def test_a_group_without_numbers_counts_as_zero(judge):
  assert judge(TASKS[2], np.zeros((24, 40))).value == pytest.approx(0, abs=1e-12)
  assert judge(TASKS[4], np.tile(np.arange(40) % 2, (24, 1))).value < math.log10(2) + 0.1


def test_what_is_invalid(judge):
  for given, message in (
      (np.full((24, 40), 2), "at most 1"), (np.full((24, 40), -1), "at least 0"),
      (np.full((24, 40), 0.5), "an integer"),
      (np.zeros((24, 39)), "shape"), (np.zeros((24, 40), bool), "array of bool"), ("0" * 40, "a str")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS[2], given)
