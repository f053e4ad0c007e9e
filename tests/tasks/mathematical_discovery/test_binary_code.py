"""Binary codes: codes built from their definitions score 1, and near words are named."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("binary_code_9_4")
GRAY = {0: (0, 0), 1: (0, 1), 2: (1, 1), 3: (1, 0)}


def best_code():
  """Conway and Sloane's pentacode: cyclic shifts of (c - d, b, c, d, b + c) over Z_4, b, c, d odd, by Gray's map."""
  words = set()
  for b, c, d in itertools.product((1, 3), repeat=3):
    word = [(c - d) % 4, b, c, d, (b + c) % 4]
    for shift in range(5):
      words.add(tuple(bit for x in word[shift:] + word[:shift] for bit in GRAY[x]))
  return sorted(words)


def hadamard_code():
  """Rows of Paley's Hadamard matrix of order 12, and their complements."""
  squares = {i * i % 11 for i in range(1, 11)}
  rows = [[1] * 12] + [[0] + [int((j - i) % 11 not in squares) for j in range(11)] for i in range(11)]
  return rows + [[1 - x for x in row] for row in rows]


KNOWN = {(10, 4): best_code, (9, 4): lambda: [w[1:] for w in best_code() if w[0] == 0], (12, 6): hadamard_code}


@pytest.mark.parametrize("n, d", KNOWN)
def test_known_codes_score_one(n, d, judge):
  task = core.load(f"binary_code_{n}_{d}")
  score = judge(task, KNOWN[n, d]())
  assert score.value == task.best_known and score.metrics["words_that_could_be_added"] == 0


def test_messages_name_the_words(judge):
  task = core.load("binary_code_9_4")
  with pytest.raises(core.Invalid, match=r"words \[0, 0, .* 0\] and \[0, .* 1, 1, 1\] differ in 3 places, expected at"):
    judge(task, [[0] * 6 + [1] * 3, [0] * 9])
  with pytest.raises(core.Invalid, match="differ in 0 places"):
    judge(task, [[1] * 9, [1] * 9])
  with pytest.raises(core.Invalid, match="at most 1"):
    judge(task, [[2] * 9])


@hypothesis.given(st.sets(st.integers(0, 511), min_size=1, max_size=4))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, codes):
  words = [np.array([c >> i & 1 for i in range(9)]) for c in codes]
  legal = all((a != b).sum() >= 4 for a, b in itertools.combinations(words, 2))
  try:
    assert judge(TASK, words).value == len(codes) and legal
  except core.Invalid:
    assert not legal
