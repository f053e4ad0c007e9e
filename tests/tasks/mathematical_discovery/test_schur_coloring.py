"""Schur colourings: the known ones of full length score 1, and the first sum within a colour is named."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("schur_coloring_4")


@pytest.mark.parametrize("k", [4, 5])
def test_known_colorings_score_one(k, judge, known):
  task = core.load(f"schur_coloring_{k}")
  colors = known(f"schur_coloring_{k}")
  assert judge(task, colors).value == task.best_known == len(colors)
  for color in range(k):
    with pytest.raises(core.Invalid, match=f"have colour {color}; the colouring holds {len(colors)} integers"):
      judge(task, [*colors, color])


def test_messages_name_the_sum(judge):
  task = core.load("schur_coloring_4")
  with pytest.raises(core.Invalid, match="1, 1 and 2 all have colour 3; the colouring holds 1 integers"):
    judge(task, [3, 3])
  with pytest.raises(core.Invalid, match="1, 3 and 4 all have colour 0; the colouring holds 3 integers"):
    judge(task, [0, 1, 0, 0])
  with pytest.raises(core.Invalid, match="at most 3"):
    judge(task, [0, 4])
  with pytest.raises(core.Invalid, match="1..500"):
    judge(task, [0, 1] * 251)


@hypothesis.given(st.lists(st.integers(0, 3), min_size=1, max_size=14))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, colors):
  of = dict(enumerate(colors, 1))
  legal = not any(of[x] == of[y] == of.get(x + y) for x, y in itertools.product(of, of))
  try:
    assert judge(TASK, colors).value == len(colors) and legal
  except core.Invalid:
    assert not legal
