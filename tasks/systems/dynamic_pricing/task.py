"""Dynamic pricing: prices are set day by day while demand is learnt from sales. Policy shape.

Regret against the best fixed price, as in the bandit literature; the seller is credited with expected and not with
realised revenue, so that luck in sales does not count. Shops (three families of demand curves) come from hidden seeds.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

DAYS = {"search": 30, "full": 300}
LOW, HIGH = 0.1, 10.0
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 64

STATEMENT = """A shop sells one product and may set a new price every day. Each day about 20 customers come (the \
number is a Poisson draw); each buys with a probability that falls with the price, along a curve that differs from \
shop to shop and is not known: linear, logistic or exponential, with the best price between 0.5 and 7. Learn the curve \
from the sales and earn much from the first day on.

Write `price(day, prices, sold)`. It is called on {search} days ({full} at full fidelity), for B = {instances} shops \
at once. day counts from 0; prices and sold have shape (B, {search}) and hold the prices set and the numbers of pieces \
sold on earlier days, 0 from today on. Return the prices of today, shape (B,); they are clipped to 0.1 to 10.

Invalid: another shape, a number that is not finite and real.

Score: expected revenue at the prices set over that of the best fixed price, averaged over days and hidden shops; \
higher is better, 1 is a bound.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Set the price of each shop (B,) day by day, from earlier prices and sales (B, days), with unknown demand "
         "curves. Maximise expected revenue.")


def chance(price: np.ndarray, kind: np.ndarray, level: np.ndarray, slope: np.ndarray) -> np.ndarray:
  """Probability [...] that a customer buys; all arguments broadcast."""
  linear = np.clip(1 - price / (2 * level), 0, 1)
  logistic = 1 / (1 + np.exp(np.clip(slope * (price / level - 1.0), -50, 50)))
  return np.where(kind == 0, linear, np.where(kind == 1, logistic, np.exp(-price / level)))


@functools.lru_cache(maxsize=4)
def shops(seeds: tuple[int, ...], days: int) -> tuple[np.ndarray, ...]:
  """kind, level, slope, best revenue of a customer [B]; numbers [days, B] and draws [days, B, 60] of customers."""
  grid = np.linspace(LOW, HIGH, 4000)
  drawn = []
  for seed in seeds:
    rng = np.random.default_rng([seed, days])
    kind, level, slope = rng.integers(3), np.exp(rng.uniform(np.log(0.6), np.log(6))), rng.uniform(2, 8)
    best = (grid * chance(grid, kind, level, slope)).max()
    drawn.append((kind, level, slope, best, np.minimum(rng.poisson(20, days), 60), rng.random((days, 60))))
  arrays = [np.array(part) for part in zip(*drawn, strict=True)]
  arrays[4], arrays[5] = arrays[4].T.copy(), arrays[5].transpose(1, 0, 2).copy()
  for a in arrays:
    a.setflags(write=False)
  return tuple(arrays)


def evaluate(session: core.Session) -> core.Score:
  days = DAYS[session.fidelity]
  kind, level, slope, best, customers, wish = shops(PUBLIC_SEEDS + tuple(session.seeds("shops", HIDDEN)), days)
  prices, sold = np.zeros((2, len(kind), days))
  earned = np.zeros(len(kind))
  for day in range(days):
    result = session.call("price", day, prices.copy(), sold.copy())
    now = np.clip(checks.array(result, (len(kind),), name="price"), LOW, HIGH)
    buys = chance(now, kind, level, slope)
    earned += np.minimum(now * buys / best, 1)  # the best price is the best of a grid
    prices[:, day] = now
    # A customer buys where the hidden draw is below the probability: the same draws for every candidate.
    sold[:, day] = ((wish[day] < buys[:, None]) & (np.arange(60) < customers[day][:, None])).sum(axis=1)
  values = earned / days
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean()),
                                           "worst": float(hidden.min())}, instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="dynamic_pricing_own", family="dynamic_pricing", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, **DAYS), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="price", direction="max", baseline=0.391,
        spread=0.08, best_known=1.0, source="a bound: the best fixed price under the true curve from the first day",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
