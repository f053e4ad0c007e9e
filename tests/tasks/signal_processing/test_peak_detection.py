"""Peak detection: the reference by a matched filter, true beats, flooding, and what recordings look like."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("peak_detection_own")
MODULE = TASK.evaluate.__globals__
# Matched filter for both signs, the sign with the heavier tail, then the chain of peaks with the greatest sum of
# heights less a price for uneven intervals.
REFERENCE = """
import numpy as np

def beats(signal):
    t = np.arange(-8, 9) / 100
    shape = np.exp(-0.5 * (t / 0.016) ** 2) - 0.25 * np.exp(-0.5 * ((t - 0.04) / 0.014) ** 2)
    shape -= shape.mean()
    x = np.convolve(signal, shape[::-1], "same")
    x -= np.median(x)
    found = []
    for sign in (-1, 1):
        y = sign * x
        top = np.flatnonzero((y[1:-1] >= y[:-2]) & (y[1:-1] > y[2:])) + 1
        chain, worth = best(top, y[top])
        found.append((worth, chain))
    return max(found)[1]

def best(top, height):
    keep = height > 0
    top, height = top[keep], height[keep]
    if len(top) < 3:
        return [int(p) for p in top], 0.0
    scale = np.sort(height)[-max(3, len(top) // 8)]
    h = np.minimum(height / scale, 1.3) - 0.45
    best = (-1.0, [])
    for period in (47, 53, 60, 67, 75, 84, 94, 105, 117):
        value, last = h.copy(), np.full(len(top), -1)
        for i in range(len(top)):
            j = np.flatnonzero((top < top[i] - 0.5 * period) & (top > top[i] - 2.5 * period))
            if len(j):
                gap = (top[i] - top[j]) / period
                price = 0.9 * np.minimum(np.abs(gap - 1), 0.45) + 0.7 * (gap > 1.4)
                total = value[j] - price
                k = total.argmax()
                if total[k] > 0:
                    value[i], last[i] = h[i] + total[k], j[k]
        i = value.argmax()
        if value[i] > best[0]:
            chain, end = [], i
            while end >= 0:
                chain.append(int(top[end]))
                end = last[end]
            best = (value[i], chain[::-1])
    return best[1], float(best[0])
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(3)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.04)


def test_true_beats_have_f1_one_and_flooding_is_no_gain(judge, hidden_seeds):
  seeds = iter([*range(8), *hidden_seeds("recordings", 16)])
  score = judge(TASK, lambda signal: MODULE["recording"](next(seeds), 1000)[1])
  assert score.value == 1 and score.metrics["missed_per_recording"] == 0
  assert judge(TASK, lambda signal: []).value == 0
  assert judge(TASK, lambda signal: np.arange(5, 1000, 11)).value < 0.36
  with pytest.raises(core.Invalid, match=r"expected \(0..100,\)"):
    judge(TASK, lambda signal: np.arange(0, 1000, 9))


def test_recordings_are_what_the_statement_says():
  signs = set()
  for seed in range(12):
    signal, beats = MODULE["recording"](seed, 10_000)
    gaps = np.diff(beats) / 100
    assert np.isfinite(signal).all() and 0.4 < np.median(gaps) < 1.3 and gaps.min() > 0.2
    flat = signal - np.convolve(signal, np.ones(15) / 15, "same")
    signs.add(np.sign(np.mean(flat[beats])))
    assert abs(np.mean(flat[beats])) > 1.2 * flat.std()
  assert signs == {-1, 1}


def test_f1_by_counting(judge):
  f1 = MODULE["f1"]
  assert f1(np.array([10, 20]), np.array([12, 40]), 5) == 0.5
  assert f1(np.array([10, 11, 12]), np.array([11]), 5) == 0.5
  for found, true in itertools.product(([], [7]), ([1, 30], [2])):
    hits = len(found) if found and min(abs(7 - t) for t in true) <= 5 else 0
    assert f1(np.array(found), np.array(true), 5) == 2 * hits / (len(found) + len(true))


@pytest.mark.parametrize("result, message", [
    ([-1], "at least 0"), ([1000], "at most 999"), ([1.5], "expected an integer"), (None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
