"""Black-box optimisation: the reference by evolution, formulas a second time, and what the candidate sees."""

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASK = core.load("black_box_own")
MODULE = TASK.evaluate.__globals__
# The mean of the best four, plus steps in the span of the best twelve that shrink with time.
REFERENCE = """
import numpy as np

def propose(points, values, progress):
    rng = np.random.default_rng(int(1000 * progress) + 5)
    count, k, width = points.shape
    if k == 0:
        return rng.uniform(-4, 4, (count, 20, width))
    w = np.log(4.5) - np.log(np.arange(1, 5))
    center = (points[:, :4] * (w / w.sum())[None, :, None]).sum(1, keepdims=True)
    spread = points[:, :12] - points[:, :12].mean(1, keepdims=True)
    new = center + (1.9 - 0.8 * progress) * (rng.normal(size=(count, 20, 12)) / np.sqrt(12) @ spread)
    return new + 0.05 * 0.05 ** (2 * progress) * rng.normal(size=new.shape)
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.15)


def test_minima_are_zero_at_the_shift_and_positive_elsewhere():
  seeds = tuple(range(10))
  shift, turn, typical = MODULE["functions"](seeds, 5)
  assert abs(shift).max() < 4 and (typical > 0.1).all()
  np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.tile(np.eye(5), (10, 1, 1)), atol=1e-12)
  np.testing.assert_allclose(MODULE["_gaps"](shift[:, None], shift, turn), 0, atol=1e-12)
  steps = 10.0 ** -np.arange(3).repeat(1000)[:, None]
  near = shift[:, None] + steps * np.random.default_rng(0).normal(size=(10, 3000, 5))
  assert (MODULE["_gaps"](near, shift, turn) > 0).all()


def test_two_kinds_equal_other_peoples_formulas():
  z = np.random.default_rng(0).normal(size=(20, 5))
  np.testing.assert_allclose(MODULE["kind_value"]("valley", z), [optimize.rosen(row + 1) for row in z])
  wells = [10 * 5 + sum(x * x - 10 * np.cos(2 * np.pi * x) for x in row) for row in z]
  np.testing.assert_allclose(MODULE["kind_value"]("wells", z), wells)
  with pytest.raises(AssertionError):
    np.testing.assert_allclose(MODULE["kind_value"]("cigar", z), MODULE["kind_value"]("plateau", z))


def test_what_the_candidate_sees(judge):
  seen = []
  def propose(points, values, progress):
    seen.append((points.copy(), values.copy(), progress))
    return np.random.default_rng(len(seen)).uniform(-7, 7, (30, 20, 5))
  score = judge(TASK, propose)
  assert [s[0].shape[1] for s in seen] == [0, 20] + [40] * 23 and [s[2] for s in seen] == [i / 25 for i in range(25)]
  assert all((np.diff(s[1], axis=1) >= 0).all() and abs(s[0]).max(initial=0) <= 5 for s in seen)
  assert seen[-1][1].min() < -1  # the level is hidden: values above 0 do not say how far the minimum is
  assert 0 < score.value < TASK.baseline


@pytest.mark.parametrize("result, message", [
    (np.zeros((30, 20, 4)), r"shape \(30, 20, 4\)"), (np.full((30, 20, 5), np.inf), "is inf"), (None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
