"""Powers of odd cycles: linear codes score 1, and words that can be confused are named."""

import itertools

import hypothesis
import networkx as nx
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("cycle_strong_product_7_3")


def test_linear_codes_score_one(judge):
  pentagon = [[x, 2 * x % 5, y, 2 * y % 5] for x in range(5) for y in range(5)]
  nonagon = [[x, y, (2 * x + 4 * y) % 9] for x in range(9) for y in range(9)]
  for name, words in {"5_4": pentagon, "9_3": nonagon}.items():
    task = core.load(f"cycle_strong_product_{name}")
    score = judge(task, words[::-1])
    assert score.value == task.best_known == len(words) and score.metrics["words_that_could_be_added"] == 0


def test_a_set_of_33_words_scores_one(judge, known):
  assert judge(core.load("cycle_strong_product_7_3"), known("cycle_strong_product_7_3")).value == 33


def test_messages_name_the_words(judge):
  task = core.load("cycle_strong_product_7_3")
  with pytest.raises(core.Invalid, match=r"words \[0, 3, 3\] and \[6, 4, 3\] can be confused; 1 such pairs"):
    judge(task, [[6, 4, 3], [0, 3, 3], [3, 3, 3]])
  with pytest.raises(core.Invalid, match="can be confused"):
    judge(task, [[1, 2, 3], [1, 2, 3]])
  with pytest.raises(core.Invalid, match="at most 6"):
    judge(task, [[7, 0, 0]])


@hypothesis.given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=5))
@hypothesis.settings(max_examples=60, deadline=None)
def test_the_verdict_equals_a_second_check(judge, words):
  cycle = nx.cycle_graph(7)
  legal = not any(all(a == b or cycle.has_edge(a, b) for a, b in zip(v, w, strict=True))
                  for v, w in itertools.combinations(words, 2))
  try:
    assert judge(TASK, words).value == len(words) and legal
  except core.Invalid:
    assert not legal
