"""Addition chains: Knuth's power tree scores 1, and what is no chain is named."""

import random

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("addition_chain_own")


def power_tree(high):
  """Chains of all numbers below `high` (Knuth, volume 2, 4.6.3): levels of a tree whose paths are the chains."""
  path = {1: [1]}
  level = [1]
  while level:
    fresh = []
    for n in level:
      for step in path[n]:
        if n + step < high and n + step not in path:
          path[n + step] = [*path[n], n + step]
          fresh.append(n + step)
    level = fresh
  return path


def binary(n):
  return [1] if n == 1 else [*binary(n - 1), n] if n % 2 else [*binary(n // 2), n]


def test_the_power_tree_scores_one(judge):
  tree = power_tree(4096)
  score = judge(TASK, lambda numbers: [tree[n] for n in numbers.tolist()])
  assert TASK.score(score.value) == pytest.approx(1, abs=0.12)
  plain = judge(TASK, lambda numbers: [binary(n) for n in numbers.tolist()])
  assert plain.value < score.value <= 1 and len(score.instances) == 8
  assert abs(score.metrics["gap"]) < 0.03


def test_the_bound_holds_for_small_numbers():
  """Against the shortest chains of all numbers up to 60, by deepening search."""
  bound = TASK.evaluate.__globals__["bound"]
  for n in range(1, 61):
    length = 0
    while not reaches([1], n, length):
      length += 1
    assert bound(n) <= length


def reaches(chain, n, left):
  if chain[-1] == n:
    return True
  if left == 0 or chain[-1] << left < n:
    return False
  sums = {a + b for a in chain for b in chain if chain[-1] < a + b <= n}
  return any(reaches([*chain, x], n, left - 1) for x in sums)


def test_messages_name_the_chain(judge):
  def change(edit):
    def solve(numbers):
      chains = [binary(n) for n in numbers.tolist()]
      edit(chains[5])
      return chains
    return solve
  with pytest.raises(core.Invalid, match="which is no sum of two of the numbers before it"):
    judge(TASK, change(lambda chain: chain.pop(2)))
  with pytest.raises(core.Invalid, match="goes from 2 to"):
    judge(TASK, change(lambda chain: chain.pop(0)))
  with pytest.raises(core.Invalid, match="has 1 after 2, expected increasing numbers"):
    judge(TASK, change(lambda chain: chain.insert(2, 1)))
  with pytest.raises(core.Invalid, match="expected a list of 192 chains"):
    judge(TASK, lambda numbers: [binary(n) for n in numbers.tolist()][1:])
  with pytest.raises(core.Invalid, match="goes from 1 to"):
    judge(TASK, change(lambda chain: chain.pop()))


def test_hidden_numbers_move_with_the_seeds(run):
  values = {run(TASK, key=str(random.Random(i).random())).value for i in range(3)}
  assert len(values) == 3 and np.ptp(list(values)) < 2 * TASK.spread
