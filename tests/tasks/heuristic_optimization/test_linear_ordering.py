"""Linear ordering: the reference program, sums pair by pair, and what is no order."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASKS = [core.load("linear_ordering_random_own"), core.load("linear_ordering_planted_own")]
REFERENCE = """
import numpy as np

def solve(weights):
    rng = np.random.default_rng(0)
    B, n = weights.shape[:2]
    rows = np.arange(B)
    order = np.argsort(weights.sum(1) - weights.sum(2), axis=1)
    value = worth(weights, order)
    best, least = order.copy(), value.copy()
    for k in range(330):
        ranked = weights[rows[:, None, None], order[:, :, None], order[:, None, :]]
        diff = ranked - ranked.transpose(0, 2, 1)
        right = np.cumsum(diff, axis=2)
        left = right - np.einsum("bii->bi", right)[:, :, None]
        gain = -left
        kick = k % 12 == 11
        if kick:
            gain = rng.random(gain.shape)
        gain[:, np.arange(n), np.arange(n)] = 0
        pick = gain.reshape(B, -1).argmax(1)
        i, j = pick // n, pick % n
        new = np.stack([np.insert(np.delete(o, a), b, o[a]) for o, a, b in zip(order, i, j)])
        got = worth(weights, new)
        take = got > value if not kick else np.ones(B, bool)
        order, value = np.where(take[:, None], new, order), np.where(take, got, value)
        better = value > least
        best[better], least[better] = order[better], value[better]
    return best

def worth(weights, order):
    rows = np.arange(len(order))[:, None, None]
    return np.triu(weights[rows, order[:, :, None], order[:, None, :]], 1).sum((1, 2))
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.006) and max(values) <= 1


@hypothesis.given(st.permutations(range(25)), st.sampled_from(TASKS))
@hypothesis.settings(max_examples=20, deadline=None)
def test_values_equal_a_second_computation(judge, order, task):
  seen = []
  score = judge(task, lambda weights: seen.extend(weights.tolist()) or [order] * 24)
  for weights, value in zip(seen[:8], score.instances, strict=True):
    pairs = list(itertools.combinations(order, 2))
    bound = sum(max(weights[i][j], weights[j][i]) for i, j in pairs)
    assert value == sum(weights[i][j] for i, j in pairs) / bound <= 1
    if "planted" in task.name:
      assert all(weights[i][j] + weights[j][i] == 20 for i, j in pairs)


def test_an_order_and_its_reverse_share_all_weights(judge):
  order, sums = np.tile(np.arange(25), (24, 1)), []
  for rows in (order, order[:, ::-1]):
    seen = []
    score = judge(TASKS[0], lambda weights: seen.append(weights) or rows)  # noqa: B023
    bounds = np.triu(np.maximum(seen[0], seen[0].transpose(0, 2, 1))).sum(axis=(1, 2))[:8]
    sums.append(np.array(score.instances) * bounds)
  np.testing.assert_allclose(sums[0] + sums[1], seen[0][:8].sum(axis=(1, 2)))


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds 4 twice"), (lambda o: o[:, 1:], r"shape \(24, 24\)"),
    (lambda o: o + 1, "at most 24"), (lambda o: o / 2, "an integer"), (lambda o: o - 1, "at least 0")])
def test_what_is_no_order(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(np.tile(np.arange(25), (24, 1))))
