"""Covering designs: Steiner systems score 1, and what is not covered is named."""

import itertools
import math

import pytest

from eft_jax import core


def affine_plane_3():
  lines = [[(x, (a * x + b) % 3) for x in range(3)] for a in range(3) for b in range(3)]
  lines += [[(x, y) for y in range(3)] for x in range(3)]
  return [[3 * x + y for x, y in line] for line in lines]


def projective_plane_3():
  return [[(d + shift) % 13 for d in (0, 1, 3, 9)] for shift in range(13)]


def affine_space_2():
  return [block for block in itertools.combinations(range(8), 4) if block[0] ^ block[1] ^ block[2] ^ block[3] == 0]


def steiner_quadruples_10():
  """S(3, 4, 10): three orbits under the rotation of ten points."""
  starts = (0, 1, 3, 4), (0, 1, 2, 6), (0, 2, 4, 7)
  return [[(d + shift) % 10 for d in start] for start in starts for shift in range(10)]


KNOWN = {(9, 3, 2): affine_plane_3, (13, 4, 2): projective_plane_3, (8, 4, 3): affine_space_2,
         (10, 4, 3): steiner_quadruples_10}


@pytest.mark.parametrize("v, k, t", KNOWN)
def test_steiner_systems_score_one(v, k, t, judge):
  task = core.load(f"covering_design_{v}_{k}_{t}")
  blocks = [list(block)[::-1] for block in KNOWN[v, k, t]()]
  assert judge(task, blocks).value == task.best_known == math.comb(v, t) / math.comb(k, t)
  assert judge(task, [*blocks, blocks[0]]).value == len(blocks) + 1
  with pytest.raises(core.Invalid, match=f"{math.comb(k, t)} of {math.comb(v, t)} sets of {t} points lie in none"):
    judge(task, blocks[1:])


def test_messages_name_the_points(judge):
  task = core.load("covering_design_9_3_2")
  with pytest.raises(core.Invalid, match=r"33 of 36 sets of 2 points lie in none of the 1 blocks, among them \[0, 1\]"):
    judge(task, [[4, 3, 2]])
  with pytest.raises(core.Invalid, match=r"block \[2, 2, 4\] holds a point twice"):
    judge(task, [[2, 4, 2]])
  with pytest.raises(core.Invalid, match="1..84"):
    judge(task, affine_plane_3() * 8)
