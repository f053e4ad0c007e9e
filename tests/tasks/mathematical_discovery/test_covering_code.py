"""Covering codes: Hamming codes and products of them score 1, and a word that is not covered is named."""

import itertools

import numpy as np
import pytest

from eft_jax import core


def hamming(q, columns):
  """Words over F_q, q prime, whose check sums with the given columns vanish."""
  words = np.array(list(itertools.product(range(q), repeat=len(columns))))
  return words[((words @ np.array(columns)) % q == 0).all(1)]


def times_all(code, q):
  """Every word with every digit appended."""
  return [[*word, digit] for word in code for digit in range(q)]


def binary_7():
  return hamming(2, [[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(1, 8)])


def ternary_4():
  return hamming(3, [[0, 1], [1, 0], [1, 1], [1, 2]])


KNOWN = {(2, 7): binary_7, (2, 8): lambda: times_all(binary_7(), 2), (3, 5): lambda: times_all(ternary_4(), 3)}


@pytest.mark.parametrize("q, n", KNOWN)
def test_known_codes_score_one(q, n, judge):
  task = core.load(f"covering_code_{q}_{n}")
  code = [list(word) for word in KNOWN[q, n]()]
  assert judge(task, code).value == task.best_known == len(code)
  assert judge(task, [*code, code[0]]).value == len(code) + 1  # a word that stands twice counts twice
  with pytest.raises(core.Invalid, match=f"of {q**n} words are further than one change from all {len(code) - 1} words"):
    judge(task, code[1:])


def test_a_code_that_we_found_scores_one(judge, known):
  assert judge(core.load("covering_code_2_6"), known("covering_code_2_6")).value == 12


def test_messages_name_an_open_word(judge):
  with pytest.raises(core.Invalid, match="57 of 64 words .* among them 000011"):
    judge(core.load("covering_code_2_6"), [[0] * 6])
  with pytest.raises(core.Invalid, match="at most 2"):
    judge(core.load("covering_code_3_5"), [[3] * 5])


@pytest.mark.parametrize("size", [30, 60, 90, 140])
def test_the_verdict_equals_a_second_check(size, judge):
  words = np.random.default_rng(size).integers(3, size=(size, 5))
  everything = np.array(list(itertools.product(range(3), repeat=5)))
  open_ = int(((everything[:, None] != words).sum(2) > 1).all(1).sum())
  try:
    assert judge(core.load("covering_code_3_5"), words).value == size and not open_
  except core.Invalid as error:
    assert str(error).startswith(f"{open_} of 243")
