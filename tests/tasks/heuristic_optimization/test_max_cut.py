"""Max-cut: the reference program, cuts edge by edge, and the eigenvalue bound over all cuts."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load(f"max_cut_{kind}_own") for kind in ("random", "torus", "dense")]
REFERENCE = """
import numpy as np

def solve(weights):
    rng = np.random.default_rng(0)
    B, n = weights.shape[:2]
    rows = np.arange(B)
    side = rng.choice((-1, 1), (B, n))
    pull = np.einsum("bij,bj->bi", weights, side)
    value, least, best = np.zeros(B), np.zeros(B), side.copy()
    heat = 0.5 * np.abs(weights).sum(2).mean()
    for k in range(6000):
        i = rng.integers(n)
        gain = side[:, i] * pull[:, i]
        take = gain > -heat * (1 - k / 5000) ** 2 * rng.exponential(size=B) if k < 5000 else gain > 0
        if k >= 5000:
            i = (side * pull).argmax(1)
            gain = (side * pull)[rows, i]
            take = gain > 0
            if not take.any():
                break
        step = np.where(take, side[rows, i], 0)
        side[rows, i] -= 2 * step
        pull -= 2 * step[:, None] * weights[rows, i]
        value += np.where(take, gain, 0)
        better = value > least
        best[better], least[better] = side[better], value[better]
    return (best + 1) // 2
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(1)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.07) and max(values) < 1
  assert min(values) > task.baseline + task.spread


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_equal_a_second_computation(task, judge):
  seen = []
  side = np.random.default_rng(0).integers(2, size=(24, 64))
  score = judge(task, lambda weights: seen.extend(weights) or side)
  for weights, row, value in zip(seen[:8], side[:8], score.instances, strict=True):
    assert (weights == weights.T).all() and not weights.diagonal().any()
    cut = sum(weights[i, j] for i, j in itertools.combinations(range(64), 2) if row[i] != row[j])
    bound = 16 * np.linalg.eigvals(np.diag(weights.sum(axis=0)) - weights).real.max()
    assert value == pytest.approx(cut / bound, rel=1e-9, abs=1e-12)
    if "torus" in task.name:
      assert (np.abs(weights).sum(axis=0) == 4).all()
  assert judge(task, 1 - side).value == pytest.approx(score.value, rel=1e-12)


@pytest.mark.parametrize("kind", ["random", "torus", "dense"])
def test_the_bound_holds_for_every_cut(kind, family):
  weights, bounds = family("max_cut").instances(kind, (0, 1, 2), 3)
  sides = np.array(list(itertools.product((0, 1), repeat=9)))
  best = np.einsum("ki,bij,kj->bk", sides, weights, 1 - sides).max(axis=1)
  assert (best <= bounds + 1e-9).all() and (bounds < 3 * best + 5).all()


def test_what_is_invalid(judge):
  for given, message in (
      (np.full((24, 64), 0.5), "an integer"), (np.full((24, 64), 2), "at most 1"), (-np.ones((24, 64)), "at least 0"),
      (np.ones((24, 63)), "shape"), (np.ones((24, 64), bool), "array of bool"), (np.full((24, 64), np.inf), "inf")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS[0], given)
  assert judge(TASKS[0], np.zeros((24, 64))).value == 0
