"""Count denoising: the planted rates have score 1, the plain profile 0, and the reference lies between."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("count_denoising_own")
MODULE = TASK.evaluate.__globals__
# Shrunken singular values, and a kernel mean over cells that are near in their space.
REFERENCE = """
import numpy as np

def denoise(counts):
    x = counts.astype(float)
    depth = x.sum(1, keepdims=True) + 1e-9
    mean = depth * (x.sum(0) + 1e-9) / x.sum()
    u, s, v = np.linalg.svd((x - mean) / np.sqrt(mean + 0.5), full_matrices=False)
    y = u * np.maximum(s - 0.626 * (np.sqrt(x.shape[0]) + np.sqrt(x.shape[1])), 0)
    low = np.maximum(mean + (y @ v) * np.sqrt(mean + 0.5), 0.1 * mean)
    gap = ((y[:, None] - y[None]) ** 2).sum(2)
    near = np.exp(-gap / (0.344 * np.median(gap) + 1e-9)) @ (x + 0.0733 * mean)
    near = near / near.sum(1, keepdims=True) * depth
    return np.exp(0.541 * np.log(near + 1e-3) + 0.459 * np.log(low + 1e-3))
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(12)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.03)
  assert run(TASK, REFERENCE, fidelity="full").value > 0.6


def test_the_true_rates_have_score_one_and_the_plain_profile_zero(judge, hidden_seeds):
  seeds = iter([*range(8), *hidden_seeds("experiments", 8)])
  truth = judge(TASK, lambda counts: MODULE["experiment"](next(seeds), 60, 40)[2])
  assert truth.value == pytest.approx(1, abs=1e-9) and truth.instances == pytest.approx([1] * 8)
  plain = judge(TASK, lambda counts: counts.sum(1)[:, None] * counts.sum(0)[None] / counts.sum())
  assert plain.value == pytest.approx(0, abs=1e-9)


def test_counts_given_back_score_below_the_plain_profile(judge):
  assert judge(TASK, lambda counts: counts).value < -0.5


def test_experiments_are_what_the_statement_says():
  seen, hidden, truth = MODULE["experiment"](3, 400, 200)
  assert seen.shape == hidden.shape == truth.shape == (400, 200)
  assert seen.sum() / (seen + hidden).sum() == pytest.approx(0.9, abs=0.01)
  assert seen.sum() == pytest.approx(truth.sum(), rel=0.02)
  middle = (truth > 0.5) & (truth < 2)
  assert seen[middle].mean() == pytest.approx(truth[middle].mean(), rel=0.05)
  assert ((seen - truth)[middle] ** 2).mean() == pytest.approx(truth[middle].mean(), rel=0.05)  # Poisson


@pytest.mark.parametrize("result, message", [
    (lambda counts: counts - 1, "expected at least 0"), (lambda counts: counts[:-1], r"has shape \(59, 40\)"),
    (lambda counts: counts * np.nan, "is nan"), (lambda counts: counts * 1e12, "at most 1000000000")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
