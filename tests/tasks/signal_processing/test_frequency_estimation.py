"""Frequency estimation: bounds by the asymptotic formula and by simulation, and the reference by maximum likelihood."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("frequency_estimation_own")
MODULE = TASK.evaluate.__globals__
# Least squares over a fine grid of frequencies, the grid refined four times around the best.
REFERENCE = """
import numpy as np

def energy(x, f):
    k = np.arange(x.shape[1])
    c, s = np.cos(2 * np.pi * f[..., None] * k), np.sin(2 * np.pi * f[..., None] * k)
    xc, xs = np.einsum("bgk,bk->bg", c, x), np.einsum("bgk,bk->bg", s, x)
    cc, ss, cs = (c * c).sum(-1), (s * s).sum(-1), (c * s).sum(-1)
    return (ss * xc ** 2 - 2 * cs * xc * xs + cc * xs ** 2) / (cc * ss - cs ** 2)

def estimate(signals):
    b, n = signals.shape
    k = np.arange(n)
    f = np.linspace(0.045, 0.455, 3 * n)
    best = f[np.abs(signals @ np.exp(-2j * np.pi * np.outer(k, f))).argmax(1)]
    width = 0.3 / n
    for step in range(5):
        grid = best[:, None] + width * np.linspace(-1, 1, 11)
        best = grid[np.arange(b), energy(signals, grid).argmax(1)]
        width *= 0.25
    return best
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(12)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.06)
  assert run(TASK, REFERENCE, fidelity="full").value == pytest.approx(TASK.best_known, abs=0.2)


def test_the_bound_is_near_the_formula_of_the_textbook():
  """var(f) >= 12 / (snr (2 pi)^2 N (N^2 - 1)) with snr = A^2 / (2 sigma^2), for frequencies away from 0 and 1/2."""
  f, phase, ratio = np.array([0.21, 0.3]), np.array([0.4, 2.0]), np.array([2.0, 10.0])
  textbook = 12 / (ratio * (2 * np.pi) ** 2 * 512 * (512**2 - 1))
  np.testing.assert_allclose(MODULE["bounds"](f, phase, ratio, 512), textbook, rtol=0.02)


def test_the_likelihood_estimator_reaches_the_bound_on_average():
  signals, frequency, bound = MODULE["data"](tuple(range(500, 900)), 48)
  space: dict = {}
  exec(REFERENCE, space)
  ratio = (space["estimate"](signals) - frequency) ** 2 / bound
  assert 0.8 < np.mean(np.sort(ratio)[:-8]) < 1.25 and (ratio < 100).mean() > 0.98


def test_signals_are_what_the_statement_says():
  signals, frequency, _ = MODULE["data"](tuple(range(300)), 512)
  assert signals.shape == (300, 512) and 0.05 <= frequency.min() and frequency.max() <= 0.45
  peak = np.abs(np.fft.rfft(signals * np.hanning(512))).argmax(axis=1) / 512
  assert np.abs(peak - frequency).max() < 0.003


def test_truth_and_nonsense_have_the_ends_of_the_scale(judge, hidden_seeds):
  truth = MODULE["data"]((*range(8), *hidden_seeds("tones", 64)), 48)[1]
  assert judge(TASK, lambda signals: truth).value == 1
  assert judge(TASK, lambda signals: np.full(72, 1e200)).value == -4
  assert judge(TASK, lambda signals: np.full(72, 0.25)).value < -2.5


@pytest.mark.parametrize("result, message", [
    (np.zeros(71), r"shape \(71,\), expected \(72,\)"), (np.full(72, np.nan), "is nan"),
    (np.zeros(72, complex), "complex")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
