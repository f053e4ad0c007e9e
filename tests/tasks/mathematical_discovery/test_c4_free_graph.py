"""Graphs without 4-cycles: polarity graphs of projective planes score 1, and every second common neighbour is named."""

import itertools

import networkx as nx
import numpy as np
import pytest

from eft_jax import core

# Products of the field with four elements 0, 1, w, w + 1, as numbers of two bits; sums are exclusive ors.
TIMES_4 = [[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]]


def polarity_graph(q):
  """Erdos, Renyi, Sos, Brown: points of the plane over F_q, joined where their scalar product is 0."""
  def product(u, v):
    if q == 4:
      return TIMES_4[u[0]][v[0]] ^ TIMES_4[u[1]][v[1]] ^ TIMES_4[u[2]][v[2]]
    return sum(a * b for a, b in zip(u, v, strict=True)) % q
  points = [p for p in itertools.product(range(q), repeat=3) if any(p) and next(x for x in p if x) == 1]
  graph = nx.Graph()
  graph.add_nodes_from(range(len(points)))
  graph.add_edges_from((i, j) for i, j in itertools.combinations(range(len(points)), 2)
                       if product(points[i], points[j]) == 0)
  return graph


def without(graph, count):
  """The graph less `count` vertices that take few edges with them, numbered from 0."""
  graph = graph.copy()
  for _ in range(count):
    graph.remove_node(min(graph.nodes, key=graph.degree))
  return list(nx.convert_node_labels_to_integers(graph).edges)


@pytest.mark.parametrize("n, q", [(31, 5), (30, 5), (20, 4)])
def test_polarity_graphs_score_one(n, q, judge):
  task = core.load(f"c4_free_graph_{n}")
  graph = polarity_graph(q)
  assert len(graph) == q * q + q + 1
  edges = without(graph, len(graph) - n)
  score = judge(task, edges)
  assert score.value == judge(task, [(b, a) for a, b in edges[::-1]]).value == task.best_known
  assert score.metrics["edges_that_could_be_added"] == 0


def test_messages_name_the_vertices(judge):
  task = core.load("c4_free_graph_20")
  with pytest.raises(core.Invalid, match=r"vertices 0 and 2 have 2 common neighbours: \[1, 3\]"):
    judge(task, [(0, 1), (1, 2), (2, 3), (3, 0)])
  with pytest.raises(core.Invalid, match=r"edge \[0, 1\] stands twice"):
    judge(task, [(0, 1), (1, 2), (1, 0)])
  with pytest.raises(core.Invalid, match=r"edge \[3, 3\] joins a vertex to itself"):
    judge(task, [(0, 1), (3, 3)])
  with pytest.raises(core.Invalid, match="at most 19"):
    judge(task, [(0, 20)])


@pytest.mark.parametrize("seed", range(8))
def test_the_verdict_equals_a_second_check(seed, judge):
  graph = nx.gnm_random_graph(20, 14 + 2 * seed, seed=seed)
  legal = not any(len(c) == 4 for c in nx.simple_cycles(graph, length_bound=4))
  try:
    score = judge(core.load("c4_free_graph_20"), np.array(graph.edges))
    assert legal and score.value == graph.number_of_edges()
  except core.Invalid:
    assert not legal
