"""Capacitated vehicle routing: an order of the customers, which the evaluation cuts into routes. Solver shape.

Every set of routes is some order of the customers, and the best cut of an order is found exactly (Beasley 1983), so
that orders lose nothing. Instances are ours, from hidden seeds; lengths are compared with the savings rule of Clarke
and Wright (1964), which the evaluation runs itself.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

CUSTOMERS = {"search": 25, "full": 100}
CAPACITY = 60
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (words, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "center": ("uniform in the unit square, the depot is its centre", 0.6391, 1.017, 0.063),
    "corner": ("in 4 clusters, the depot is a corner of the unit square", 0.7384, 1.018, 0.045),
}

STATEMENT = """Vehicle routing. Vehicles of capacity {capacity} start at a depot, bring goods to customers, and \
return. Find routes of small total length that serve every customer once. Customers are {words}.

Write `solve(depot, points, demand)` for {count} instances at once: `depot` has shape ({count}, 2), `points` ({count}, \
n, 2), `demand` ({count}, n), whole numbers from 1 to 20; n = 25 (100 at full fidelity). Return an array (or lists) of \
shape ({count}, n): row b is an order of the customers 0 to n - 1. The evaluation cuts the order into routes of total \
demand at most {capacity} in the best possible way.

Invalid: another shape, a number that is not an integer from 0 to n - 1, a customer that stands twice.

Score: length of the routes of the savings rule (Clarke and Wright) over yours, averaged over {hidden} hidden \
instances; {public} are public. Higher is better; above 1 the routes beat the rule.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Order the customers of a depot; the order is cut into routes. Maximise the savings rule's length over yours."


def draw(kind: str, seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Depot [2], customers [n, 2] and demands [n]."""
  rng = np.random.default_rng(seed)
  demand = rng.integers(1, 21, n)
  if kind == "center":
    return np.full(2, 0.5), rng.random((n, 2)), demand
  centres = rng.uniform(0.2, 0.9, (4, 2))
  return np.zeros(2), np.clip(centres[rng.integers(4, size=n)] + rng.normal(0, 0.08, (n, 2)), 0, 1), demand


def lengths(depot: np.ndarray, points: np.ndarray, demand: np.ndarray, orders: np.ndarray) -> np.ndarray:
  """Length [B] of the best cut of orders [B, n] into routes.

  best[i] is the least length that serves the first i customers; a route from i to j costs its way out, along and home.
  """
  rows = np.arange(len(orders))[:, None]
  visited = points[rows, orders]
  home = np.linalg.norm(visited - depot[:, None], axis=2)
  along = np.pad(np.linalg.norm(np.diff(visited, axis=1), axis=2), ((0, 0), (1, 0))).cumsum(axis=1)
  load = np.pad(demand[rows, orders].cumsum(axis=1), ((0, 0), (1, 0)))
  n = orders.shape[1]
  best = np.zeros((len(orders), n + 1))
  for j in range(1, n + 1):
    begin = slice(max(0, j - CAPACITY), j)  # demands are 1 at least
    cost = best[:, begin] + home[:, begin] + along[:, j - 1:j] - along[:, begin] + home[:, j - 1:j]
    best[:, j] = np.where(load[:, j:j + 1] - load[:, begin] <= CAPACITY, cost, np.inf).min(axis=1)
  return best[:, -1]


def savings(depot: np.ndarray, points: np.ndarray, demand: np.ndarray) -> list[int]:
  """Order of the customers by the savings rule: routes are joined at their ends where that saves most."""
  n = len(points)
  home = np.linalg.norm(points - depot, axis=1)
  gain = home[:, None] + home - np.linalg.norm(points[:, None] - points, axis=2)
  first, second = np.triu_indices(n, 1)
  routes = {i: [i] for i in range(n)}
  route_of, load = list(range(n)), demand.tolist()
  for k in np.argsort(-gain[first, second], kind="stable"):
    i, j = int(first[k]), int(second[k])
    a, b = route_of[i], route_of[j]
    if a == b or load[a] + load[b] > CAPACITY or i not in (routes[a][0], routes[a][-1]) or (
        j not in (routes[b][0], routes[b][-1])):
      continue
    left = routes[a] if routes[a][-1] == i else routes[a][::-1]
    right = routes.pop(b)
    routes[a] = left + (right if right[0] == j else right[::-1])
    load[a] += load[b]
    for customer in right:
      route_of[customer] = a
  return [customer for route in routes.values() for customer in route]


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Depots [B, 2], customers [B, n, 2], demands [B, n] and lengths of the savings rule [B]."""
  drawn = [draw(kind, seed, n) for seed in seeds]
  parts = tuple(np.stack(part) for part in zip(*drawn, strict=True))
  for part in parts:
    part.setflags(write=False)
  return *parts, lengths(*parts, np.array([savings(*each) for each in drawn]))


def evaluate(session: core.Session, kind: str) -> core.Score:
  seeds = PUBLIC + tuple(session.seeds(kind, HIDDEN))
  depot, points, demand, rule = instances(kind, seeds, CUSTOMERS[session.fidelity])
  result = session.call("solve", depot.copy(), points.copy(), demand.copy())
  orders = checks.permutations(result, *demand.shape, name="orders")
  values = (1 - checks.MARGIN) * rule / lengths(depot, points, demand, orders)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"vehicle_routing_{kind}_own", family="vehicle_routing", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, capacity=CAPACITY, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC),
                                   hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference: reversals and moves of parts of an order, annealed",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
