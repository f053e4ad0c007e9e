"""Frames: equiangular lines and the cube's lines score 1, and the coherence equals a second computation."""

import itertools
import math

import numpy as np
import pytest

from eft_jax import core


def icosahedron():
  g = (1 + math.sqrt(5)) / 2
  return [(0, 1, g), (0, 1, -g), (1, g, 0), (1, -g, 0), (g, 0, 1), (-g, 0, 1)]


def cube():
  return [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)]


def ten_lines():
  """From the Petersen graph: its vertices are pairs of five points, and lines of its complement's eigenspace."""
  edges = list(itertools.combinations(range(5), 2))
  gram = np.array([[1 if a == b else -1 / 3 if set(a) & set(b) else 1 / 3 for b in edges] for a in edges])
  return rows_of(gram, 5)


def sixteen_lines():
  """From the folded 5-cube (Clebsch graph): sign by the parity of the distance of words of length 4 at most 2."""
  words = range(16)
  near = [[(a ^ b).bit_count() in (1, 4) for b in words] for a in words]
  gram = np.array([[1 if a == b else -1 / 3 if near[a][b] else 1 / 3 for b in words] for a in words])
  if np.linalg.matrix_rank(gram) != 6:
    gram = 2 * np.eye(16) - gram
  return rows_of(gram, 6)


def rows_of(gram, rank):
  """Vectors with the given inner products."""
  values, vectors = np.linalg.eigh(gram)
  assert np.allclose(values[:-rank], 0, atol=1e-9)
  return vectors[:, -rank:] * np.sqrt(values[-rank:])


KNOWN = {(6, 3): icosahedron, (7, 3): cube, (10, 5): ten_lines, (16, 6): sixteen_lines}


@pytest.mark.parametrize("n, d", KNOWN)
def test_known_frames_score_one(n, d, judge):
  task = core.load(f"frame_coherence_{n}_{d}")
  score = judge(task, np.array(KNOWN[n, d]()) * 3)
  assert score.value == pytest.approx(task.best_known, rel=1e-9) and score.value > task.best_known * (1 - 1e-11)
  if (n, d) != (7, 3):
    assert task.best_known == pytest.approx(math.sqrt((n - d) / (d * (n - 1))), rel=1e-12)


def test_the_value_equals_a_second_computation(judge):
  vectors = np.random.default_rng(0).normal(size=(7, 3))
  largest = max(abs(u @ v) / math.sqrt((u @ u) * (v @ v)) for u, v in itertools.combinations(vectors, 2))
  assert judge(core.load("frame_coherence_7_3"), vectors).value == pytest.approx(largest, rel=1e-11)


def test_cheats(judge):
  task = core.load("frame_coherence_7_3")
  vectors = np.array(cube(), dtype=float)
  with pytest.raises(core.Invalid, match="vector 2 has length 0, expected at least 1e-9"):
    judge(task, vectors * (np.arange(7) != 2)[:, None])
  assert judge(task, vectors[[0, *range(6)]]).value == 1  # the same line twice
  assert judge(task, [-vectors[0], *vectors[:6]]).value == 1  # and turned round
  with pytest.raises(core.Invalid, match="finite"):
    judge(task, np.where(vectors == 1, math.inf, vectors))
