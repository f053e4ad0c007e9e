"""Ramsey colourings: circulant ones without cliques score 1, and cliques are counted as networkx counts them."""

import networkx as nx
import numpy as np
import pytest

from eft_jax import core

PAINTED = {(4, 4): (17, {1, 2, 4, 8}), (3, 5): (13, {1, 5})}


def circulant(n, jumps):
  gap = np.subtract.outer(np.arange(n), np.arange(n)) % n
  return np.isin(gap, [*jumps, *(n - j for j in jumps)]).astype(int)


@pytest.mark.parametrize("s, t", PAINTED)
def test_circulant_colorings_score_one(s, t, judge):
  task = core.load(f"ramsey_coloring_{s}_{t}")
  assert judge(task, circulant(*PAINTED[s, t])).value == task.best_known == 0


def test_known_coloring_scores_one(judge, known):
  assert judge(core.load("ramsey_coloring_3_6"), known("ramsey_coloring_3_6")).value == 0


@pytest.mark.parametrize("s, t, n", [(3, 5, 13), (4, 4, 17)])
def test_counts_equal_a_second_count(s, t, n, judge):
  for seed in range(3):
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < 0.4, 1)
    colors = (upper | upper.T).astype(int)
    graphs = nx.from_numpy_array(colors), nx.complement(nx.from_numpy_array(colors))
    expected = sum(len(c) == size for g, size in zip(graphs, (s, t), strict=True) for c in nx.enumerate_all_cliques(g))
    score = judge(core.load(f"ramsey_coloring_{s}_{t}"), colors)
    assert score.value == expected == score.metrics["cliques_of_1"] + score.metrics["cliques_of_0"] > 0
    assert "clique_of_0" in score.artifacts


def test_messages_name_the_entry(judge):
  task = core.load("ramsey_coloring_3_5")
  colors = circulant(13, {1, 5})
  colors[2, 4] = 1
  with pytest.raises(core.Invalid, match=r"colors\[2, 4\] is 1 but colors\[4, 2\] is 0"):
    judge(task, colors)
  with pytest.raises(core.Invalid, match=r"colors\[0, 0\] is 1, expected a zero diagonal"):
    judge(task, np.ones((13, 13)))
  with pytest.raises(core.Invalid, match="expected \\(13, 13\\)"):
    judge(task, np.zeros((12, 12)))
