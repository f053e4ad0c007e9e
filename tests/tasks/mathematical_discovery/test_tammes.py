"""Tammes problem: published angles, the snub cube and exact simple sets; scale does not count."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core

# Cosine, or the angle in degrees, as published.
PUBLISHED = {7: 77.8695, 10: 66.1468, 14: 55.6706, 24: 43.6908}


@pytest.mark.parametrize("n", PUBLISHED)
def test_optimal_sets_score_one(n, judge, known):
  task, points = core.load(f"tammes_{n}"), known(f"tammes_{n}")
  value = judge(task, points).value
  assert value == pytest.approx(PUBLISHED[n], abs=6e-5) and task.score(value) == pytest.approx(1, abs=1e-7)
  unit = points / np.linalg.norm(points, axis=1)[:, None]
  truth = min(math.degrees(math.acos(float(p @ q))) for p, q in itertools.combinations(unit, 2))
  assert value == pytest.approx(truth, rel=1e-10)
  scaled = points * np.geomspace(1e-8, 1e8, n)[:, None]
  assert judge(task, scaled).value == pytest.approx(value, rel=1e-10)


def test_published_cosines(known):
  for n, cosine in ((7, 0.2101383), (10, 0.4043943)):
    assert math.cos(math.radians(core.load(f"tammes_{n}").best_known)) == pytest.approx(cosine, abs=1e-7)


def test_the_snub_cube(judge):
  """Even permutations of (1, 1/t, t) with an even number of minus signs, odd ones with an odd number."""
  t = np.roots([1, -1, -1, -1]).real.max()  # the tribonacci constant
  points = [[sign * (1, 1 / t, t)[i] for sign, i in zip(signs, order, strict=True)]
            for order in itertools.permutations(range(3)) for signs in itertools.product((-1, 1), repeat=3)
            if (np.linalg.det(np.eye(3)[list(order)]) > 0) == (math.prod(signs) > 0)]
  task = core.load("tammes_24")
  assert task.score(judge(task, points).value) == pytest.approx(1, abs=1e-7)


def test_degenerate_sets(judge):
  task = core.load("tammes_7")
  assert judge(task, np.ones((7, 3))).value == 0
  axes = np.concatenate([np.eye(3), -np.eye(3), [[1, 0, 1e-9]]])
  assert judge(task, axes).value == pytest.approx(math.degrees(1e-9), rel=1e-6)
  with pytest.raises(core.Invalid, match="point 2 has length 0, expected at least 1e-9"):
    judge(task, np.ones((7, 3)) * (np.arange(7) != 2)[:, None])
  with pytest.raises(core.Invalid, match="point 0 has length 1.73e.09, expected at most 1e9"):
    judge(task, np.full((7, 3), 1e9))
