"""Lebesgue constants: known node sets, optimality by equioscillation, and peaks that no grid may miss."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core


def dense(nodes, count: int) -> float:
  """The largest value on a grid, with Lagrange polynomials from their definition."""
  x = np.linspace(-1, 1, count)
  total = np.zeros(count)
  for i, node in enumerate(nodes):
    others = np.delete(nodes, i)
    total += np.abs(((x[:, None] - others) / (node - others)).prod(axis=1))
  return float(total.max())


@pytest.mark.parametrize("n", [6, 10, 14])
def test_the_best_nodes_score_one_and_equioscillate(n, judge, known):
  """Nodes are optimal if and only if the maxima between them are equal (Kilgore; de Boor and Pinkus)."""
  task, nodes = core.load(f"lebesgue_constant_{n}"), known(f"lebesgue_constant_{n}")
  score = judge(task, nodes)
  assert task.score(score.value) == pytest.approx(1, abs=1e-9)
  assert score.metrics["lowest_peak"] == pytest.approx(score.value, rel=1e-9)
  chebyshev = np.cos((2 * np.arange(n) + 1) * np.pi / (2 * n))
  assert task.best_known < judge(task, chebyshev / chebyshev[0]).value < judge(task, chebyshev).value


def test_published_values(judge):
  task = core.load("lebesgue_constant_10")
  chebyshev = np.cos((2 * np.arange(10) + 1) * np.pi / 20)
  assert judge(task, chebyshev).value == pytest.approx(2.4288, abs=5e-5)
  assert judge(task, chebyshev / chebyshev[0]).value == pytest.approx(2.0083, abs=5e-5)
  assert judge(task, np.linspace(-1, 1, 10)).value == pytest.approx(17.8486, abs=5e-5)


@hypothesis.given(st.integers(0, 2**32 - 1), st.sampled_from([6, 10, 14]))
@hypothesis.settings(max_examples=20, deadline=None)
def test_the_value_is_no_less_than_on_a_grid_and_hardly_more(judge, seed, n):
  rng = np.random.default_rng(seed)
  nodes = np.sort(np.cos((np.arange(n) + rng.uniform(0.1, 0.9, n)) * np.pi / n))
  value, grid = judge(core.load(f"lebesgue_constant_{n}"), rng.permutation(nodes)).value, dense(nodes, 8_001)
  assert grid <= value <= grid * (1 + 2e-4)


def test_narrow_gaps_and_ends_are_seen(judge):
  task = core.load("lebesgue_constant_6")
  pairs = np.array([-1, -0.9998, -0.1, 0.1, 0.9998, 1])
  assert judge(task, pairs).value == pytest.approx(dense(pairs, 200_001), rel=1e-6)
  inside = np.linspace(-0.5, 0.5, 6)
  assert judge(task, inside).value == pytest.approx(dense(inside, 3), rel=1e-9)  # largest at the ends


def test_messages(judge):
  task = core.load("lebesgue_constant_6")
  with pytest.raises(core.Invalid, match="two nodes near 0.2 are 0 apart, expected at least 0.0001"):
    judge(task, [-1, -0.5, 0.2, 0.2, 0.5, 1])
  with pytest.raises(core.Invalid, match=r"nodes\[5\] is 1.1, expected at most 1"):
    judge(task, [-1, -0.5, 0, 0.2, 0.5, 1.1])
  with pytest.raises(core.Invalid, match="6 are expected"):
    judge(task, [0.0, 0.5])
