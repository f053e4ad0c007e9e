"""Kissing configurations: root systems and a code's vectors reach the best known numbers; near pairs are named."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core


def signed(supports, d: int, height: int = 1) -> list[list[int]]:
  """All vectors of d coordinates that are 1 or -1 on one of the supports and 0 elsewhere, and height * (+-e_i)."""
  vectors = [[sign * height * (i == k) for i in range(d)] for k in range(d) for sign in (-1, 1)] if height > 1 else []
  for support in supports:
    for signs in itertools.product((-1, 1), repeat=len(support)):
      vector = [0] * d
      for place, sign in zip(support, signs, strict=True):
        vector[place] = sign
      vectors.append(vector)
  return vectors


# Sets of 4 places of which two share at most 2: words of the Hamming codes, and 18 words on 9 places, completed in
# order from the rectangles of a 3 x 3 board.
HAMMING_7 = [s for s in itertools.combinations(range(1, 8), 4) if not np.bitwise_xor.reduce(s)]
HAMMING_8 = [s for s in itertools.combinations(range(8), 4) if not np.bitwise_xor.reduce(s)]
WORDS_9 = [(3 * i + k, 3 * i + m, 3 * j + k, 3 * j + m)
           for i, j in itertools.combinations(range(3), 2) for k, m in itertools.combinations(range(3), 2)]
for word in itertools.combinations(range(9), 4):
  if all(len(set(word) & set(other)) <= 2 for other in WORDS_9):
    WORDS_9.append(word)

BEST = {
    5: (signed(itertools.combinations(range(5), 2), 5), 40),
    7: (signed([[i - 1 for i in word] for word in HAMMING_7], 7, height=2), 126),
    8: (signed(HAMMING_8, 8, height=2), 240), 9: (signed(WORDS_9, 9, height=2), 306),
}


@pytest.mark.parametrize("d", BEST)
def test_known_configurations_score_one(d, judge):
  task, (vectors, count) = core.load(f"kissing_number_{d}"), BEST[d]
  score = judge(task, vectors)
  assert score.value == count == task.best_known == len(vectors)
  assert judge(task, 1000 * np.array(vectors)).value == count  # of any size
  with pytest.raises(core.Invalid, match="have squared distance 0"):
    judge(task, vectors + vectors[3:4])


def test_messages(judge):
  task = core.load("kissing_number_5")
  with pytest.raises(core.Invalid, match="vectors 0 and 2 have squared distance 1, expected at least 4"):
    judge(task, [[1, 1, 0, 0, 0], [0, 0, 0, 0, 2], [1, 0, 0, 0, 0]])
  with pytest.raises(core.Invalid, match="vector 1 is 0"):
    judge(task, [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
  with pytest.raises(core.Invalid, match=r"vectors\[0, 1\] is 0.5, expected an integer"):
    judge(task, [[1, 0.5, 0, 0, 0]])
  with pytest.raises(core.Invalid, match="at most 1000000"):
    judge(task, [[10**7, 0, 0, 0, 0]])
  assert judge(task, [[1, 0, 0, 0, 0]]).value == 1


@hypothesis.given(st.lists(st.lists(st.integers(-3, 3), min_size=5, max_size=5), min_size=1, max_size=6))
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_verdict_equals_a_second_check(judge, vectors):
  longest = max(sum(x * x for x in v) for v in vectors)
  legal = all(any(v) for v in vectors) and all(
      sum((x - y) ** 2 for x, y in zip(v, w, strict=True)) >= longest for v, w in itertools.combinations(vectors, 2))
  try:
    assert judge(core.load("kissing_number_5"), vectors).value == len(vectors) and legal
  except core.Invalid:
    assert not legal
