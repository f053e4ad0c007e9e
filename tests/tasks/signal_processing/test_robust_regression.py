"""Robust regression: the oracle is the bound, a robust reference comes near it, plain least squares does not."""

import numpy as np
import pytest
from scipy import stats

from eft_jax import core

TASK = core.load("robust_regression_own")
MODULE = TASK.evaluate.__globals__
LEAST_SQUARES = """
import numpy as np

def fit(X, y):
    return np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(X, y)])
"""
# Least trimmed squares from random subsets with concentration steps, then a redescending refit.
REFERENCE = """
import numpy as np

def fit(X, y):
    rng = np.random.default_rng(0)
    return np.stack([one(a, b, rng) for a, b in zip(X, y)])

def one(a, b, rng):
    n, d = a.shape
    sets = rng.random((60, n)).argsort(axis=1)[:, :d + 1]
    c = np.stack([np.linalg.lstsq(a[s], b[s], rcond=None)[0] for s in sets])
    for step in range(6):
        error = np.abs(b - c @ a.T)
        near = error <= np.sort(error, axis=1)[:, [int(0.6 * n)]]
        w = near.astype(float)
        gram = np.einsum("kn,ni,nj->kij", w, a, a) + 1e-9 * np.eye(d)
        c = np.linalg.solve(gram, ((w * b) @ a)[:, :, None])[:, :, 0]
    error = np.abs(b - c @ a.T)
    c = c[np.sort(error, axis=1)[:, :int(0.6 * n)].sum(axis=1).argmin()]
    for step in range(5):
        r = b - a @ c
        scale = np.sort(np.abs(r))[int(0.5 * n)] * 1.1 + 1e-9
        w = np.clip(1 - (r / (3.2 * scale)) ** 2, 0, 1) ** 2
        c = np.linalg.solve((a.T * w) @ a + 1e-9 * np.eye(d), (a.T * w) @ b)
    return c
"""


def oracle(sizes, seeds):
  x, y, _, good, _ = MODULE["data"](seeds, *sizes)
  return np.stack([np.linalg.lstsq(a[g], b[g], rcond=None)[0] for a, b, g in zip(x, y, good, strict=True)])


@pytest.mark.parametrize("fidelity, sizes", [("search", (50, 4)), ("full", (400, 10))])
def test_the_oracle_is_the_best_known_value(fidelity, sizes, run, judge, hidden_seeds):
  seeds = (*range(8), *hidden_seeds("data", 24))
  best = judge(TASK, lambda x, y: oracle(sizes, seeds), fidelity=fidelity).value
  assert best == pytest.approx(TASK.best_known, abs=0.15)
  assert run(TASK, LEAST_SQUARES, fidelity=fidelity).value < TASK.baseline + 0.2
  assert run(TASK, REFERENCE, fidelity=fidelity).value < best + 0.1


def test_the_mean_of_the_oracle_over_draws():
  """-log10 of a sum of squares over its expectation: near the mean of -log10(chi2(4) / 4)."""
  seeds = tuple(range(1000, 1400))
  _, _, true, _, expected = MODULE["data"](seeds, 50, 4)
  ratio = ((oracle((50, 4), seeds) - true) ** 2).sum(axis=1) / expected
  assert ratio.mean() == pytest.approx(1, abs=0.15)
  assert -np.log10(np.clip(ratio, 0.1, 1e4)).mean() == pytest.approx(TASK.best_known, abs=0.03)
  sample = stats.chi2(4).rvs(100_000, random_state=0) / 4
  assert -np.log10(np.clip(sample, 0.1, None)).mean() == pytest.approx(TASK.best_known, abs=0.05)


def test_the_reference_comes_near_the_bound(run):
  assert np.mean([run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]) > -0.35


def test_extreme_answers_have_the_stated_values(judge, hidden_seeds):
  assert judge(TASK, lambda x, y: np.full((32, 4), 1e200)).value == -4
  true = MODULE["data"]((*range(8), *hidden_seeds("data", 24)), 50, 4)[2]
  assert judge(TASK, lambda x, y: true).value == 1


def test_messages(judge):
  with pytest.raises(core.Invalid, match=r"fit has shape \(32, 3\), expected \(32, 4\)"):
    judge(TASK, lambda x, y: np.zeros((32, 3)))
  with pytest.raises(core.Invalid, match=r"fit\[0, 0\] is nan"):
    judge(TASK, lambda x, y: np.full((32, 4), np.nan))
