"""Cap sets: quadrics and the 112-cap score 1 from their definitions, and every line is named."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("cap_set_4")


def vectors(n):
  return np.indices([3] * n).reshape(n, -1).T


def cap_4():
  """The non-zero points of an elliptic quadric."""
  x = vectors(4)
  return x[((x[:, 0] * x[:, 1] + x[:, 2] ** 2 + x[:, 3] ** 2) % 3 == 0) & x.any(1)]


def cap_6():
  """All signs on ten triples that form a 2-(6, 3, 2) design, and full words with an even number of twos."""
  triples = ["012", "023", "034", "045", "051", "124", "235", "341", "452", "513"]
  x = vectors(6)
  support = ["".join(map(str, np.flatnonzero(row))) for row in x]
  wanted = {"".join(sorted(triple)) for triple in triples}
  return x[[s in wanted or (len(s) == 6 and (row == 2).sum() % 2 == 0) for s, row in zip(support, x, strict=True)]]


def cap_5():
  """The Hill cap (cap_6 up to sign) without a hyperplane that holds 11 of its 56 points, in affine coordinates."""
  cap = cap_6()
  for normal in vectors(6):
    side = cap @ normal % 3
    if (side == 1).sum() == 45:
      pivot = int(np.flatnonzero(normal)[0])
      return np.delete(cap[side == 1], pivot, axis=1)  # the dropped digit follows from the others
  raise AssertionError("no hyperplane of 11 points")


KNOWN = {4: cap_4, 5: cap_5, 6: cap_6}


@pytest.mark.parametrize("n", KNOWN)
def test_known_caps_score_one(n, judge):
  task = core.load(f"cap_set_{n}")
  cap = KNOWN[n]()
  score = judge(task, cap)
  assert score.value == task.best_known and score.metrics["points_that_could_be_added"] == 0
  shifted = (cap[::-1] + np.arange(n)) % 3
  assert judge(task, shifted.tolist()).value == task.best_known


def test_messages_name_the_points(judge):
  task = core.load("cap_set_4")
  with pytest.raises(core.Invalid, match=r"1 lines hold three points; the first: \[0, 0, 0, 0\], \[0, 0, 0, 1\]"):
    judge(task, [[0, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 1]])
  with pytest.raises(core.Invalid, match=r"point \[1, 0, 0, 0\] stands twice"):
    judge(task, [[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
  with pytest.raises(core.Invalid, match="at most 2"):
    judge(task, [[3, 0, 0, 0]])
  with pytest.raises(core.Invalid, match="1..81"):
    judge(task, [])


@hypothesis.given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=9))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, points):
  lines = [t for t in itertools.combinations(points, 3) if all(len({*c}) in (1, 3) for c in zip(*t, strict=True))]
  legal = not lines and len(set(points)) == len(points)
  try:
    assert judge(TASK, points).value == len(points) and legal
  except core.Invalid:
    assert not legal
