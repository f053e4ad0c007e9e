"""Clustering with outliers: the index against a count of all pairs, planted labels, and what is refused."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("clustering_outliers_3_own")
MODULE = TASK.evaluate.func.__globals__


def test_the_index_equals_a_count_of_all_pairs():
  rng = np.random.default_rng(0)
  a, b = rng.integers(0, 3, (2, 6, 12))
  b[0] = (a[0] + 1) % 3
  b[1, :9] = a[1, :9]
  values = MODULE["adjusted_rand"](a, b, 4)
  for x, y, value in zip(a, b, values, strict=True):
    pairs = list(itertools.combinations(range(12), 2))
    one, two = (np.array([v[i] == v[j] for i, j in pairs]) for v in (x, y))
    expected = one.sum() * two.sum() / len(pairs)
    assert value == pytest.approx(((one & two).sum() - expected) / ((one.sum() + two.sum()) / 2 - expected))
  assert values[0] == 1 > values[1] > values[2]


@pytest.mark.parametrize("name", ["clustering_outliers_3_own", "clustering_outliers_5_own"])
def test_planted_labels_score_one_in_any_order(name, judge, hidden_seeds):
  task = core.load(name)
  clusters, share = task.evaluate.keywords["clusters"], task.evaluate.keywords["share"]
  seeds = MODULE["PUBLIC_SEEDS"] + tuple(hidden_seeds("data", MODULE["HIDDEN"]))
  _, planted = MODULE["data"](seeds, 100, clusters, share)
  renamed = np.where(planted < 0, -1, (planted + 1) % clusters)
  assert judge(task, planted).value == judge(task, renamed).value == task.best_known == 1
  everywhere = judge(task, 0 * planted).value
  assert everywhere == 0  # one cluster for all points
  assert abs(judge(task, np.random.default_rng(0).integers(-1, clusters, planted.shape)).value) < 0.02


def test_labels_stay_in_range(judge):
  with pytest.raises(core.Invalid, match="at most 2"):
    judge(TASK, np.full((32, 100), 3))
  with pytest.raises(core.Invalid, match="at least -1"):
    judge(TASK, np.full((32, 100), -2))
  with pytest.raises(core.Invalid, match=r"shape \(32, 99\)"):
    judge(TASK, np.zeros((32, 99)))
