"""Disc coverings: known ones score 1; the radius equals a search of the disc that shares no geometry."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core


def ring(count: int, radius: float) -> np.ndarray:
  """A disc in the middle and `count` around it."""
  turn = 2 * np.pi * np.arange(count) / count
  return np.concatenate([[[0.0, 0.0]], radius * np.column_stack([np.cos(turn), np.sin(turn)])])


def searched(centres: np.ndarray) -> float:
  """The distance of the worst point, by polar samples and then finer ones around the worst twenty of them."""
  def gaps(points):
    return np.linalg.norm(points[:, None] - centres, axis=2).min(axis=1)
  r, a = np.meshgrid(np.linspace(0, 1, 81), np.linspace(0, 2 * np.pi, 321), indexing="ij")
  polar, size = np.column_stack([r.ravel(), a.ravel()]), np.array([1 / 80, 2 * np.pi / 320])
  offsets = np.stack(np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 7)), axis=-1).reshape(-1, 2)
  for _ in range(12):
    points = polar[:, :1] * np.column_stack([np.cos(polar[:, 1]), np.sin(polar[:, 1])])
    gap = gaps(points)
    polar = polar[np.argsort(-gap)[:20]][:, None] + offsets * size
    polar = polar.reshape(-1, 2)
    polar[:, 0] = polar[:, 0].clip(0, 1)
    size = size / 2.5
  return float(gap.max())


@pytest.mark.parametrize("n, radius", [(7, 0.5), (8, 0.4450418679126288)])
def test_rings_score_one(n, radius, judge):
  """The n - 1 outer discs meet the middle one's circle and each other at the corners of a regular polygon."""
  task = core.load(f"disc_covering_{n}")
  assert task.best_known == pytest.approx(radius)
  best = min(judge(task, ring(n - 1, distance)).value for distance in np.linspace(0.7, 1.0, 13))
  distance = 2 * radius * np.cos(np.pi / (n - 1))
  value = judge(task, ring(n - 1, distance)).value
  assert value == pytest.approx(radius, rel=1e-9) and value <= best


def test_five_discs(judge, known):
  task, centres = core.load("disc_covering_5"), known("disc_covering_5")
  value = judge(task, centres).value
  assert value == pytest.approx(0.609382864, abs=1e-9) and task.score(value) == pytest.approx(1, abs=1e-8)
  assert value == pytest.approx(searched(centres), abs=1e-6)


@hypothesis.given(st.integers(0, 2**32 - 1), st.sampled_from([5, 7, 8]), st.floats(0.05, 1.5))
@hypothesis.settings(max_examples=8, deadline=None)
def test_the_value_equals_a_search(judge, seed, n, size):
  centres = np.random.default_rng(seed).normal(0, size, (n, 2)).clip(-10, 10)
  value, found = judge(core.load(f"disc_covering_{n}"), centres).value, searched(centres)
  assert found <= value * (1 + 1e-9) and value <= found + 1e-4


def test_degenerate_centres_have_their_honest_value(judge):
  task = core.load("disc_covering_5")
  assert judge(task, np.zeros((5, 2))).value == pytest.approx(1, rel=1e-9)
  line = np.column_stack([np.linspace(-0.8, 0.8, 5), np.zeros(5)])
  assert judge(task, line).value == pytest.approx(1, rel=1e-9)  # the top of the disc, over its centre
  twins = np.array([[0.5, 0.1], [0.5, 0.1 + 1e-13], [-0.4, 0], [0, 0.5], [0, -0.6]])
  apart = twins + np.array([[0, 0], [1e-7, 0], [0, 0], [0, 0], [0, 0]])
  assert judge(task, twins).value == pytest.approx(judge(task, apart).value, abs=1e-6)
  with pytest.raises(core.Invalid, match=r"centres\[0, 0\] is 11, expected at most 10"):
    judge(task, np.full((5, 2), 11.0))
