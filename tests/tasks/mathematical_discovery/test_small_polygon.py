"""Small polygons: the largest ones score 1; hulls in a second computation; neither scale nor order counts."""

import itertools
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

PUBLISHED = {6: 0.674981, 8: 0.726868, 10: 0.749137}  # Graham; Audet et al.; Henrion and Messine


def regular(n: int) -> np.ndarray:
  turn = 2 * np.pi * np.arange(n) / n
  return np.column_stack([np.cos(turn), np.sin(turn)])


@pytest.mark.parametrize("n", PUBLISHED)
def test_the_largest_polygons_score_one(n, judge, known):
  task, points = core.load(f"small_polygon_{n}"), known(f"small_polygon_{n}")
  score = judge(task, points)
  assert score.value == pytest.approx(PUBLISHED[n], abs=6e-7)
  assert task.score(score.value) == pytest.approx(1, abs=1e-9) and score.metrics["corners"] == n
  regular_area = n / 2 * math.sin(2 * math.pi / n) / 4  # of diameter 1, n even
  assert judge(task, regular(n)).value == pytest.approx(regular_area, rel=1e-11)
  assert regular_area < score.value < math.pi / 4


def hull_area(points) -> float:
  """By Andrew's monotone chain."""
  points = sorted(map(tuple, points))
  def half(ordered):
    chain = []
    for x, y in ordered:
      while len(chain) > 1 and ((chain[-1][0] - chain[-2][0]) * (y - chain[-2][1])
                                - (chain[-1][1] - chain[-2][1]) * (x - chain[-2][0])) <= 0:
        chain.pop()
      chain.append((x, y))
    return chain[:-1]
  ring = half(points) + half(points[::-1])
  return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(ring, ring[1:] + ring[:1], strict=True)) / 2


@hypothesis.given(st.integers(0, 2**32 - 1), st.floats(-2, 5))
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_value_equals_a_second_check(judge, seed, exponent):
  rng = np.random.default_rng(seed)
  points = rng.normal(size=(8, 2)) * 10**exponent
  diameter = max(math.dist(p, q) for p, q in itertools.combinations(points.tolist(), 2))
  value = judge(core.load("small_polygon_8"), points[rng.permutation(8)]).value
  assert value == pytest.approx(hull_area(points / diameter), rel=1e-9)


def test_messages(judge):
  task = core.load("small_polygon_6")
  with pytest.raises(core.Invalid, match="the largest distance is 0, expected at least 0.001"):
    judge(task, np.ones((6, 2)))
  with pytest.raises(core.Invalid, match="lie on a line"):
    judge(task, np.column_stack([np.arange(6), np.zeros(6)]))
  star = regular(6) * np.array([1, 0.1] * 3)[:, None]
  assert judge(task, star).value == pytest.approx(math.sqrt(3) / 4, rel=1e-9)  # the hull of three of them
