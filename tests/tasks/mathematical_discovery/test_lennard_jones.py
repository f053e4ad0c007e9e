"""Lennard-Jones clusters: the least known ones score 1, and a finite energy cannot be had from coinciding atoms."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core

PUBLISHED = {8: -19.821489, 13: -44.326801, 19: -72.659782, 26: -108.315616}


@pytest.mark.parametrize("n", PUBLISHED)
def test_the_least_clusters_score_one(n, judge, known):
  task, atoms = core.load(f"lennard_jones_{n}"), known(f"lennard_jones_{n}")
  value = judge(task, atoms).value
  assert value == pytest.approx(PUBLISHED[n], abs=6e-7) and task.score(value) == pytest.approx(1, abs=1e-9)
  distances = [math.dist(p, q) for p, q in itertools.combinations(atoms.tolist(), 2)]
  truth = math.fsum(4 * (r**-12 - r**-6) for r in distances)
  assert truth <= value <= truth + 1e-8


def test_a_dimer_far_from_the_rest(judge):
  """Two atoms at the best distance have energy -1; the others are too far away to count."""
  atoms = np.zeros((8, 3))
  atoms[:, 0] = np.arange(8) * 100
  atoms[1, 0] = 2 ** (1 / 6)
  assert judge(core.load("lennard_jones_8"), atoms).value == pytest.approx(-1, abs=1e-9)


def test_messages(judge):
  task = core.load("lennard_jones_8")
  atoms = np.arange(24.0).reshape(8, 3)
  atoms[4] = atoms[1] + [0.05, 0, 0]
  with pytest.raises(core.Invalid, match="atoms 1 and 4 are 0.05 apart, expected at least 0.1"):
    judge(task, atoms)
  with pytest.raises(core.Invalid, match="atoms 0 and 1 are 0 apart"):
    judge(task, np.ones((8, 3)))
  with pytest.raises(core.Invalid, match=r"positions\[3, 2\] is 1100, expected at most 1000"):
    judge(task, np.arange(24.0).reshape(8, 3) * 100)
