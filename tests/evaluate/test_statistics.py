"""Intervals against scipy's own, and their coverage on samples with a known truth."""

import math

import numpy as np
import pytest
from scipy import stats

from eft_jax.evaluate import statistics


@pytest.mark.parametrize("successes, count", [(0, 16), (1, 16), (30, 48), (48, 48), (500, 1000)])
def test_wilson_equals_scipy(successes, count):
  ours = statistics.wilson(successes, count)
  theirs = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
  assert ours.estimate == successes / count
  assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_without_data_says_nothing():
  interval = statistics.wilson(0, 0)
  assert math.isnan(interval.estimate) and (interval.low, interval.high) == (0.0, 1.0)
  with pytest.raises(ValueError, match="3 successes in 2 trials"):
    statistics.wilson(3, 2)


def test_bootstrap_is_close_to_scipy_and_repeats():
  sample = np.random.default_rng(1).normal(2.0, 1.0, 40)
  ours = statistics.bootstrap(sample)
  theirs = stats.bootstrap((sample,), np.mean, method="percentile", n_resamples=10_000, rng=2).confidence_interval
  assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)
  assert ours == statistics.bootstrap(sample)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
  rng = np.random.default_rng(0)
  hits = 0
  for trial in range(200):
    interval = statistics.bootstrap(rng.exponential(1.0, 30), seed=trial, resamples=500)
    hits += interval.low <= 1.0 <= interval.high
  assert 170 <= hits <= 198  # nominal 190; the percentile method undercovers a little on skewed samples


def test_pairing_removes_the_variance_between_tasks():
  level = np.linspace(0, 100, 20)
  gain = statistics.paired_difference(level, level + 0.5 + 0.01 * np.sin(level))
  assert gain.low > 0.49 and gain.high < 0.51
  with pytest.raises(ValueError, match="one size, got 20 and 1"):
    statistics.paired_difference(level, [1.0])
