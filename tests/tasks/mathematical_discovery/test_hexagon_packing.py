"""Hexagons in a hexagon: honeycombs have their exact value; touching hexagons do not overlap by a second check."""

import itertools
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import optimize

from eft_jax import core


def corners(row) -> np.ndarray:
  turn = row[2] + np.arange(6) * math.pi / 3
  return row[:2] + np.column_stack([np.cos(turn), np.sin(turn)])


def deepest(first, second) -> float:
  """The radius of the largest disc in the intersection of two hexagons, or minus how far they are apart; by a linear
  program over the twelve half planes, without separating axes."""
  rows, limits = [], []
  for row in (first, second):
    normals = row[2] + (np.arange(6) + 0.5) * math.pi / 3
    for normal in np.column_stack([np.cos(normals), np.sin(normals)]):
      rows.append([*normal, 1.0])
      limits.append(normal @ row[:2] + math.sqrt(0.75))
  return optimize.linprog([0, 0, -1], rows, limits, bounds=[(None, None)] * 3).x[2]


def honeycomb(n: int) -> np.ndarray:
  """The n cells nearest to the middle one, corners pointing right."""
  cells = [(math.sqrt(3) * (i * math.cos(math.pi / 6)), math.sqrt(3) * (j + i / 2), 0.0)
           for i in range(-4, 5) for j in range(-4, 5)]
  return np.array(sorted(cells, key=lambda cell: (round(math.hypot(*cell[:2]), 9), cell))[:n])


def smallest_hexagon(placed) -> float:
  """Side of the smallest hexagon of fixed orientation around the corners, by a linear program for its centre."""
  points = np.concatenate([corners(row) for row in placed])
  rows, limits = [], []
  for normal in (np.arange(6) + 0.5) * math.pi / 3:
    direction = np.array([math.cos(normal), math.sin(normal)])
    rows.append([-1.0, *-direction])
    limits.append(-(points @ direction).max())
  return optimize.linprog([1, 0, 0], rows, limits, bounds=[(0, None), (None, None), (None, None)]).fun * 2 / 3**0.5


@pytest.mark.parametrize("n", [11, 12])
def test_honeycombs_have_their_exact_value(n, judge):
  task, rows = core.load(f"hexagon_packing_{n}"), honeycomb(n)
  value = judge(task, rows * [2.5, 2.5, 1] + [5, 1, math.pi / 3]).value
  assert value == pytest.approx(smallest_hexagon(rows), rel=1e-9) and value > task.best_known


@pytest.mark.parametrize("n, published", [(11, 3.931), (12, 3.942)])
def test_the_best_packings_score_one(n, published, judge, known):
  """Found by sequential linear programs of our own; they pass the published sides."""
  task, rows = core.load(f"hexagon_packing_{n}"), known(f"hexagon_packing_{n}")
  score = judge(task, rows)
  assert task.score(score.value) == pytest.approx(1, abs=1e-9) and score.value < published
  assert max(deepest(p, q) for p, q in itertools.combinations(score.construction, 2)) < 1e-8
  assert score.value == pytest.approx(smallest_hexagon(score.construction), rel=1e-9)


@hypothesis.given(st.integers(0, 2**32 - 1))
@hypothesis.settings(max_examples=5, deadline=None)
def test_spread_hexagons_touch_and_do_not_overlap(judge, seed):
  rng = np.random.default_rng(seed)
  rows = np.column_stack([rng.uniform(-3, 3, (11, 2)), rng.uniform(-9, 9, 11)])
  score = judge(core.load("hexagon_packing_11"), rows)
  placed = score.construction
  touching = [deepest(p, q) for p, q in itertools.combinations(placed, 2) if math.dist(p[:2], q[:2]) < 2.1]
  assert -1e-8 < max(touching) < 1e-8
  assert score.value == pytest.approx(smallest_hexagon(placed), rel=1e-9)


def test_messages(judge):
  task = core.load("hexagon_packing_11")
  rows = honeycomb(11)
  rows[4] = rows[9] + [0, 4e-4, 1]
  with pytest.raises(core.Invalid, match="the centres of hexagons 4 and 9 are 0.0004 apart, expected at least 0.001"):
    judge(task, rows)
  with pytest.raises(core.Invalid, match="expected at (most|least) -?1000"):
    judge(task, rows * 1e6)
