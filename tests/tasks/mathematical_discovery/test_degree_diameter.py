"""Degree and diameter: the Hoffman-Singleton graph scores 1, and far pairs are counted as networkx counts them."""

import networkx as nx
import numpy as np
import pytest

from eft_jax import core


def test_the_hoffman_singleton_graph_scores_one(judge):
  task = core.load("degree_diameter_7_2")
  graph = nx.hoffman_singleton_graph()
  score = judge(task, np.array(graph.edges)[::-1])
  assert score.value == task.best_known == 0 and score.metrics == {"most_far_vertices_of_one": 0, "edges": 175}


@pytest.mark.parametrize("d, k, n", [(3, 4, 38), (4, 3, 41), (7, 2, 50)])
def test_far_pairs_equal_a_second_count(d, k, n, judge):
  for seed in range(2):
    graph = nx.random_regular_graph(d, n, seed=seed)
    graph.remove_edges_from(list(graph.edges)[::5])
    near = sum(len(ends) for _, ends in nx.all_pairs_shortest_path_length(graph, cutoff=k))
    score = judge(core.load(f"degree_diameter_{d}_{k}"), np.array(graph.edges))
    assert score.value == (n * n - near) / 2 > 0 and "far_pair" in score.artifacts


def test_loops_and_repeated_edges_help_nothing(judge):
  task = core.load("degree_diameter_3_4")
  path = [(i, i + 1) for i in range(37)]
  more = [*path, (0, 0), (10, 11), (30, 31)]
  assert judge(task, more).value == judge(task, path).value == sum(38 - gap for gap in range(5, 38))


def test_messages_name_the_vertex(judge):
  task = core.load("degree_diameter_3_4")
  with pytest.raises(core.Invalid, match="vertex 5 has 4 ends of edges, expected at most 3"):
    judge(task, [(5, 1), (5, 2), (5, 5)])
  with pytest.raises(core.Invalid, match="1..57"):
    judge(task, [(i % 38, (i + 1) % 38) for i in range(58)])
  with pytest.raises(core.Invalid, match="at most 37"):
    judge(task, [(0, 38)])
