"""Mesh partition: our tabu search reaches the best known value, and parts that are too large are named."""

import types

import networkx
import numpy as np
import pytest

from eft_jax import core

TASK = core.load("mesh_partition_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def test_the_reference_reaches_the_best_known_value(run, reference):
  assert run(TASK, reference("mesh_partition.py")).value == pytest.approx(TASK.best_known, abs=0.05)


def test_meshes_are_planar_triangulations_without_a_divide(hidden_seeds):
  for edges, reference_cut in FILE.instances(tuple(hidden_seeds("meshes", 4)), 120, 4):
    graph = networkx.Graph(edges.tolist())
    assert networkx.check_planarity(graph)[0] and networkx.is_connected(graph)
    assert len(graph) == 120 and 2 * 120 < len(edges) == graph.number_of_edges() <= 3 * 120 - 6
    assert 10 < reference_cut < 100


def test_the_cut_agrees_with_networkx(hidden_seeds):
  edges, _ = FILE.instances(tuple(hidden_seeds("meshes", 4)), 120, 4)[0]
  graph, label = networkx.Graph(edges.tolist()), np.arange(120) % 4
  total = sum(networkx.cut_size(graph, np.flatnonzero(label == i).tolist()) for i in range(4))
  assert FILE.cut(edges, 120, 4, label) == total / 2


def test_hidden_coordinates_cut_as_the_yardstick_says(hidden_seeds):
  points, edges = FILE.mesh(hidden_seeds("meshes", 1)[0], 120)
  wide = int(np.ptp(points, axis=0).argmax())
  upper = points[:, wide] > np.median(points[:, wide])
  assert FILE.halved(points, edges, 2) == (upper[edges[:, 0]] != upper[edges[:, 1]]).sum()


@pytest.mark.parametrize("label, message", [
    ([0] * 33 + [1] * 29 + [2] * 29 + [3] * 29, "instance 1: part 0 has 33 vertices, expected at most 32"),
    ([0] * 120, "part 0 has 120 vertices"),
    ([4] + [0, 1, 2, 3] * 29 + [1, 2, 3], r"part\[0\] is 4, expected at most 3"),
    ([0, 1, 2, 3] * 29, "expected"),
    ([0.5] + [0, 1, 2, 3] * 29 + [1, 2, 3], "expected an integer"),
])
def test_messages_name_the_part(judge, label, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, label)
