"""Independent sets: Varshamov-Tenengolts codes score one, joined words by deleting letters, and the hidden graphs."""

import itertools

import numpy as np
import pytest

from eft_jax import core

HIDDEN = core.load("independent_set_random_own")
REFERENCE = """
import numpy as np

def solve(adjacent):
    # Sets that take one node by force, drop its neighbours, and fill up by least degree, for all graphs at once.
    rng = np.random.default_rng(0)
    B, n = adjacent.shape[:2]
    rows = np.arange(B)
    chosen = fill(adjacent, np.zeros((B, n), int), rng, rows)
    best, now = chosen.copy(), chosen
    for k in range(300):
        new = now.copy()
        for _ in range(1 + k % 3):
            node = rng.integers(n, size=B)
            new = new * (1 - adjacent[rows, node])
            new[rows, node] = 1
        new = fill(adjacent, new, rng, rows)
        keep = new.sum(1) >= now.sum(1) - (k % 8 == 0)
        now = np.where(keep[:, None], new, now)
        best = np.where((new.sum(1) > best.sum(1))[:, None], new, best)
    return best

def fill(adjacent, chosen, rng, rows):
    free = (1 - chosen) * (np.einsum("bij,bj->bi", adjacent, chosen) == 0)
    while free.any():
        degree = np.einsum("bij,bj->bi", adjacent, free) + rng.random(free.shape) * 1.5
        node = np.where(free > 0, degree, 1e9).argmin(1)
        chosen[rows, node] |= free[rows, node]
        free = free * (1 - adjacent[rows, node])
        free[rows, node] = 0
    return chosen
"""


@pytest.mark.parametrize("bits, size", [(7, 16), (8, 30)])
def test_the_code_of_varshamov_and_tenengolts_scores_one(bits, size, judge):
  """Words x with sum of i x_i = 0 mod bits + 1."""
  task = core.load(f"independent_set_1dc_{1 << bits}")
  words = itertools.product((0, 1), repeat=bits)
  code = [int(sum(i * x for i, x in enumerate(word, 1)) % (bits + 1) == 0) for word in words]
  score = judge(task, code)
  assert score.value == sum(code) == size == task.best_known and score.construction.tolist() == code


@pytest.mark.parametrize("bits", [7, 8])
def test_the_graph_equals_a_second_construction(bits, judge):
  seen = []
  task = core.load(f"independent_set_1dc_{1 << bits}")
  judge(task, lambda adjacent, previous: seen.append(adjacent) or [0] * (1 << bits))
  words = ["".join(word) for word in itertools.product("01", repeat=bits)]
  shorter = [{word[:i] + word[i + 1:] for i in range(bits)} for word in words]
  expected = [[int(i != j and bool(a & b)) for j, b in enumerate(shorter)] for i, a in enumerate(shorter)]
  assert seen[0].tolist() == expected


def test_the_reference_is_the_best_known_value(run):
  values = [run(HIDDEN, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(HIDDEN.best_known, abs=0.03) and min(values) >= 1


def least_degree(adjacent) -> int:
  left, size = set(range(len(adjacent))), 0
  while left:
    node = min(left, key=lambda i: (sum(adjacent[i, j] for j in left), i))
    left -= {node, *np.flatnonzero(adjacent[node]).tolist()}
    size += 1
  return size


def test_hidden_values_equal_a_second_computation(judge):
  seen = []
  score = judge(HIDDEN, lambda adjacent: seen.extend(adjacent) or np.eye(60)[[3] * 24])
  assert list(score.instances) == [1 / least_degree(adjacent) for adjacent in seen[:8]]
  assert judge(HIDDEN, np.zeros((24, 60))).value == 0


def test_messages_are_useful(judge):
  task = core.load("independent_set_1dc_128")
  for wrong, message in (
      (np.ones(128), r"words 0000000 and 0000001 are joined and both chosen \(\d+ such pairs\)"),
      (np.full(128, 2), "at most 1"), (-np.ones(128), "at least 0"), (np.zeros(127), "shape"),
      (np.full(128, 0.5), "an integer"), (np.zeros(128, bool), "array of bool")):
    with pytest.raises(core.Invalid, match=message):
      judge(task, wrong)
  with pytest.raises(core.Invalid, match=r"instance 0: nodes \d+ and \d+ are joined and both chosen"):
    judge(HIDDEN, np.ones((24, 60)))
