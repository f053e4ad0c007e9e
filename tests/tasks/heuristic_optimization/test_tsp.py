"""Travelling salesman: the reference program, lengths by a second route, and what is no tour."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("tsp_uniform_own"), core.load("tsp_clustered_own")]
REFERENCE = """
import numpy as np

def solve(points):
    rng = np.random.default_rng(0)
    return [search(p, rng) for p in points]

def descend(gap, tour):
    n = len(tour)
    i, j = np.triu_indices(n, 2)
    while True:
        nxt = np.roll(tour, -1)
        a, b, c, d = tour[i], nxt[i], tour[j], nxt[j]
        change = gap[a, c] + gap[b, d] - gap[a, b] - gap[c, d]
        k = change.argmin()
        if change[k] > -1e-9:
            return tour
        tour[i[k] + 1:j[k] + 1] = tour[i[k] + 1:j[k] + 1][::-1].copy()

def search(p, rng, rounds=40):
    gap = np.abs((p - p[:, None]) @ [1, 1j])
    length = lambda t: gap[t, np.roll(t, 1)].sum()
    best = descend(gap, rng.permutation(len(p)))
    for _ in range(rounds):
        x, y, z = np.sort(rng.choice(np.arange(1, len(p)), 3, replace=False))
        new = descend(gap, np.concatenate([best[:x], best[y:z], best[x:y], best[z:]]))
        if length(new) < length(best):
            best = new
    return best
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(1)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.02)
  assert min(values) > task.baseline + task.spread


def test_values_equal_a_second_computation(judge):
  """Lengths point by point, and spanning trees by Prim."""
  seen = []
  def solve(points):
    seen.append(points)
    return np.tile(np.arange(30)[::-1], (40, 1))
  score = judge(TASKS[0], solve)
  for points, value in zip(seen[0][:8], score.instances, strict=True):
    length = sum(np.linalg.norm(points[i] - points[i - 1]) for i in range(30))
    tree, reach = 0.0, np.linalg.norm(points - points[0], axis=1)
    left = set(range(1, 30))
    while left:
      near = min(left, key=lambda i: reach[i])
      tree += reach[near]
      left.remove(near)
      reach = np.minimum(reach, np.linalg.norm(points - points[near], axis=1))
    assert value == pytest.approx(tree / length, rel=1e-9) and value < tree / length


def test_no_tour_beats_the_bound(family):
  """A spanning tree is shorter than the best of all tours, but not by half."""
  tsp = family("tsp")
  points, trees = tsp.instances("clustered", (3, 4, 5), 7)
  orders = np.array([(0, *order) for order in itertools.permutations(range(1, 7))])
  for b in range(3):
    best = tsp.lengths(np.repeat(points[b:b + 1], len(orders), axis=0), orders).min()
    assert best / 2 < trees[b] < best


@pytest.mark.parametrize("change, message", [
    (lambda tours: tours[:, :-1], r"has shape \(40, 29\)"),
    (lambda tours: np.where(tours == 7, 8, tours), r"tours\[0\] holds 8 twice"),
    (lambda tours: np.where(tours == 29, 30, tours), "at most 29"),
    (lambda tours: np.where(tours == 0, -30, tours), "at least 0"),
    (lambda tours: tours + 0.5, "expected an integer"),
    (lambda tours: np.zeros_like(tours), "twice"),
])
def test_what_is_no_tour(change, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(np.tile(np.arange(30), (40, 1))))
