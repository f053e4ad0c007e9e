"""Change points: F1 by a second pairing, the reference by dynamic programming, and what the signals are."""

import itertools

import hypothesis
import networkx
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("change_point_own")
MODULE = TASK.evaluate.__globals__
# Optimal partition under squared error, with the noise from differences and extremes pulled in.
REFERENCE = """
import numpy as np
from scipy.ndimage import median_filter

def detect(signal):
    n = len(signal)
    sigma = np.median(np.abs(np.diff(signal))) / 0.954 + 1e-12
    mid = median_filter(signal, 5, mode="nearest")
    x = np.clip(signal, mid - 2.5 * sigma, mid + 2.5 * sigma) / sigma
    s1 = np.concatenate([[0], np.cumsum(x)])
    s2 = np.concatenate([[0], np.cumsum(x * x)])
    cost, last = np.zeros(n + 1), np.zeros(n + 1, int)
    penalty, least, most = 9.0, 5, 90
    cost[0] = -penalty
    cost[1:least] = 1e18
    for t in range(least, n + 1):
        a = np.arange(max(0, t - most), t - least + 1)
        d = s1[t] - s1[a]
        c = cost[a] + s2[t] - s2[a] - d * d / (t - a) + penalty
        k = c.argmin()
        cost[t], last[t] = c[k], a[k]
    found, t = [], n
    while last[t] > 0:
        t = last[t]
        found.append(int(t))
    return found
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.03)


def test_true_positions_have_f1_one_and_none_has_zero(judge, hidden_seeds):
  seeds = iter([*range(8), *hidden_seeds("signals", 24)])
  score = judge(TASK, lambda signal: MODULE["draw"](next(seeds), 200)[1])
  assert score.value == 1 and score.instances == (1.0,) * 8
  assert score.metrics["missed_per_signal"] == score.metrics["extra_per_signal"] == 0
  assert judge(TASK, lambda signal: []).value == 0


def test_flooding_with_positions_is_no_gain(judge):
  assert judge(TASK, lambda signal: list(range(1, 200, 4))).value < 0.35
  with pytest.raises(core.Invalid, match=r"shape \(199,\), expected \(0..50,\)"):
    judge(TASK, lambda signal: np.arange(1, 200))
  repeated = judge(TASK, lambda signal: [20, 20, 20.0])
  assert repeated.value == judge(TASK, lambda signal: [20]).value


@hypothesis.given(*[st.lists(st.integers(1, 30), max_size=7, unique=True).map(sorted)] * 2, st.integers(0, 4))
@hypothesis.settings(max_examples=80, deadline=None)
def test_pairing_equals_a_largest_matching(found, true, tolerance):
  graph = networkx.Graph()
  for (i, a), (j, b) in itertools.product(enumerate(found), enumerate(true)):
    if abs(a - b) <= tolerance:
      graph.add_edge(("found", i), ("true", j))
  hits = len(networkx.max_weight_matching(graph, maxcardinality=True))
  total = len(found) + len(true)
  assert MODULE["f1"](np.array(found), np.array(true), tolerance) == (2 * hits / total if total else 1)


def test_signals_jump_where_they_should():
  signal, true = MODULE["draw"](5, 2000)
  assert (np.diff(true) >= 8).all() and (np.diff(true) < 60).all() and 20 < len(true) < 120
  sides = [signal[a:b].mean() for a, b in itertools.pairwise([0, *true, 2000])]
  noise = np.median([signal[a:b].std() for a, b in itertools.pairwise([0, *true, 2000])])
  assert np.median(np.abs(np.diff(sides))) > 1.5 * noise


@pytest.mark.parametrize("result, message", [
    ([0], "at least 1"), ([200], "at most 199"), ([1.5], "expected an integer"), (None, "None"), ([True], "True")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
