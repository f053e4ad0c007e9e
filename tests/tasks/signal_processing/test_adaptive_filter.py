"""Adaptive filters: the reference, causality, and the parts of the score computed a second time."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("adaptive_filter_own")
MODULE = TASK.evaluate.__globals__
# Means and ends of straight lines over the last samples, mixed by how well each predicted the samples to come.
REFERENCE = """
import numpy as np

def ends(m):
    # weights of the end of a least squares line over m samples
    k = np.arange(m)
    return 1 / m + (k - k.mean()) * (m - 1 - k.mean()) / ((k - k.mean()) ** 2).sum()

BANK = [np.concatenate([np.zeros(16 - m), np.full(m, 1 / m)]) for m in (1, 2, 3, 5, 8, 12, 16)]
BANK += [np.concatenate([np.zeros(16 - m), ends(m)]) for m in (4, 6, 9, 12, 16)]
BANK = np.array(BANK)
state = {}

def follow(windows):
    guess = windows @ BANK.T
    if (windows == windows[:, :1]).all():
        state.update(cost=np.zeros(guess.shape), before=guess, last=windows[:, -1].copy(), step=1.0)
    x = windows[:, -1:]
    scale = np.median(np.abs(np.diff(windows, axis=1)), axis=1, keepdims=True) + 1e-9
    gap = np.minimum(np.abs(x - state["before"]) / scale, 4)
    state["cost"] = 0.85 * state["cost"] + gap ** 2
    state["before"] = guess
    c = state["cost"] - state["cost"].min(axis=1, keepdims=True)
    w = np.exp(-0.35 * c)
    new = (w * guess).sum(axis=1) / w.sum(axis=1)
    # small moves against the last direction are left out
    move = new - state["last"]
    quiet = np.abs(move) < 0.12 * scale[:, 0]
    new = np.where(quiet, state["last"] + 0.3 * move, new)
    state["last"] = new
    return new
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(12)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.02)


def test_the_value_equals_the_statement_computed_plainly(judge, hidden_seeds):
  clean, noisy, sigma = MODULE["signals"]((*range(8), *hidden_seeds("signals", 48)), 120)
  calls = []
  def smooth(windows):
    calls.append(windows.copy())
    return windows[:, -3:].mean(axis=1)
  score = judge(TASK, smooth)
  total = 0.0
  for b in range(8, 56):
    padded = [noisy[b, 0]] * 2 + noisy[b].tolist()
    out = [sum(padded[k:k + 3]) / 3 for k in range(120)]
    move = [0.0] + [abs(clean[b, k] - clean[b, k - 1]) for k in range(1, 120)]
    recent = [sum(move[max(0, k - 5):k + 1]) for k in range(120)]
    soon = [k for k in range(120) if recent[k] > 1.5 * sum(recent) / 120]
    square = [((out[k] - clean[b, k]) / sigma[b]) ** 2 for k in range(120)]
    def turn(v, k):
      return (v[k + 2] - v[k + 1]) * (v[k + 1] - v[k]) < 0
    false = sum(turn(out, k) and not turn(clean[b], k) for k in range(118)) / 118
    lag = (sum(square[k] for k in soon) / len(soon)) ** 0.5 if soon else 0
    total += 1 / (1 + 0.6 * (sum(square) / 120) ** 0.5 + 0.2 * lag + 0.2 * false)
  assert score.value == pytest.approx(total / 48, abs=1e-9)
  assert len(calls) == 120 and all(window.shape == (56, 16) for window in calls)
  for k in (0, 5, 60):  # only what has been seen
    np.testing.assert_array_equal(calls[k][:, -1], noisy[:, k])
    assert not np.isin(noisy[:, k + 1:], calls[k]).any()
  assert (calls[0] == calls[0][:, :1]).all() and not (calls[1] == calls[1][:, :1]).all()


def test_the_clean_signal_has_value_one_and_the_noisy_one_a_low_one(judge, hidden_seeds):
  clean = MODULE["signals"]((*range(8), *hidden_seeds("signals", 48)), 120)[0]
  steps = iter(clean.T)
  assert judge(TASK, lambda windows: next(steps)).value == 1
  assert judge(TASK, lambda windows: windows[:, -1]).value < TASK.best_known


@pytest.mark.parametrize("result, message", [
    (np.zeros((56, 1)), r"shape \(56, 1\), expected \(56,\)"), (np.full(56, np.nan), "is nan"),
    (np.full(56, 1e7), "at most 1000000"), (None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
