"""Set cover: the reference program, the bound by its dual, and elements that are not covered."""

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASKS = [core.load("set_cover_unit_own"), core.load("set_cover_weighted_own")]
REFERENCE = """
import numpy as np

def solve(member, cost):
    rng = np.random.default_rng(0)
    B, E, S = member.shape
    rows, least, best = np.arange(B), np.full(B, 1 << 40), np.ones((B, S), int)
    for k in range(90):
        base = cost * np.exp(rng.normal(0, 0.25 * (k > 0), (B, S)))
        if k % 2:
            base = base * np.where(best, 0.7, 1)
        chosen, open_ = np.zeros((B, S), int), np.ones((B, E))
        while open_.any():
            gain = np.einsum("be,bes->bs", open_, member)
            pick = np.where(gain > 0, base / np.maximum(gain, 1), 1e18).argmin(1)
            chosen[rows, pick] = np.maximum(chosen[rows, pick], open_.any(1))
            open_ = open_ * (1 - member[rows, :, pick])
        covered = np.einsum("bes,bs->be", member, chosen)
        for s in np.argsort(-cost.sum(0)):
            spare = chosen[:, s] * ((covered - member[:, :, s]) >= 1).all(1)
            chosen[:, s] -= spare
            covered -= spare[:, None] * member[:, :, s]
        total = (cost * chosen).sum(1)
        better = total < least
        best[better], least[better] = chosen[better], total[better]
    return best
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.015) and max(values) <= 1


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_equal_a_second_computation(task, judge):
  """All sets; the bound as the largest price of the elements that no set exceeds."""
  seen = []
  score = judge(task, lambda *given: seen.extend(zip(*given, strict=True)) or np.ones((24, 60)))
  for (member, cost), value in zip(seen[:8], score.instances, strict=True):
    dual = optimize.linprog(-np.ones(40), A_ub=member.T, b_ub=cost)
    assert value == pytest.approx(-dual.fun / cost.sum(), rel=1e-7) and member.any(axis=1).all()
    whole = optimize.milp(cost, constraints=optimize.LinearConstraint(member, 1), integrality=1, bounds=(0, 1))
    assert whole.fun >= -dual.fun - 1e-6


def test_what_is_invalid(judge):
  for given, message in (
      (np.zeros((24, 60)), r"instance 0: element 0 is in no chosen set \(40 elements are in none\)"),
      (np.full((24, 60), 0.5), "an integer"), (np.full((24, 60), 2), "at most 1"),
      (np.full((24, 60), -1), "at least 0"),
      (np.ones((24, 59)), "shape"), (np.ones((24, 60), bool), "array of bool")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS[0], given)


def test_one_element_that_is_left_out_is_named(judge):
  def all_but_the_sets_of_element_5(member, cost):
    chosen = np.ones(cost.shape)
    chosen[3, member[3, 5] == 1] = 0
    return chosen
  with pytest.raises(core.Invalid, match="instance 3: element"):
    judge(TASKS[1], all_but_the_sets_of_element_5)
