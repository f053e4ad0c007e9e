"""Dynamic pricing: the best prices from calculus, sales that follow the curve, a learner, and what is refused."""

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASK = core.load("dynamic_pricing_own")
MODULE = TASK.evaluate.__globals__
# Explores a ladder of prices, then takes the best of the logistic and exponential curves fitted by moments of sales.
LEARNER = """
import numpy as np

def price(day, prices, sold):
    if day < 5:
        return np.full(len(prices), (2.0, 4.0, 1.0, 6.0, 3.0)[day])
    grid = np.exp(np.linspace(np.log(0.3), np.log(9), 40))
    p, s = prices[:, :day, None], sold[:, :day, None] / 20
    best = np.zeros((len(prices), 40))
    for level in np.exp(np.linspace(np.log(0.6), np.log(6), 14)):
        for curve in (lambda x: np.clip(1 - x / (2 * level), 0, 1), lambda x: np.exp(-x / level),
                      lambda x: 1 / (1 + np.exp(np.clip(4 * (x / level - 1), -50, 50)))):
            error = ((curve(p) - s) ** 2).sum(axis=(1, 2))
            best += np.exp(-60 * error)[:, None] * grid * curve(grid)
    return grid[best.argmax(axis=1)]
"""


def arrays(hidden_seeds):
  return MODULE["shops"](MODULE["PUBLIC_SEEDS"] + tuple(hidden_seeds("shops", MODULE["HIDDEN"])), 30)


def test_the_best_fixed_prices_have_value_one(judge, hidden_seeds):
  """Prices from a continuous search on the curves, written again; linear demand is best at its level."""
  kind, level, slope, best, *_ = arrays(hidden_seeds)
  curves = (lambda p, m, s: max(0, 1 - p / (2 * m)), lambda p, m, s: 1 / (1 + np.exp(s * (p / m - 1))),
            lambda p, m, s: np.exp(-p / m))
  prices = [optimize.minimize_scalar(lambda p, c=curves[k], m=m, s=s: -p * c(p, m, s), bounds=(0.1, min(10, 2 * m)),
                                     method="bounded", options={"xatol": 1e-6}).x
            for k, m, s in zip(kind, level, slope, strict=True)]
  assert judge(TASK, np.array(prices)).value == pytest.approx(TASK.best_known, abs=1e-4)
  assert np.allclose(np.array(prices)[kind == 0], level[kind == 0], atol=1e-3) and (kind == 0).any()
  assert judge(TASK, 0.8 * np.array(prices)).value < 0.99


def test_sales_follow_the_curve(judge, hidden_seeds):
  kind, level, slope, *_ = arrays(hidden_seeds)
  seen = []
  judge(TASK, lambda day, prices, sold: seen.append((prices, sold)) or np.full(len(prices), 2.0))
  prices, sold = seen[-1]
  assert (prices[:, :29] == 2).all() and (sold[:, 29] == 0).all() and (prices[:, 29] == 0).all()
  chance = MODULE["chance"](2.0, kind, level, slope)
  z = (sold[:, :29].mean(axis=1) - 20 * chance) / np.sqrt(20 * chance / 29 + 1e-6)
  assert abs(z.mean()) < 0.5 and 0.7 < z.std() < 1.3


def test_a_learner_lies_between_seed_and_bound(run):
  assert TASK.baseline + 0.1 < run(TASK, LEARNER).value < 1


def test_prices_are_checked_and_clipped(judge):
  with pytest.raises(core.Invalid, match=r"price\[0\] is nan"):
    judge(TASK, np.full(72, np.nan))
  with pytest.raises(core.Invalid, match=r"shape \(71,\)"):
    judge(TASK, np.zeros(71))
  assert judge(TASK, np.full(72, 1e300)).value == judge(TASK, np.full(72, 10.0)).value
  assert 0 < judge(TASK, np.full(72, -5.0)).value == judge(TASK, np.full(72, 0.1)).value
