"""Ratios of distances: the best configurations score 1, simple ones their exact values, and scale does not count."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core

PUBLISHED = {"2d_16": 12.889266112, "3d_14": 4.165849767}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_best_configurations_score_one(name, judge, known):
  task, points = core.load(f"distance_ratio_{name}"), known(f"distance_ratio_{name}")
  value = judge(task, points).value
  assert task.score(value) == pytest.approx(1, abs=1e-9) and value < PUBLISHED[name]
  # A second computation that shares no code.
  squares = [math.dist(p, q) ** 2 for p, q in itertools.combinations(points.tolist(), 2)]
  assert value == pytest.approx(max(squares) / min(squares), rel=1e-11) and value > max(squares) / min(squares)
  turn = np.linalg.qr(np.random.default_rng(0).normal(size=(points.shape[1],) * 2))[0]
  for moved in (7e4 * points @ turn, points[::-1] * 0.01 + 3):
    assert judge(task, moved).value == pytest.approx(value, rel=1e-9)


def test_a_grid_has_its_exact_value(judge):
  grid = np.array(list(itertools.product(range(4), repeat=2)))
  assert judge(core.load("distance_ratio_2d_16"), grid).value == pytest.approx(18, rel=1e-11)


def test_messages(judge):
  task = core.load("distance_ratio_2d_16")
  grid = np.array(list(itertools.product(range(4), repeat=2)), float)
  grid[5] = grid[2] + [0, 1e-7]
  with pytest.raises(core.Invalid, match="points 2 and 5 are 2.36e-08 of the largest distance apart"):
    judge(task, grid)
  with pytest.raises(core.Invalid, match="the largest distance is 0.000424"):
    judge(task, np.array(list(itertools.product(range(4), repeat=2))) * 1e-4)
  with pytest.raises(core.Invalid, match=r"points\[0, 0\] is 1e\+300, expected at most 1000000"):
    judge(task, np.where(np.arange(32).reshape(16, 2) == 0, 1e300, 1.0))
