"""Graph matching: the true matching is the best that a swap search knows, and common edges are counted right."""

import types

import networkx
import numpy as np
import pytest

from eft_jax import core

TASK = core.load("graph_matching_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def true_matching(seed: int, n: int) -> np.ndarray:
  """From the generator's last draw: vertex i of the first graph is order[p[i]] of the unpermuted second."""
  rng = np.random.default_rng(seed)
  upper = np.triu(rng.random((n, n)) < 0.3, 1).astype(np.int64)
  FILE.noisy(rng, upper + upper.T), FILE.noisy(rng, upper + upper.T)
  return np.argsort(rng.permutation(n))


def test_true_matchings_score_one_and_no_swap_of_theirs_is_better(judge, hidden_seeds):
  seeds = (*range(8), *hidden_seeds("graphs", 8))
  answers = [true_matching(seed, 24) for seed in seeds]
  assert judge(TASK, lambda a, b: answers.pop(0)).value == 1
  for (a, b, common), seed in zip(FILE.instances(seeds, 24), seeds, strict=True):
    p = true_matching(seed, 24)
    assert FILE.common_edges(a, b, p) == common
    swaps = [p[np.r_[:i, j, i + 1:j, i, j + 1:24]] for i in range(24) for j in range(i + 1, 24)]
    assert max((a * b[np.ix_(q, q)]).sum() // 2 for q in swaps) <= common


def test_common_edges_agree_with_networkx(hidden_seeds):
  a, b, _ = FILE.instances(tuple(hidden_seeds("graphs", 8)), 24)[0]
  p = np.random.default_rng(1).permutation(24)
  first = networkx.relabel_nodes(networkx.from_numpy_array(a), dict(enumerate(p.tolist())))
  common = networkx.intersection(first, networkx.from_numpy_array(b)).number_of_edges()
  assert FILE.common_edges(a, b, p) == common


def test_noise_keeps_the_number_of_edges(hidden_seeds):
  rng = np.random.default_rng(hidden_seeds("x", 1)[0])
  graph = np.ones((9, 9), int) - np.eye(9, dtype=int)
  graph[2:6, 2:6] = 0
  changed = FILE.noisy(rng, graph)
  assert changed.sum() == graph.sum() and (changed != graph).any() and (changed == changed.T).all()


@pytest.mark.parametrize("change, message", [
    (lambda p: p.__setitem__(3, p[5]), "instance 1: vertex 5 of the second graph is used 2 times"),
    (lambda p: p.__setitem__(3, 24), r"p\[3\] is 24, expected at most 23"),
    (lambda p: p.pop(), "expected"),
])
def test_messages_name_the_vertex(judge, change, message):
  answer = list(range(24))
  change(answer)
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, answer)
