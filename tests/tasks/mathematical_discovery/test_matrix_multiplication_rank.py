"""Matrix multiplication: Strassen's and Laderman's products score 1, and exact algorithms multiply matrices."""

import re

import numpy as np
import pytest

from eft_jax import core

STRASSEN = """a11+a22 : b11+b22, a21+a22 : b11, a11 : b12-b22, a22 : b21-b11, a11+a12 : b22, -a11+a21 : b11+b12,
a12-a22 : b21+b22"""
LADERMAN = """a11+a12+a13-a21-a22-a32-a33 : b22, a11-a21 : -b12+b22, a22 : -b11+b12+b21-b22-b23-b31+b33,
-a11+a21+a22 : b11-b12+b22, a21+a22 : -b11+b12, a11 : b11, -a11+a31+a32 : b11-b13+b23, -a11+a31 : b13-b23,
a31+a32 : -b11+b13, a11+a12+a13-a22-a23-a31-a32 : b23, a32 : -b11+b13+b21-b22-b23-b31+b32, -a13+a32+a33 : b22+b31-b32,
a13-a33 : b22-b32, a13 : b31, a32+a33 : -b31+b32, -a13+a22+a23 : b23+b31-b33, a13-a23 : b23-b33, a22+a23 : -b31+b33,
a12 : b21, a23 : b32, a21 : b13, a31 : b12, a33 : b33"""


def form(text, rows, columns):
  """Coefficients of a sum like -a11+a21."""
  found = np.zeros((rows, columns))
  for sign, row, column in re.findall(r"([+-]?)\w(\d)(\d)", text):
    found[int(row) - 1, int(column) - 1] += -1 if sign == "-" else 1
  return found.ravel()


def algorithm(text, m, n, p):
  """Rows (u, v, w) of the products that the text lists; w follows from u and v by solving for the tensor."""
  products = [product.split(":") for product in text.split(",")]
  u = np.array([form(left, m, n) for left, _ in products])
  v = np.array([form(right, n, p) for _, right in products])
  target = core.load(f"matrix_multiplication_rank_{m}_{n}_{p}").evaluate.func.__globals__["tensor"](m, n, p)
  pairs = np.einsum("ri,rj->ijr", u, v).reshape(-1, len(u))
  w = np.linalg.lstsq(pairs, target.reshape(len(pairs), -1).astype(float))[0]
  return np.hstack([u, v, w])


def strassen_and_column():
  """2 x 2 by 2 x 3: Strassen for two columns, and four products for the third."""
  seven = algorithm(STRASSEN, 2, 2, 2)
  u, v, w = seven[:, :4], np.zeros((7, 2, 3)), np.zeros((7, 2, 3))
  v[:, :, :2], w[:, :, :2] = seven[:, 4:8].reshape(7, 2, 2), seven[:, 8:].reshape(7, 2, 2)
  rows = list(np.hstack([u, v.reshape(7, 6), w.reshape(7, 6)]))
  for i, j in np.ndindex(2, 2):
    rows.append(np.concatenate([np.eye(4)[2 * i + j], np.eye(6)[3 * j + 2], np.eye(6)[3 * i + 2]]))
  return np.array(rows)


KNOWN = {(2, 2, 2): lambda: algorithm(STRASSEN, 2, 2, 2), (2, 2, 3): strassen_and_column,
         (3, 3, 3): lambda: algorithm(LADERMAN, 3, 3, 3)}


@pytest.mark.parametrize("m, n, p", KNOWN)
def test_known_algorithms_score_one_and_multiply(m, n, p, judge):
  task = core.load(f"matrix_multiplication_rank_{m}_{n}_{p}")
  terms = KNOWN[m, n, p]()
  score = judge(task, terms)
  assert score.value == task.best_known == 0 and score.metrics["wrong_entries"] == 0
  u, v, w = np.split(score.construction, [m * n, m * n + n * p], axis=1)
  a, b = np.random.default_rng(0).integers(-9, 10, size=(2, 9))
  a, b = a[:m * n], b[:n * p]
  product = ((u @ a) * (v @ b)) @ w
  np.testing.assert_array_equal(product.reshape(m, p), a.reshape(m, n) @ b.reshape(n, p))
  assert judge(task, terms + np.random.default_rng(1).uniform(-0.24, 0.24, terms.shape)).value == 0  # is rounded
  halved = terms * ([0.5] * (m * n) + [1] * (n * p) + [2] * (m * p))
  assert judge(task, halved).value == 0


def test_the_usual_algorithm_less_one_product_has_error_one(judge):
  rows = [np.concatenate([np.eye(4)[2 * i + j], np.eye(4)[2 * j + k], np.eye(4)[2 * i + k]])
          for i, j, k in np.ndindex(2, 2, 2)]
  task = core.load("matrix_multiplication_rank_2_2_2")
  score = judge(task, rows[:7])
  assert score.value == 1 and score.metrics == {"wrong_entries": 1, "largest_error": 1, "terms_in_use": 7}
  assert judge(task, np.zeros((7, 12))).value == 8
  with pytest.raises(core.Invalid, match="expected"):
    judge(task, rows)  # eight products


@pytest.mark.parametrize("seed", range(3))
def test_the_error_equals_a_second_computation(seed, judge):
  terms = np.random.default_rng(seed).integers(-3, 4, size=(7, 12)) / 2
  expected = 0.0
  for i, j, k, other, row, column in np.ndindex(2, 2, 2, 2, 2, 2):
    entry = sum(t[2 * i + j] * t[4 + 2 * k + other] * t[8 + 2 * row + column] for t in terms)
    expected += (entry - (j == k and i == row and other == column)) ** 2
  assert judge(core.load("matrix_multiplication_rank_2_2_2"), terms).value == expected


def test_messages_name_the_coefficient(judge):
  task = core.load("matrix_multiplication_rank_2_2_2")
  with pytest.raises(core.Invalid, match=r"terms\[0, 3\] is 9, expected at most 8"):
    judge(task, np.where(np.arange(84).reshape(7, 12) == 3, 9, 0))
  with pytest.raises(core.Invalid, match="finite"):
    judge(task, np.full((7, 12), np.nan))
