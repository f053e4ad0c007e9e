"""Delivery pairs: a short round trip that carries out some of many orders. Solver shape, C++.

Idea: AtCoder Heuristic Contest 6, with our own statement, sizes and generator.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIZES = {"search": (40, 10), "full": (600, 50)}  # orders, orders to carry out
SIDE = 1000
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Of n orders, choose m and carry them out on one round trip from the depot at (500, 500) and back. An \
order is to fetch something at (a, b) and to bring it to (c, d), later on the same trip; any number of things can be \
carried at once. The way from (x, y) to (u, v) is |x - u| + |y - v| long.

Write a C++17 program. On standard input: the number of instances, then for each one n and m (40 10; 600 50 at full \
fidelity) and n lines `a b c d` with coordinates from 0 to 1000. On standard output: one line per instance with 2m \
numbers, the orders (0 to n - 1) in sequence of stops: the first time an order is named is its fetching, the second \
its delivery.

Invalid: another number of lines or numbers, an order that does not exist, one that is not named exactly twice.

Score: 1000 * sqrt(m) / length of the trip, mean over hidden instances. Higher is better.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: choose m of n pickup and delivery orders and name them in the sequence of stops. Maximise 1 / length."


def draw(seed: int, n: int) -> np.ndarray:
  """Orders [n, 4]: towns attract both ends."""
  rng = np.random.default_rng(seed)
  towns = rng.uniform(0, SIDE, (int(rng.integers(3, 8)), 2))
  near = rng.normal(towns[rng.integers(0, len(towns), 2 * n)], 100)
  ends = np.where(rng.random((2 * n, 1)) < 0.5, near, rng.uniform(0, SIDE, (2 * n, 2)))
  return np.rint(ends).clip(0, SIDE).astype(np.int64).reshape(n, 4)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int, m: int) -> tuple[np.ndarray, str]:
  """Orders [instances, n, 4], and the text that a candidate reads."""
  orders = np.stack([draw(seed, n) for seed in seeds])
  orders.setflags(write=False)
  rows = [str(len(seeds))]
  for one in orders:
    rows += [f"{n} {m}", *(" ".join(map(str, row)) for row in one.tolist())]
  return orders, "\n".join(rows) + "\n"


def length(orders: np.ndarray, stops: np.ndarray) -> int:
  """Length of the trip that calls at `stops`. Raises Invalid, without the number of the instance."""
  counts = np.bincount(stops, minlength=len(orders))
  bad = np.flatnonzero((counts != 0) & (counts != 2))
  if len(bad):
    raise core.Invalid(f"order {bad[0]} is named {counts[bad[0]]} times, expected 2")
  at, seen, total = (SIDE // 2, SIDE // 2), set(), 0
  for order in stops.tolist():
    place = orders[order, 2:] if order in seen else orders[order, :2]
    seen.add(order)
    total += abs(int(place[0]) - at[0]) + abs(int(place[1]) - at[1])
    at = int(place[0]), int(place[1])
  return total + abs(at[0] - SIDE // 2) + abs(at[1] - SIDE // 2)


def evaluate(session: core.Session) -> core.Score:
  n, m = SIZES[session.fidelity]
  orders, given = instances(PUBLIC_SEEDS + tuple(session.seeds("orders", HIDDEN)), n, m)
  rows = text.integers(session.call("main", given), len(orders), range(2 * m, 2 * m + 1), 0, n - 1)
  values = []
  for place, row in enumerate(rows):
    try:
      values.append(1000 * m**0.5 / max(1, length(orders[place], row)))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="delivery_pairs_own", family="delivery_pairs", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(), language="cpp", entry="main",
        direction="max", baseline=0.682, best_known=1.09,
        source="our own reference: annealing of sequence and choice",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=10.0, wall_seconds=100.0), evaluate=evaluate, spread=0.16)
]
