"""Squares in a square: diagonal strips score 1, touching squares do not overlap by a second check, and none may."""

import itertools
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

SIZES = {5: 1, 10: 2, 27: 4}


def diagonal_strip(a: int) -> np.ndarray:
  """Goebel's packing in a square of side a + 1 + sqrt(1/2): a stair of a (a + 1) / 2 squares in each of two opposite
  corners, one square in each of the others, and between them a strip of squares turned by 45 degrees."""
  side = a + 1 + math.sqrt(0.5)
  stairs = [(i + 0.5, j + 0.5, 0) for i in range(a) for j in range(a - i)]
  rows = stairs + [(side - x, side - y, 0) for x, y, _ in stairs] + [(0.5, side - 0.5, 0), (side - 0.5, 0.5, 0)]
  count = 1 + math.floor((a - 1) * math.sqrt(2))
  for k in range(count):
    shift = (k - (count - 1) / 2) * math.sqrt(0.5)
    rows.append((side / 2 + shift, side / 2 - shift, math.pi / 4))
  return np.array(rows)


def corners(row) -> list[tuple[float, float]]:
  x, y, angle = row
  return [(x + math.cos(angle + turn) * math.sqrt(0.5), y + math.sin(angle + turn) * math.sqrt(0.5))
          for turn in np.arange(4) * math.pi / 2 + math.pi / 4]


def common_area(first, second) -> float:
  """Area of the intersection of two convex polygons, by clipping one at every edge of the other."""
  for (ax, ay), (bx, by) in zip(second, second[1:] + second[:1], strict=True):
    kept = []
    for (px, py), (qx, qy) in zip(first, first[1:] + first[:1], strict=True):
      p = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
      q = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
      if p >= 0:
        kept.append((px, py))
      if (p > 0) != (q > 0) and p != q:
        kept.append((px + (qx - px) * p / (p - q), py + (qy - py) * p / (p - q)))
    first = kept
    if not first:
      return 0.0
  return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(first, first[1:] + first[:1], strict=True)) / 2


@pytest.mark.parametrize("n", SIZES)
def test_diagonal_strips_score_one(n, judge):
  task, rows = core.load(f"square_packing_{n}"), diagonal_strip(SIZES[n])
  score = judge(task, rows)
  assert len(rows) == n and task.score(score.value) == pytest.approx(1, abs=1e-9)
  moved = np.column_stack([rows[:, :2] * 3 + 7, rows[:, 2] + math.pi])
  assert judge(task, moved).value == pytest.approx(score.value, rel=1e-9)


def test_rows_and_columns_have_their_exact_value(judge):
  grid = np.array([(x, y, 0.0) for x in range(4) for y in range(3)][:10])
  score = judge(core.load("square_packing_10"), grid * 1.7)
  assert score.value == pytest.approx(4, rel=1e-9) and score.metrics["height"] == pytest.approx(3, rel=1e-9)


@hypothesis.given(st.integers(0, 2**32 - 1))
@hypothesis.settings(max_examples=40, deadline=None)
def test_spread_squares_touch_and_do_not_overlap(judge, seed):
  rng = np.random.default_rng(seed)
  rows = np.column_stack([rng.uniform(-3, 3, (5, 2)), rng.uniform(-9, 9, 5)])
  score = judge(core.load("square_packing_5"), rows)
  placed = score.construction
  areas = [common_area(corners(p), corners(q)) for p, q in itertools.combinations(placed, 2)]
  assert max(areas) < 1e-10
  nearer = placed * [0.999, 0.999, 1]
  assert max(common_area(corners(p), corners(q)) for p, q in itertools.combinations(nearer, 2)) > 0
  points = np.array([corner for row in placed for corner in corners(row)])
  assert score.value == pytest.approx(np.ptp(points, axis=0).max(), rel=1e-9)


def test_messages(judge):
  task = core.load("square_packing_5")
  rows = np.array([(x, 0.0, 0.3) for x in range(5)])
  rows[3, 0] = 1.0005
  with pytest.raises(core.Invalid, match="the centres of squares 1 and 3 are 0.0005 apart, expected at least 0.001"):
    judge(task, rows)
  with pytest.raises(core.Invalid, match="are 0 apart"):
    judge(task, np.zeros((5, 3)))
  with pytest.raises(core.Invalid, match=r"squares\[0, 2\] is 100000, expected at most 1000"):
    judge(task, [[x, 0, 1e5] for x in range(5)])
