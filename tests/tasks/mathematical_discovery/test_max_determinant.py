"""Largest determinants: maximal matrices score 1 in exact integers; the determinant a second time modulo primes."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

MAXIMAL = {13: 3645 * 2**12, 15: 25515 * 2**14, 17: 327680 * 2**16}  # OEIS A003433


def modular(matrix, prime: int) -> int:
  """The determinant modulo a prime, by Gaussian elimination."""
  a, det = [[int(x) % prime for x in row] for row in matrix], 1
  for k in range(len(a)):
    pivot = next((i for i in range(k, len(a)) if a[i][k]), None)
    if pivot is None:
      return 0
    if pivot != k:
      a[k], a[pivot], det = a[pivot], a[k], -det
    det = det * a[k][k] % prime
    inverse = pow(a[k][k], -1, prime)
    for i in range(k + 1, len(a)):
      factor = a[i][k] * inverse % prime
      a[i] = [(x - factor * y) % prime for x, y in zip(a[i], a[k], strict=True)]
  return det % prime


@pytest.mark.parametrize("n", MAXIMAL)
def test_maximal_matrices_score_one(n, judge, known):
  task, matrix = core.load(f"max_determinant_{n}"), known(f"max_determinant_{n}")
  score = judge(task, matrix)
  assert score.value == task.best_known == 1 and 10 ** score.metrics["log10_determinant"] == pytest.approx(MAXIMAL[n])
  assert judge(task, (-matrix).T[::-1]).value == 1  # symmetries keep it
  worse = matrix.copy()
  worse[3, 4] *= -1
  assert judge(task, worse).value < 1


def test_the_published_ratio_at_29(judge):
  task = core.load("max_determinant_29")
  assert task.best_known == 320 / 342 == pytest.approx(0.935673, abs=5e-7)
  assert 342 * 7**12 * 2**28 <= 57**0.5 * 28**14  # no larger than Barba's bound
  assert judge(task, np.ones((29, 29))).value == 0
  assert judge(task, 2 * np.eye(29) - 1).value == pytest.approx(27 * 2**28 / (342 * 7**12 * 2**28), rel=1e-12)


@hypothesis.given(st.integers(0, 2**32 - 1), st.booleans())
@hypothesis.settings(max_examples=8, deadline=None)
def test_the_value_equals_a_modular_check(judge, seed, singular):
  matrix = np.random.default_rng(seed).choice([-1, 1], (29, 29))
  if singular:
    matrix[7] = -matrix[20]
  value = judge(core.load("max_determinant_29"), matrix).value
  exact = round(value * 342 * 7**12)  # of the determinant over 2**28; below 2**53, so the quotient holds it exactly
  for prime in (2**31 - 1, 2**61 - 1):
    residue = modular(matrix, prime)
    assert exact * 2**28 % prime in (residue, -residue % prime)
  assert (value == 0) >= singular


def test_messages(judge):
  task = core.load("max_determinant_13")
  matrix = np.ones((13, 13))
  matrix[2, 5] = 0
  with pytest.raises(core.Invalid, match=r"matrix\[2, 5\] is 0, expected 1 or -1"):
    judge(task, matrix)
  matrix[2, 5] = 0.5
  with pytest.raises(core.Invalid, match=r"matrix\[2, 5\] is 0.5, expected an integer"):
    judge(task, matrix)
  with pytest.raises(core.Invalid, match=r"shape \(14, 14\)"):
    judge(task, np.ones((14, 14)))
