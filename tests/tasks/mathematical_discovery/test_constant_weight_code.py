"""Constant-weight codes: sections of Steiner systems score 1, and blocks with too much in common are named."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("constant_weight_code_9_4")


def witt_design():
  """S(5, 6, 12): images of the squares modulo 11, with 0, under x -> x + 1, x -> 3 x and x -> -1/x; 11 is infinity."""
  maps = [lambda x: x if x == 11 else (x + 1) % 11, lambda x: x if x == 11 else 3 * x % 11,
          lambda x: 0 if x == 11 else 11 if x == 0 else -pow(x, -1, 11) % 11]
  start = frozenset(i * i % 11 for i in range(11))
  blocks, fresh = {start}, [start]
  while fresh:
    block = fresh.pop()
    for image in (frozenset(map(f, block)) for f in maps):
      if image not in blocks:
        blocks.add(image)
        fresh.append(image)
  return sorted(sorted(block) for block in blocks)


def without(blocks, point):
  """The blocks that do not hold the point, numbered without it."""
  return [[x - (x > point) for x in block] for block in blocks if point not in block]


def through(blocks, point):
  """What the blocks through the point hold beside it."""
  return [[x - (x > point) for x in block if x != point] for block in blocks if point in block]


def test_known_codes_score_one(judge):
  blocks_12 = witt_design()
  blocks_11 = through(blocks_12, 11)  # S(4, 5, 11)
  blocks_10 = through(blocks_11, 10)  # S(3, 4, 10)
  for name, blocks in {"12_6": blocks_12, "10_5": without(blocks_11, 10), "9_4": without(blocks_10, 9)}.items():
    task = core.load(f"constant_weight_code_{name}")
    assert judge(task, [block[::-1] for block in blocks]).value == task.best_known == len(blocks)


def test_johnsons_bound_is_the_best_known_value():
  for n, w in ((9, 4), (10, 5), (12, 6)):
    bound = 1
    for i in range(w - 2, -1, -1):
      bound = bound * (n - i) // (w - i)
    assert core.load(f"constant_weight_code_{n}_{w}").best_known == bound


def test_messages_name_the_blocks(judge):
  task = core.load("constant_weight_code_9_4")
  with pytest.raises(core.Invalid, match=r"blocks \[0, 1, 2, 3\] and \[0, 1, 2, 4\] have 3 common points, expected at"):
    judge(task, [[4, 2, 1, 0], [0, 1, 2, 3]])
  with pytest.raises(core.Invalid, match="have 4 common points"):
    judge(task, [[0, 1, 2, 3], [3, 2, 1, 0]])
  with pytest.raises(core.Invalid, match=r"block \[1, 1, 2, 3\] holds a point twice"):
    judge(task, [[3, 1, 2, 1]])
  with pytest.raises(core.Invalid, match="at most 8"):
    judge(task, [[6, 7, 8, 9]])


@hypothesis.given(st.lists(st.sets(st.integers(0, 8), min_size=4, max_size=4), min_size=1, max_size=5))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, blocks):
  legal = all(len(a & b) <= 2 for a, b in itertools.combinations(blocks, 2))
  try:
    assert judge(TASK, np.array([*map(list, blocks)])).value == len(blocks) and legal
  except core.Invalid:
    assert not legal
