"""Snakes in the box: longest ones score 1, and steps and shortcuts are named."""

import hypothesis
import networkx as nx
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("snake_in_box_5")
LONGEST = {
    5: [0, 1, 3, 7, 15, 14, 12, 28, 29, 25, 27, 26, 18, 22],
    6: [0, 1, 3, 7, 15, 13, 12, 28, 20, 21, 53, 37, 36, 38, 46, 62, 63, 59, 43, 41, 40, 56, 48, 50, 18, 26, 10],
}


@pytest.mark.parametrize("n", LONGEST)
def test_longest_snakes_score_one(n, judge):
  task = core.load(f"snake_in_box_{n}")
  mirrored = [v ^ 5 for v in reversed(LONGEST[n])]
  assert judge(task, LONGEST[n]).value == judge(task, mirrored).value == task.best_known


def test_messages_name_the_vertices(judge):
  task = core.load("snake_in_box_5")
  with pytest.raises(core.Invalid, match=r"path\[1\] = 1 and path\[2\] = 7 differ in 2 binary digits, expected 1"):
    judge(task, [0, 1, 7])
  with pytest.raises(core.Invalid, match=r"path\[0\] = 0 and path\[3\] = 2 are neighbours"):
    judge(task, [0, 1, 3, 2])
  with pytest.raises(core.Invalid, match=r"path\[0\] = 0 and path\[2\] = 0 are equal"):
    judge(task, [0, 1, 0])
  with pytest.raises(core.Invalid, match="at most 31"):
    judge(task, [0, 32])


@hypothesis.given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_verdict_equals_a_second_check(judge, bits):
  path = [0]
  for bit in bits:
    path.append(path[-1] ^ 1 << bit)
  cube = nx.hypercube_graph(5)
  corner = {v: sum(x << i for i, x in enumerate(v)) for v in cube}
  inside = nx.relabel_nodes(cube, corner).subgraph(path)
  legal = len(set(path)) == len(path) and inside.number_of_edges() == len(bits)
  try:
    assert judge(TASK, path).value == len(bits) and legal
  except core.Invalid:
    assert not legal
