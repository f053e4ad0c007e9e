"""Torus words: the hidden torus holds all words, and wrong letters are named."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("torus_words_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def hidden_torus(seed: int) -> str:
  """The generator's first draw."""
  return "".join(FILE.ALPHABET[i] for i in np.random.default_rng(seed).integers(0, 8, (9, 9)).flat)


def test_the_hidden_tori_score_one(judge, hidden_seeds):
  letters = [hidden_torus(seed) for seed in (*range(8), *hidden_seeds("words", 8))]
  assert judge(TASK, "\n".join(letters)).value == 1
  lower = judge(TASK, "\n".join(letters[8:] + letters[:8]))
  assert lower.value < 0.5


def test_held_words_agree_with_reading_letter_by_letter():
  torus = np.random.default_rng(3).integers(0, 8, (9, 9))
  letters = "".join(FILE.ALPHABET[i] for i in torus.flat)
  words = FILE.draw(4, 9, 60) + FILE.draw(3, 9, 60)
  found = 0
  for word in words:
    places = [(i, j, k) for i in range(9) for j in range(9) for k in range(2)]
    found += any(all(FILE.ALPHABET[torus[(i + k * q) % 9, (j + (1 - k) * q) % 9]] == letter
                     for q, letter in enumerate(word)) for i, j, k in places)
  assert FILE.held(words, 9, letters) == found / 120 and 60 <= found < 120


def test_a_word_of_full_length_goes_round():
  assert FILE.held(("CAB", "ADG", "GAD", "BCA", "ACB"), 3, "ABCDEFGHA") == 0.8


@pytest.mark.parametrize("change, message", [
    (lambda rows: rows.__setitem__(2, rows[2][:-1]), "line 3 has 80 letters, expected 81"),
    (lambda rows: rows.__setitem__(2, "I" + rows[2][1:]), "line 3 holds 'I', expected letters of ABCDEFGH"),
    (lambda rows: rows.__setitem__(2, "a" + rows[2][1:]), "line 3 holds 'a'"),
    (lambda rows: rows.pop(), "15 lines, expected 16"),
])
def test_messages_name_the_letter(judge, change, message):
  rows = ["A" * 81] * 16
  change(rows)
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, "\n".join(rows))
