"""Intervals for small samples: Wilson for shares, percentile bootstrap for means, medians and paired differences."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Interval:
  """An estimate with its two-sided 95 % interval and the size of the sample behind it."""

  estimate: float
  low: float
  high: float
  count: int

  def __str__(self) -> str:
    estimate, low, high = (round(value, 3) + 0.0 for value in (self.estimate, self.low, self.high))
    return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution


def wilson(successes: int, count: int) -> Interval:
  """Wilson's score interval of a share (Wilson, JASA 1927): sensible at 0 and 1, where the normal one has width 0.

  Raises:
    ValueError: more successes than trials, or a negative number.
  """
  if not 0 <= successes <= count:
    raise ValueError(f"{successes} successes in {count} trials.")
  if count == 0:
    return Interval(math.nan, 0.0, 1.0, 0)
  share, z2 = successes / count, Z95 * Z95
  centre = (share + z2 / (2 * count)) / (1 + z2 / count)
  half = Z95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
  return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), count)


def student(values: Sequence[float]) -> Interval:
  """Mean of a few independent numbers, with Student's interval: a bootstrap of three seeds would be too narrow."""
  from scipy import stats
  sample = np.asarray(values, float)
  if sample.size < 2:
    return Interval(float(sample.mean()) if sample.size else math.nan, math.nan, math.nan, sample.size)
  half = stats.t.ppf(0.975, sample.size - 1) * sample.std(ddof=1) / math.sqrt(sample.size)
  return Interval(float(sample.mean()), float(sample.mean() - half), float(sample.mean() + half), sample.size)


def bootstrap(values: Sequence[float], statistic: Callable[..., np.ndarray] = np.mean, *, seed: int = 0,
              resamples: int = 10_000) -> Interval:
  """Percentile bootstrap of a statistic that takes `axis`, such as np.mean or np.median (Efron and Tibshirani, ch. 13).

  Args:
    values: one number per independent unit [N].
    seed: of the resampling; the same seed gives the same interval.
  """
  sample = np.asarray(values, float)
  if sample.size == 0:
    return Interval(math.nan, math.nan, math.nan, 0)
  draws = np.random.default_rng(seed).integers(0, sample.size, (resamples, sample.size))
  low, high = np.quantile(statistic(sample[draws], axis=1), [0.025, 0.975])
  return Interval(float(statistic(sample, axis=0)), float(low), float(high), sample.size)


def paired_difference(a: Sequence[float], b: Sequence[float], statistic: Callable[..., np.ndarray] = np.mean, *,
                      seed: int = 0, resamples: int = 10_000) -> Interval:
  """Bootstrap of statistic(b - a) over pairs: the same task and seed under two models.

  Raises:
    ValueError: the two samples have different sizes.
  """
  if len(a) != len(b):
    raise ValueError(f"Pairs need two samples of one size, got {len(a)} and {len(b)}.")
  return bootstrap(np.subtract(b, a), statistic, seed=seed, resamples=resamples)
