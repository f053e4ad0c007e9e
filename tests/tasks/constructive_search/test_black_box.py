"""Black-box optimisation: the reference by CMA-ES, formulas a second time, and what the candidate sees."""

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASK = core.load("black_box_own")
MODULE = TASK.evaluate.__globals__
REFERENCE = '''
import numpy as np

state = {}

def propose(points, values, progress):
    # CMA-ES per function; the sampled batch of the last round is found among the sorted points by its values.
    count, k, width = points.shape
    rng = np.random.default_rng(int(1e6 * progress) + 1)
    if k == 0:
        state.clear()
        state.update(mean=np.zeros((count, width)), sigma=np.full(count, 2.5), t=0,
                     cov=np.tile(np.eye(width), (count, 1, 1)),
                     ps=np.zeros((count, width)), pc=np.zeros((count, width)))
    else:
        update(points, values, width)
    scale, turn = np.linalg.eigh(state["cov"])
    state["root"] = turn * np.sqrt(np.maximum(scale, 1e-20))[:, None]
    state["inverse"] = (turn / np.sqrt(np.maximum(scale, 1e-20))[:, None]) @ turn.transpose(0, 2, 1)
    z = rng.normal(size=(count, 20, width))
    new = state["mean"][:, None] + state["sigma"][:, None, None] * (z @ state["root"].transpose(0, 2, 1))
    state["asked"] = np.clip(new, -5, 5)
    return state["asked"]

def update(points, values, n):
    mu = 10
    w = np.log(10.5) - np.log(np.arange(1, mu + 1))
    w /= w.sum()
    me = 1 / (w**2).sum()
    cs = (me + 2) / (n + me + 5)
    ds = 1 + cs + 2 * max(0, np.sqrt((me - 1) / (n + 1)) - 1)
    cc = (4 + me / n) / (n + 4 + 2 * me / n)
    c1 = 2 / ((n + 1.3) ** 2 + me)
    cm = min(1 - c1, 2 * (me - 2 + 1 / me) / ((n + 2) ** 2 + me))
    chi = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    state["t"] += 1
    for b in range(len(points)):
        # rank of the asked points: those kept come first in order of value
        asked = state["asked"][b]
        same = (np.abs(points[b][None] - asked[:, None]).max(axis=2) == 0)
        rank = np.where(same.any(axis=1), same.argmax(axis=1), 1000)
        best = asked[np.argsort(rank, kind="stable")[:mu]]
        old = state["mean"][b]
        new = w @ best
        y = (new - old) / state["sigma"][b]
        state["ps"][b] = (1 - cs) * state["ps"][b] + np.sqrt(cs * (2 - cs) * me) * state["inverse"][b] @ y
        size = np.linalg.norm(state["ps"][b])
        h = size / np.sqrt(1 - (1 - cs) ** (2 * state["t"])) < (1.4 + 2 / (n + 1)) * chi
        state["pc"][b] = (1 - cc) * state["pc"][b] + h * np.sqrt(cc * (2 - cc) * me) * y
        d = (best - old) / state["sigma"][b]
        kept = (1 - c1 - cm) * state["cov"][b]
        state["cov"][b] = kept + c1 * np.outer(state["pc"][b], state["pc"][b]) + cm * (d.T * w) @ d
        state["sigma"][b] = min(5, state["sigma"][b] * np.exp(cs / ds * (size / chi - 1)))
        state["mean"][b] = new
'''


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.12)


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
