"""Inventory policy: how much to order at each stock level under random demand. Solver shape, values without noise.

Costs of a policy are expectations of a Markov chain, solved exactly, and the optimum comes from policy iteration: no
simulation is involved. Shops (demand distribution and costs) come from hidden seeds.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

LEVELS = {"search": (-20, 40, 16), "full": (-30, 60, 24)}  # least and largest stock, largest demand plus one
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 40
DISCOUNT = 0.95

STATEMENT = """A shop may order any quantity at the start of each day, which arrives at once; an order costs `fixed`, \
whatever its size. Then the demand of the day is drawn. Stock that is left costs `holding` per piece, missing pieces \
(negative stock) cost `shortage` per piece. Later days are discounted by 0.95 a day, for ever.

Write `order(stock, demand, holding, shortage, fixed)`. It is called once for B = {instances} shops. `stock`, shape \
(1, S): all stock levels from {low} to {high}. `demand`, shape (B, D): the probability of each demand from 0 to D - 1 \
= {last}. The costs have shape (B, 1). Return an array (B, S): the quantity to order at each stock level; it is \
rounded, and cut so that stock stays from {low} to {high}. Demand that would lead below {low} is lost at the same \
cost.

Invalid: another shape, a number that is not finite and real, a negative quantity.

Score: percent by which the expected cost, starting with no stock, exceeds that of the optimal policy, averaged over \
hidden shops; lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Return the quantity to order (B, S) at each stock level, given demand probabilities and holding, shortage "
         "and fixed costs. Minimise expected cost.")


def draw(seed: int, sizes: int) -> tuple[np.ndarray, list[float]]:
  """Demand probabilities [sizes] and the costs [holding, shortage, fixed] of one shop."""
  rng = np.random.default_rng([seed, sizes])
  d = np.arange(sizes)
  mean = rng.uniform(0.15, 0.5) * sizes
  weights = np.exp(-((d - mean) ** 2) / (2 * (rng.uniform(0.2, 0.5) * mean) ** 2 + 1))
  weights[0] += rng.uniform(0, 0.4) * weights.sum()  # days without customers
  if rng.random() < 0.5:
    weights[-1 - rng.integers(3)] += rng.uniform(0, 0.15) * weights.sum()  # one large customer
  holding = rng.uniform(0.5, 1.5)
  return weights / weights.sum(), [holding, holding * rng.uniform(2, 12), holding * mean * rng.uniform(0.5, 6)]


def chain(demand: np.ndarray, costs: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
  """Of each stock level after ordering: cost of the day [B, S], and transitions of a day [B, S, S]."""
  stock = np.arange(low, high + 1)
  left = stock[:, None] - np.arange(demand.shape[1])  # [S, D]
  holding, shortage = costs[:, :1, None], costs[:, 1:2, None]
  day = ((holding * np.maximum(left, 0) + shortage * np.maximum(-left, 0)) * demand[:, None]).sum(axis=2)
  moves = np.zeros((len(demand), len(stock), len(stock)))
  target = np.maximum(left, low) - low
  for d in range(demand.shape[1]):
    moves[:, np.arange(len(stock)), target[:, d]] += demand[:, d:d + 1]
  return day, moves


def cost_of(level: np.ndarray, day: np.ndarray, moves: np.ndarray, fixed: np.ndarray) -> np.ndarray:
  """Expected discounted cost [B, S] from each stock level, of the policy that orders up to index level [B, S]."""
  rows, stock = np.arange(len(level))[:, None], np.arange(level.shape[1])
  once = day[rows, level] + fixed[:, None] * (level > stock)
  system = np.eye(len(stock)) - DISCOUNT * moves[rows, level]
  return np.linalg.solve(system, once[:, :, None])[:, :, 0]


def optimum(day: np.ndarray, moves: np.ndarray, fixed: np.ndarray) -> np.ndarray:
  """Least expected cost [B, S], by policy iteration."""
  stock = np.arange(day.shape[1])
  value = np.zeros_like(day)
  level = np.broadcast_to(stock, day.shape)
  allowed = stock >= stock[:, None]  # [from, to]
  for _ in range(50):
    after = day + DISCOUNT * np.einsum("bst,bt->bs", moves, value)
    choice = np.where(allowed, after[:, None] + fixed[:, None, None] * (stock > stock[:, None]), np.inf)
    new = choice.argmin(axis=2)
    if (new == level).all():
      break
    level = new
    value = cost_of(level, day, moves, fixed)
  return value


@functools.lru_cache(maxsize=4)
def shops(seeds: tuple[int, ...], low: int, high: int, sizes: int) -> tuple[np.ndarray, ...]:
  """demand [B, D], costs [B, 3], day [B, S], moves [B, S, S], least cost from no stock [B]."""
  drawn = [draw(seed, sizes) for seed in seeds]
  demand, costs = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
  day, moves = chain(demand, costs, low, high)
  arrays = demand, costs, day, moves, optimum(day, moves, costs[:, 2])[:, -low]
  for a in arrays:
    a.setflags(write=False)
  return arrays


def evaluate(session: core.Session) -> core.Score:
  low, high, sizes = LEVELS[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("shops", HIDDEN))
  demand, costs, day, moves, best = shops(seeds, low, high, sizes)
  stock = np.arange(low, high + 1)
  result = session.call("order", stock[None].copy(), demand.copy(), *(costs[:, i:i + 1].copy() for i in range(3)))
  quantity = checks.array(result, day.shape, low=0, name="quantity")
  level = np.rint(np.minimum(np.arange(len(stock)) + quantity, len(stock) - 1)).astype(np.int64)
  value = cost_of(level, day, moves, costs[:, 2])[:, -low]
  values = 100 * np.maximum(value / best - 1, 0) + checks.MARGIN
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "worst": float(hidden.max())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="inventory_policy_own", family="inventory_policy", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, low=LEVELS["search"][0],
                                   high=LEVELS["search"][1], last=LEVELS["search"][2] - 1),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="order", direction="min",
        baseline=58.3, spread=10.0, best_known=0.0, source="the optimum, by policy iteration",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
