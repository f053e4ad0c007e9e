"""Register allocation: the optimum against all subsets, a program that reaches it, and what is refused."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("register_allocation_3_own")
MODULE = TASK.evaluate.func.__globals__
# The integral linear program, and registers in order of start for what is kept.
REFERENCE = """
import numpy as np
from scipy import optimize

def allocate(start, end, cost, registers):
    out = np.full(start.shape, -1)
    for b, (s, e, c) in enumerate(zip(start, end, cost)):
        alive = (s <= s[:, None]) & (e > s[:, None])
        kept = optimize.linprog(-c, A_ub=alive, b_ub=np.full(len(s), registers), bounds=(0, 1), method="highs").x > 0.5
        until = np.zeros(registers)
        for v in np.argsort(s, kind="stable"):
            if kept[v]:
                slot = np.flatnonzero(until <= s[v])[0]
                out[b, v], until[slot] = slot, e[v]
    return out
"""


def test_the_optimum_is_that_of_all_subsets():
  for seed in range(6):
    start, end, cost = MODULE["draw"](seed, 11, 2)
    best = np.inf
    for spilled in itertools.product((False, True), repeat=11):
      kept = ~np.array(spilled)
      crowd = max((kept & (start <= t) & (end > t)).sum() for t in range(44))
      if crowd <= 2:
        best = min(best, cost[~kept].sum())
    assert MODULE["least_spill"](start, end, cost, 2) == best > 0


@pytest.mark.parametrize("registers", MODULE["REGISTERS"])
def test_the_optimum_is_reached(registers, run):
  task = core.load(f"register_allocation_{registers}_own")
  assert run(task, REFERENCE).value == task.best_known == 0


def test_the_verdict_equals_a_check_of_all_pairs():
  rng = np.random.default_rng(0)
  verdicts = []
  for _ in range(200):
    start = rng.integers(0, 20, (1, 5))
    end = start + rng.integers(1, 6, (1, 5))
    where = rng.integers(-1, 3, (1, 5))
    legal = all(where[0, u] < 0 or where[0, u] != where[0, v] or end[0, u] <= start[0, v] or end[0, v] <= start[0, u]
                for u, v in itertools.combinations(range(5), 2))
    verdicts.append(legal)
    if legal:
      MODULE["check"](where, start, end)
    else:
      with pytest.raises(core.Invalid, match="share register"):
        MODULE["check"](where, start, end)
  assert 50 < sum(verdicts) < 150


def test_messages_name_the_variables(judge):
  with pytest.raises(core.Invalid, match=r"program 0: variables \d+ \[\d+, \d+\) and \d+ \[.*\) share register 0"):
    judge(TASK, lambda start, end, cost, registers: 0 * start)
  with pytest.raises(core.Invalid, match="at most 2"):
    judge(TASK, lambda start, end, cost, registers: 0 * start + registers)
  with pytest.raises(core.Invalid, match="at least -1"):
    judge(TASK, lambda start, end, cost, registers: 0 * start - 2)
  assert judge(TASK, lambda start, end, cost, registers: 0 * start - 1).value > 2 * TASK.baseline  # all spilled
