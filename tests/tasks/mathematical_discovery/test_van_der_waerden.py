"""Van der Waerden words: words of the greatest length score 1, and every forbidden progression is named."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("van_der_waerden_3_8")
LONGEST = {
    (4, 4): "1101110001011011100010010111000100",
    (3, 8): "111101101111010111101110111110011111011101111010111101101",
    (3, 10): "111111101111011011111001100111111101111011111111010111111110111100111111001100111111110111111111",
    (5, 5): "011011110110100010111000010000100101110100010110111101111000101110100100001000011101000111"
            "101111011010001011101001000010010111010001111011110110100010111000010000100001110100010",
}


@pytest.mark.parametrize("a, b", LONGEST)
def test_longest_words_score_one(a, b, judge):
  task = core.load(f"van_der_waerden_{a}_{b}")
  word = [int(c) for c in LONGEST[a, b]]
  assert judge(task, word).value == judge(task, word[::-1]).value == task.best_known
  for more in ([*word, 0], [*word, 1], [0, *word], [1, *word]):
    with pytest.raises(core.Invalid, match="in arithmetic progression of step"):
      judge(task, more)


def test_messages_name_the_progression(judge):
  task = core.load("van_der_waerden_3_8")
  with pytest.raises(core.Invalid, match="positions 1, 3, ... 5 are 3 entries 0 in arithmetic progression of step 2"):
    judge(task, [1, 0, 1, 0, 1, 0])
  with pytest.raises(core.Invalid, match="positions 0, 1, ... 7 are 8 entries 1 in arithmetic progression of step 1"):
    judge(task, [1] * 9)
  with pytest.raises(core.Invalid, match="at most 1"):
    judge(task, [0, 2])
  with pytest.raises(core.Invalid, match="1..400"):
    judge(task, [])


@hypothesis.given(st.lists(st.integers(0, 1), min_size=1, max_size=24))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, word):
  legal = not any(all(word[s + j * d] == c for j in range(k)) for c, k in ((0, 3), (1, 8))
                  for s, d in itertools.product(range(24), range(1, 24)) if s + d * (k - 1) < len(word))
  try:
    assert judge(TASK, word).value == len(word) and legal
  except core.Invalid:
    assert not legal
