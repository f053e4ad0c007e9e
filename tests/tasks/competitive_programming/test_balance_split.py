"""Balance split: who knows the weights reaches the best known value; the scales tell nothing but the sign."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("balance_split_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def improved(weights: np.ndarray, k: int) -> np.ndarray:
  """Parts: largest first into the lightest part, then moves and swaps while the lightest part gains."""
  n, parts, sums = len(weights), np.zeros(len(weights), int), np.zeros(k)
  for i in np.argsort(-weights):
    parts[i] = sums.argmin()
    sums[parts[i]] += weights[i]
  better = True
  while better:
    better = False
    for i in range(n):
      for j in range(n):
        for p in ((parts[j], parts[i]), (parts[j], parts[j])):  # swap, or move i to the part of j
          trial = parts.copy()
          trial[i], trial[j] = p
          found = np.bincount(trial, weights, k)
          if found.min() > sums.min():
            parts, sums, better = trial, found, True
  return parts


def informed(weights):
  """A candidate that knows the weights."""
  def weigh(history, results, k, last):
    if last:
      return np.stack([improved(row, k) for row in weights])
    return np.zeros((len(weights), weights.shape[1]), int)
  return weigh


def test_who_knows_the_weights_reaches_the_best_known_value(judge, hidden_seeds):
  weights = FILE.instances(FILE.PUBLIC_SEEDS + tuple(hidden_seeds("weights", 24)), 12)
  score = judge(TASK, informed(weights))
  assert score.value == pytest.approx(TASK.best_known, abs=0.02)


def test_scales_say_the_sign_of_the_difference(judge, hidden_seeds):
  weights = FILE.instances(FILE.PUBLIC_SEEDS + tuple(hidden_seeds("weights", 24)), 12)
  rng, calls = np.random.default_rng(0), []

  def weigh(history, results, k, last):
    calls.append((history.shape[1], last))
    left, right = (weights[:, None] * (history == 1)).sum(axis=2), (weights[:, None] * (history == -1)).sum(axis=2)
    np.testing.assert_array_equal(results, np.where(left > right, 1, np.where(left < right, -1, 0)))
    return rng.integers(0, 3, (len(history), 12)) if last else rng.integers(-1, 2, (len(history), 12))

  score = judge(TASK, weigh)
  assert calls == [(t, t == 24) for t in range(25)] and 0 <= score.value < 1


def test_the_value_by_hand(judge):
  one = judge(TASK, lambda history, results, k, last: np.zeros((len(history), 12), int))
  assert one.value == 0  # two parts are empty


@pytest.mark.parametrize("result, message", [
    (lambda h, r, k, last: np.full((len(h), 12), 2), r"weighing\[0, 0\] is 2, expected at most 1"),
    (lambda h, r, k, last: np.full((len(h), 12), k if last else 0), r"part\[0, 0\] is 3, expected at most 2"),
    (lambda h, r, k, last: np.full((len(h), 12), -1), r"part\[0, 0\] is -1"),
    (lambda h, r, k, last: np.full((len(h), 12), 0.5), "expected an integer"),
    (lambda h, r, k, last: np.zeros((len(h), 11)), "weighing has shape"),
])
def test_messages_name_the_weighing(judge, result, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
