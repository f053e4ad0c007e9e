"""Compressive sensing: the oracle is the bound, a reference comes part of the way, instances are as stated."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("compressive_sensing_own")
MODULE = TASK.evaluate.__globals__
# Reweighted least squares towards sparse vectors, then least squares on the places that are left.
REFERENCE = """
import numpy as np

def recover(A, y):
    return np.stack([one(a, b) for a, b in zip(A, y)])

def one(a, b):
    m, n = a.shape
    x, width = a.T @ np.linalg.solve(a @ a.T, b), 1.0
    for step in range(40):
        w = (x * x + width * width) ** 0.75
        x = w * (a.T @ np.linalg.solve((a * w) @ a.T + 1e-4 * np.eye(m), b))
        width = max(0.01, 0.85 * width)
    keep = np.flatnonzero(np.abs(x) > 0.03)
    if len(keep) < 0.7 * m:
        x = np.zeros(n)
        x[keep] = np.linalg.lstsq(a[:, keep], b, rcond=None)[0]
    return x
"""


def oracle(sizes, seeds):
  matrix, y, x = MODULE["data"](seeds, *sizes)
  result = np.zeros(x.shape)
  for row, a, b, true in zip(result, matrix, y, x, strict=True):
    row[true != 0] = np.linalg.lstsq(a[:, true != 0], b, rcond=None)[0]
  return result


def test_the_oracle_is_the_best_known_value(judge, hidden_seeds):
  seeds = (*range(8), *hidden_seeds("vectors", 32))
  assert judge(TASK, lambda a, y: oracle((40, 100), seeds)).value == pytest.approx(TASK.best_known, abs=0.15)
  full = judge(TASK, lambda a, y: oracle((80, 256), seeds), fidelity="full")
  assert full.value == pytest.approx(TASK.best_known, abs=0.2) and full.metrics["recovered"] == 1


def test_the_mean_of_the_oracle_over_draws(judge):
  seeds = tuple(range(1000, 1400))
  x = MODULE["data"](seeds, 40, 100)[2]
  error = ((oracle((40, 100), seeds) - x) ** 2).sum(axis=1) / (x**2).sum(axis=1)
  assert -np.log10(np.clip(error, 1e-5, 10)).mean() == pytest.approx(TASK.best_known, abs=0.02)


def test_a_reference_lies_between_the_seed_program_and_the_oracle(run):
  score = run(TASK, REFERENCE)
  assert TASK.baseline + 1 < score.value < TASK.best_known
  assert run(TASK, REFERENCE, fidelity="full").value > TASK.baseline + 1


def test_instances_are_what_the_statement_says():
  matrix, y, x = MODULE["data"](tuple(range(100)), 40, 100)
  count = (x != 0).sum(axis=1)
  assert count.min() >= 8 and count.max() <= 18
  assert matrix.std() == pytest.approx(40**-0.5, rel=0.01)
  assert (y - np.einsum("bmn,bn->bm", matrix, x)).std() == pytest.approx(0.01, rel=0.05)


def test_ends_of_the_scale(judge, hidden_seeds):
  x = MODULE["data"]((*range(8), *hidden_seeds("vectors", 32)), 40, 100)[2]
  assert judge(TASK, lambda a, y: x).value == 5
  assert judge(TASK, lambda a, y: 0 * x).value == 0
  assert judge(TASK, lambda a, y: 0 * x + 1e200).value == -1


@pytest.mark.parametrize("result, message", [
    (np.zeros((40, 99)), r"shape \(40, 99\)"), (np.full((40, 100), np.nan), "is nan"), (None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
