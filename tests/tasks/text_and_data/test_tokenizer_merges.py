"""Tokenizers: fewest tokens by a second method, the greedy reference, and what pieces are legal."""

import functools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("tokenizer_merges_own")
MODULE = TASK.evaluate.__globals__
# Adds the piece that saves most tokens of the text as it is cut so far; drops the worst ones and repeats.
REFERENCE = """
from collections import Counter

def cut(text, pieces):
    least, step = [0] * (len(text) + 1), [1] * (len(text) + 1)
    sizes = sorted({len(p) for p in pieces})
    for end in range(1, len(text) + 1):
        best, size = least[end - 1], 1
        for s in sizes:
            if s <= end and least[end - s] < best and text[end - s:end] in pieces:
                best, size = least[end - s], s
        least[end], step[end] = best + 1, size
    out, end = [], len(text)
    while end:
        out.append(text[end - step[end]:end])
        end -= step[end]
    return out[::-1]

def grow(text, chosen, count):
    while len(chosen) < count:
        parts = cut(text, chosen)
        gain, last = Counter(), {}
        for width in (2, 3, 4):
            for i in range(len(parts) - width + 1):
                piece = "".join(parts[i:i + width])
                if len(piece) <= 10 and " " not in piece[:-1] and i >= last.get(piece, 0):
                    gain[piece] += width - 1
                    last[piece] = i + width
        best = max(gain, key=lambda p: (gain[p] - 0.7, len(p), p))
        chosen.add(best)
    return chosen

def pieces(texts, count):
    found = []
    for text in texts:
        chosen = grow(text, set(), count)
        for repeat in range(3):
            parts = Counter(cut(text, chosen))
            worst = sorted(chosen, key=lambda p: (parts[p] * (len(p) - 1), p))[:count // 4]
            chosen = grow(text, chosen - set(worst), count)
        found.append(sorted(chosen))
    return found
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.08)


@hypothesis.given(st.text("ab ", max_size=12), st.sets(st.text("ab ", min_size=2, max_size=4), max_size=5))
@hypothesis.settings(max_examples=150, deadline=None)
def test_the_number_of_tokens_equals_a_recursion(text, pieces):
  @functools.cache
  def least(rest):
    return min((1 + least(rest[n:]) for n in range(1, len(rest) + 1) if n == 1 or rest[:n] in pieces), default=0)
  assert MODULE["tokens"](text, pieces) == least(text)


def test_single_characters_and_words_of_the_judged_text(judge):
  assert judge(TASK, [[]] * 16).value == 1
  def known(texts, count):
    return [sorted({word + " " for word in text.split()}, key=text.count, reverse=True)[:count] for text in texts]
  best = judge(TASK, lambda texts, count: [[p for p in pieces if 2 <= len(p) <= 10] for pieces in known(texts, count)])
  assert 1.2 < best.value < TASK.best_known + 0.3


def test_texts_share_a_language_and_are_not_the_same():
  shown, judged = MODULE["language"](3, 6000, 3000)
  assert len(shown) == 6000 and len(judged) == 3000 and set(judged) <= set(shown) and judged not in shown
  assert len(set(judged.split()) & set(shown.split())) > 0.7 * len(set(judged.split()))


@pytest.mark.parametrize("result, message", [
    ([[]] * 15, "15 entries, expected a list of 16"), ([["ab"] * 25] * 16, "25 entries, expected a list of at most 24"),
    ([["a"]] * 16, "is 'a', expected text of 2 to 10"), ([["a" * 11]] * 16, "is 'aaaaaaaaaaa'"), ([[3]] * 16, "a int"),
    (["abc"] * 16, "is a str"), (None, "a NoneType")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
