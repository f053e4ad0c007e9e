"""Weight quantisation: the optimum against all partitions, Lloyd's iteration below it, and what is refused."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("weight_quantisation_3bit_own")
MODULE = TASK.evaluate.func.__globals__
# The dynamic program with the levels traced back.
OPTIMAL = """
import numpy as np

def codebook(weights, levels):
    books = []
    for w in np.sort(weights, axis=1):
        n = len(w)
        a, b = np.append(0, np.cumsum(w)), np.append(0, np.cumsum(w ** 2))
        length = np.arange(n + 1) - np.arange(n + 1)[:, None]
        error = np.where(length > 0, b - b[:, None] - (a - a[:, None]) ** 2 / np.maximum(length, 1), np.inf)
        best = np.append(0, np.full(n, np.inf))
        steps = []
        for k in range(levels):
            total = best[:, None] + error
            steps.append(total.argmin(axis=0))
            best = total.min(axis=0)
        book, end = [], n
        for step in reversed(steps):
            book.append(w[step[end]:end].mean())
            end = step[end]
        books.append(book)
    return np.array(books)
"""
LLOYD = """
import numpy as np

def codebook(weights, levels):
    books = np.quantile(weights, (np.arange(levels) + 0.5) / levels, axis=1).T
    for step in range(30):
        near = np.abs(weights[:, :, None] - books[:, None]).argmin(axis=2)[:, :, None] == np.arange(levels)
        count = near.sum(axis=1)
        books = np.where(count > 0, (near * weights[:, :, None]).sum(axis=1) / np.maximum(count, 1), books)
    return books
"""


def test_the_optimum_is_that_of_all_partitions():
  weights = np.array([MODULE["draw"](seed, 9) for seed in range(5)])
  for w, best in zip(weights, MODULE["least_error"](weights, 3), strict=True):
    w = np.sort(w)
    slow = min(sum(((part - part.mean()) ** 2).sum() for part in np.split(w, cuts))
               for cuts in itertools.combinations(range(1, 9), 2))
    assert best == pytest.approx(slow, rel=1e-9)


@pytest.mark.parametrize("bits", MODULE["LEVELS"])
def test_the_optimum_scores_one_and_lloyd_less(bits, run):
  task = core.load(f"weight_quantisation_{bits}bit_own")
  assert 1 - 1e-9 < run(task, OPTIMAL).value <= task.best_known == 1
  assert task.baseline < run(task, LLOYD).value < 1


def test_levels_must_be_numbers(judge):
  books = np.zeros((40, 8))
  assert 0 < judge(TASK, books).value < 0.2  # all weights become 0
  books[3, 2] = np.nan
  with pytest.raises(core.Invalid, match=r"codebook\[3, 2\] is nan"):
    judge(TASK, books)
  with pytest.raises(core.Invalid, match=r"shape \(40, 9\), expected \(40, 8\)"):
    judge(TASK, np.zeros((40, 9)))
