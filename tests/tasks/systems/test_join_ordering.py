"""Join ordering: the optimum against all orders, a program that finds it, and what is refused."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("join_ordering_random_own")
MODULE = TASK.evaluate.func.__globals__
# The optimal order of the first subsets of each size, kept for a beam of 60.
REFERENCE = """
import numpy as np

def order(rows, selectivity):
    plans = []
    for size, joins in zip(rows, selectivity):
        n = len(size)
        beam = {1 << i: (0.0, size[i], [i]) for i in range(n)}
        for step in range(n - 1):
            new = {}
            for subset, (cost, now, plan) in beam.items():
                for i in range(n):
                    if not subset >> i & 1:
                        larger = now * size[i] * joins[i, plan].prod()
                        entry = (cost + larger, larger, plan + [i])
                        if entry[0] < new.get(subset | 1 << i, (np.inf,))[0]:
                            new[subset | 1 << i] = entry
            beam = dict(sorted(new.items(), key=lambda item: item[1][0])[:60])
        plans.append(min(beam.values())[2])
    return np.array(plans)
"""


def slow_cost(plan, rows, selectivity):
  results = [plan[:k] for k in range(2, len(plan) + 1)]
  pairs = [itertools.combinations(part, 2) for part in results]
  return sum(math.prod(rows[part]) * math.prod(selectivity[i, j] for i, j in links)
             for part, links in zip(results, pairs, strict=True))


@pytest.mark.parametrize("graph", MODULE["GRAPHS"])
def test_the_optimum_is_the_best_of_all_orders(graph):
  rows, selectivity, best = MODULE["queries"]((1, 2, 3), 5, graph)
  plans = np.array(list(itertools.permutations(range(5))))
  for b in range(3):
    slow = [slow_cost(list(plan), rows[b], selectivity[b]) for plan in plans]
    fast = MODULE["cost"](plans, np.tile(rows[b], (len(plans), 1)), np.tile(selectivity[b], (len(plans), 1, 1)))
    np.testing.assert_allclose(fast, slow, rtol=1e-9)
    assert best[b] == pytest.approx(min(slow), rel=1e-9)


@pytest.mark.parametrize("graph", MODULE["GRAPHS"])
def test_a_wide_beam_is_close_to_the_optimum(graph, run):
  task = core.load(f"join_ordering_{graph}_own")
  assert 0 <= run(task, REFERENCE).value < 0.01 and task.best_known == 0


def test_no_relation_may_be_left_out(judge):
  with pytest.raises(core.Invalid, match=r"query 0: \[0, 0, 0, 0, 0, 0, 0, 0, 0\] is no permutation of 0 to 8"):
    judge(TASK, lambda rows, selectivity: 0 * rows)
  with pytest.raises(core.Invalid, match=r"shape \(48, 8\), expected \(48, 9\)"):
    judge(TASK, lambda rows, selectivity: np.tile(np.arange(8), (48, 1)))
  with pytest.raises(core.Invalid, match="at least 0"):
    judge(TASK, lambda rows, selectivity: np.tile(np.arange(-1, 8), (48, 1)))
