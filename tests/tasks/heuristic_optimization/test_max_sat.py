"""Maximum satisfiability: the reference program reaches the planted optimum, clauses counted one by one."""

import numpy as np
import pytest

from eft_jax import core

THREE, TWO = core.load("max_sat_three_planted_own"), core.load("max_sat_two_own")
REFERENCE = """
import numpy as np

def solve(clauses, n):
    rng = np.random.default_rng(0)
    B, m, w = clauses.shape
    rows = np.arange(B)
    place, sign = np.abs(clauses) - 1, clauses > 0
    truth = rng.random((B, n)) < 0.5
    best, least = truth.copy(), np.full(B, m + 1)
    held = np.zeros((B, n, m), bool)
    member = np.zeros((B, n, m), np.int8)
    for k in range(w):
        member[rows[:, None], place[:, :, k], np.arange(m)] = np.where(sign[:, :, k], 1, -1)
    for step in range(1400):
        true = truth[rows[:, None, None], place] == sign
        count = true.sum(2)
        broken = count == 0
        number = broken.sum(1)
        better = number < least
        best[better], least[better] = truth[better], number[better]
        if (least == 0).all():
            break
        pick = (broken * rng.random((B, m))).argmax(1)
        options = place[rows, pick]
        here = truth[rows[:, None], options]
        sat = np.where(here[:, :, None], 1, -1) * member[rows[:, None], options]
        breaks = ((sat > 0) & (count == 1)[:, None]).sum(2)
        noisy = (breaks.min(1) > 0) & (rng.random(B) < 0.45)
        choice = np.where(noisy, rng.integers(w, size=B), (breaks + 0.1 * rng.random((B, w))).argmin(1))
        truth[rows, options[rows, choice]] ^= number > 0
    return best * 1
"""


@pytest.mark.parametrize("task", [THREE, TWO], ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(1)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.002 if task is THREE else 0.01) and max(values) <= 1


@pytest.mark.parametrize("task, shape", [(THREE, (40, 210, 3)), (TWO, (40, 200, 2))], ids=["three", "two"])
def test_values_equal_a_second_computation(task, shape, judge):
  seen = []
  truth = np.random.default_rng(0).integers(2, size=(40, 50))
  score = judge(task, lambda clauses, n: seen.append(clauses) or truth)
  assert seen[0].shape == shape
  for clauses, row, value in zip(seen[0][:8].tolist(), truth[:8].tolist(), score.instances, strict=True):
    held = sum(any(bool(row[abs(v) - 1]) == (v > 0) for v in clause) for clause in clauses)
    assert value == held / len(clauses)
    assert all(len({abs(v) for v in clause}) == shape[2] and 0 not in clause for clause in clauses)


def test_what_is_invalid(judge):
  for given, message in (
      (np.full((40, 50), 2), "at most 1"), (np.full((40, 50), -1), "at least 0"),
      (np.full((40, 50), 0.5), "an integer"),
      (np.zeros((40, 51)), "shape"), (np.zeros((40, 50), bool), "array of bool"), (None, "None")):
    with pytest.raises(core.Invalid, match=message):
      judge(THREE, given)
