"""Common superstrings: every fragment stands in the text, the planted order is worth one, the reference program."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("common_superstring_four_letters_own"), core.load("common_superstring_two_letters_own")]
REFERENCE = """
import numpy as np

def solve(fragments):
    rng = np.random.default_rng(0)
    return [best_of(parts, rng) for parts in fragments]

def best_of(parts, rng):
    n = len(parts)
    shared = np.array([[0 if a == b else next(k for k in range(min(len(a), len(b)) - 1, -1, -1) if a.endswith(b[:k]))
                        for b in parts] for a in parts], float)
    best, most = None, -1
    for trial in range(120):
        order = greedy(shared + rng.normal(0, 0.6, (n, n)) * (trial > 0), n)
        got = shared[order[:-1], order[1:]].sum()
        if got > most:
            best, most = order, got
    return best

def greedy(score, n):
    score = score.copy()
    np.fill_diagonal(score, -1e9)
    after, head = [-1] * n, list(range(n))
    tail = list(range(n))
    for k in np.argsort(-score, axis=None).tolist():
        i, j = divmod(k, n)
        if i == j or after[i] >= 0 or head[j] < 0 or head[i] == j or tail[j] == i and head[j] < 0:
            continue
        if first(i, head) == j:
            continue
        after[i] = j
        head[j] = -1 - i
        n_joined = sum(a >= 0 for a in after)
        if n_joined == n - 1:
            break
    order = [next(j for j in range(n) if head[j] >= 0)]
    while after[order[-1]] >= 0:
        order.append(after[order[-1]])
    return np.array(order)

def first(i, head):
    while head[i] < 0:
        i = -1 - head[i]
    return i
"""


@pytest.fixture(scope="module")
def module(family):
  return family("common_superstring")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.015)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_equal_a_second_computation(task, judge, module):
  seen = []
  order = np.random.default_rng(0).permutation(20)
  score = judge(task, lambda fragments: seen.extend(fragments) or np.tile(order, (24, 1)))
  kind = task.name.removeprefix("common_superstring_").removesuffix("_own")
  for seed, value in enumerate(score.instances):
    parts, planted = module.draw(kind, seed, 20)
    assert parts == seen[seed]
    text = module.join(tuple(parts), order.tolist())
    assert all(part in text for part in parts) and value == planted / len(text)


def test_the_planted_order_gives_the_planted_length(module):
  """Some order of six fragments reaches the text that they were cut from; joins are as short as they can be."""
  for seed in range(3):
    parts, planted = module.draw("four_letters", seed, 6)
    texts = [module.join(tuple(parts), list(order)) for order in itertools.permutations(range(6))]
    assert min(map(len, texts)) <= planted and all(part in text for text in texts[::97] for part in parts)


def test_joins_take_the_largest_overlap(module):
  assert module.join(("abab", "babb", "bb"), [0, 1, 2]) == "ababb"
  assert module.join(("aa", "aa"), [0, 1]) == "aa" and module.join(("ab", "ba"), [1, 0]) == "bab"


@pytest.mark.parametrize("change, message", [
    (lambda o: np.where(o == 3, 4, o), r"orders\[0\] holds 4 twice"), (lambda o: o[:, 1:], r"shape \(24, 19\)"),
    (lambda o: o + 1, "at most 19"), (lambda o: o / 2, "an integer"), (lambda o: ["a"] * 24, "a str")])
def test_fragments_that_are_left_out_are_invalid(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(np.tile(np.arange(20), (24, 1))))
