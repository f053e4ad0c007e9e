"""Network layout: annealing reaches the best known value; cycles are named, costs agree with networkx."""

import types

import networkx
import numpy as np
import pytest

from eft_jax import core

TASK = core.load("network_layout_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)
POINTS = np.array([[0, 0], [1, 0], [1, 1], [0, 2]], float)


def test_the_reference_reaches_the_best_known_value(run, reference):
  assert run(TASK, reference("network_layout.py")).value == pytest.approx(TASK.best_known, abs=0.04)


def test_costs_by_hand():
  assert FILE.cost(POINTS, [0, 0, 0]) == pytest.approx(1 + 2**0.5 + 2)
  assert FILE.cost(POINTS, [0, 1, 2]) == pytest.approx(3**0.5 + 2**0.5 + 2**0.5)
  assert FILE.cost(POINTS, [2, 0, 2]) == pytest.approx(1 + 2**0.5 * 3**0.5 + 2**0.5)


def test_costs_agree_with_networkx():
  """Each house's way to the plant adds one unit to every pipe on it."""
  rng = np.random.default_rng(0)
  for n in (5, 40):
    points, names = rng.random((n + 1, 2)), np.r_[0, rng.permutation(n) + 1]
    parent = np.zeros(n + 1, int)
    for i in range(1, n + 1):
      parent[names[i]] = names[rng.integers(i)]
    tree = networkx.Graph([(house, int(parent[house])) for house in range(1, n + 1)])
    flow = dict.fromkeys(map(frozenset, tree.edges), 0)
    for way in networkx.single_source_shortest_path(tree, 0).values():
      for a, b in zip(way, way[1:], strict=False):
        flow[frozenset((a, b))] += 1
    expected = sum(np.linalg.norm(points[min(pipe)] - points[max(pipe)]) * units**0.5 for pipe, units in flow.items())
    assert FILE.cost(points, parent[1:]) == pytest.approx(expected)


def test_the_greedy_tree_has_value_one(run):
  """A second form of it: houses join one by one, the closest to the plant first."""
  program = """
import numpy as np
def layout(points):
    away = np.hypot(*(points - points[0]).T)
    order, pipes = [0], [0] * len(points)
    for house in np.argsort(away[1:]) + 1:
        pipes[house] = min(order, key=lambda other: np.hypot(*(points[other] - points[house])))
        order.append(house)
    return pipes[1:]
"""
  score = run(TASK, program)
  assert score.value == pytest.approx(1, rel=1e-9) and score.value < 1


@pytest.mark.parametrize("pipes, message", [
    ([1, 0, 0], "the pipe of house 1 leads to itself"),
    ([2, 1, 0], "the pipes from house 1 do not lead to the plant, nor do those of 1 others"),
    ([2, 3, 1], "the pipes from house 1 do not lead to the plant, nor do those of 2 others"),
    ([4, 0, 0], r"pipe\[0\] is 4, expected at most 3"), ([0, 0], "expected"), ([0, -1, 0], "at least 0"),
    ([0, 0.5, 0], "expected an integer"),
])
def test_messages_name_the_house(pipes, message):
  with pytest.raises(core.Invalid, match=message):
    FILE.cost(POINTS, pipes)
