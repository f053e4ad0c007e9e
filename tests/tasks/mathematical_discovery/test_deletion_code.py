"""Single-deletion codes: Varshamov-Tenengolts codes score 1, and words that a deletion makes equal are named."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("deletion_code_7")


def varshamov_tenengolts(n):
  return [w for w in itertools.product((0, 1), repeat=n) if sum(i * x for i, x in enumerate(w, 1)) % (n + 1) == 0]


@pytest.mark.parametrize("n", [7, 8, 9])
def test_known_codes_score_one(n, judge):
  task = core.load(f"deletion_code_{n}")
  score = judge(task, varshamov_tenengolts(n)[::-1])
  assert score.value == task.best_known and score.metrics["shorter_words_used"] <= 2 ** (n - 1)


def test_messages_name_the_words(judge):
  task = core.load("deletion_code_7")
  with pytest.raises(core.Invalid, match="words 0000000 and 0001000 both become 000000 by one deletion"):
    judge(task, [[0, 0, 0, 1, 0, 0, 0], [0] * 7])
  with pytest.raises(core.Invalid, match="word 1111111 stands twice"):
    judge(task, [[1] * 7, [0] * 7, [1] * 7])
  with pytest.raises(core.Invalid, match="expected at least 0"):
    judge(task, [[-1] * 7])


def common_subsequence(a, b):
  """Length of the longest common subsequence."""
  row = [0] * (len(b) + 1)
  for x in a:
    above = row[:]
    for j, y in enumerate(b):
      row[j + 1] = above[j] + 1 if x == y else max(above[j + 1], row[j])
  return row[-1]


@hypothesis.given(st.lists(st.tuples(*[st.integers(0, 1)] * 7), min_size=1, max_size=4))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, words):
  legal = all(common_subsequence(a, b) < 6 for a, b in itertools.combinations(words, 2))
  try:
    assert judge(TASK, words).value == len(words) and legal
  except core.Invalid:
    assert not legal
