"""Join ordering: a left-deep order of relations with small intermediate results. Solver shape, exact optimum.

The cost of a plan is the number of rows of all its intermediate results under independent selectivities; the optimum
over all left-deep orders, cross products included, comes from dynamic programming over subsets. Queries are ours.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

RELATIONS = {"search": 9, "full": 12}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 40
# Shape of the join graph: (mean value of the seed program over hidden seeds, bound of its distance from that).
GRAPHS = {"chain": (3.53, 0.45), "star": (5.11, 0.6), "random": (2.95, 0.7)}

STATEMENT = """A database joins N relations one after another: it begins with one relation, and each step joins one \
more to the result so far. Relation i has rows[i] rows, and a pair i, j has selectivity[i, j] (1 where no predicate \
links them). The result of a set of relations has as many rows as the product of their sizes and of the selectivities \
of all pairs in it. The cost of an order is the sum of these numbers over the results of the first 2, 3, ..., N \
relations.

Write `order(rows, selectivity)`. It is called once for B = {instances} queries, with arrays of shape (B, N) and (B, \
N, N) (symmetric, diagonal 1). Return integers (B, N): for each query the relations in order, each once. The join \
graphs are {graph}. N = {search} ({full} at full fidelity).

Invalid: another shape, a row that is no permutation of 0 to N - 1.

Score: mean over hidden queries of log10(cost / optimal cost); lower is better, 0 is the optimum.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Order N relations for left-deep joins, given rows (B, N) and selectivity (B, N, N). Minimise the log10 "
         "excess of intermediate rows.")
WORDS = {"chain": "chains", "star": "stars with some further predicates", "random": "random and connected"}


def draw(seed: int, count: int, graph: str) -> tuple[np.ndarray, np.ndarray]:
  """Rows [count] and selectivities [count, count] of one query, in random order of the relations."""
  rng = np.random.default_rng([seed, count])
  rows = np.rint(10 ** rng.uniform(1, 5, count))
  edges = {(i - 1, i) for i in range(1, count)} if graph == "chain" else {(0, i) for i in range(1, count)}
  if graph == "random":
    edges = {(int(rng.integers(i)), i) for i in range(1, count)}
  if graph == "star":
    rows[0] = 10 ** rng.uniform(5, 6)
  if graph != "chain":
    edges |= {tuple(sorted(map(int, rng.choice(count, 2, replace=False)))) for _ in range(count // 3)}
  selectivity = np.ones((count, count))
  for i, j in sorted(edges):
    # Between a key and its references, and stronger or weaker filters.
    selectivity[i, j] = selectivity[j, i] = min(0.5, 10 ** rng.uniform(-1, 1) / max(rows[i], rows[j]))
  shuffle = rng.permutation(count)
  return rows[shuffle], selectivity[shuffle][:, shuffle]


def optimum(rows: np.ndarray, selectivity: np.ndarray) -> np.ndarray:
  """Least cost [B] over all orders, by dynamic programming over subsets."""
  count = rows.shape[1]
  size = np.ones((1 << count, len(rows)))
  best = np.zeros((1 << count, len(rows)))
  for subset in range(1, 1 << count):
    members = [i for i in range(count) if subset >> i & 1]
    rest = subset & (subset - 1)  # without its lowest member
    low, others = members[0], members[1:]
    size[subset] = size[rest] * rows[:, low] * selectivity[:, low, others].prod(axis=1)
    if others:
      best[subset] = size[subset] + best[[subset ^ (1 << i) for i in members]].min(axis=0)
  return best[-1]


@functools.lru_cache(maxsize=8)
def queries(seeds: tuple[int, ...], count: int, graph: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Rows [instances, N], selectivities [instances, N, N] and optimal costs [instances]."""
  drawn = [draw(seed, count, graph) for seed in seeds]
  rows, selectivity = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
  arrays = rows, selectivity, optimum(rows, selectivity)
  for a in arrays:
    a.setflags(write=False)
  return arrays


def cost(plans: np.ndarray, rows: np.ndarray, selectivity: np.ndarray) -> np.ndarray:
  """Rows of all intermediate results [B] of the orders [B, N]."""
  b = np.arange(len(plans))
  total, size = np.zeros(len(plans)), rows[b, plans[:, 0]]
  for step in range(1, plans.shape[1]):
    new = plans[:, step]
    size = size * rows[b, new] * selectivity[b[:, None], new[:, None], plans[:, :step]].prod(axis=1)
    total += size
  return total


def evaluate(session: core.Session, graph: str) -> core.Score:
  count = RELATIONS[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds("queries", HIDDEN))
  rows, selectivity, best = queries(seeds, count, graph)
  result = session.call("order", rows.copy(), selectivity.copy())
  plans = checks.array(result, rows.shape, dtype=int, low=0, high=count - 1, name="order")
  wrong = np.flatnonzero((np.sort(plans, axis=1) != np.arange(count)).any(axis=1))
  if len(wrong):
    raise core.Invalid(f"query {wrong[0]}: {plans[wrong[0]].tolist()} is no permutation of 0 to {count - 1}")
  values = np.maximum(np.log10(cost(plans, rows, selectivity) / best), 0) + checks.MARGIN
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "worst": float(hidden.max())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name=f"join_ordering_{graph}_own", family="join_ordering", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, graph=WORDS[graph], **RELATIONS), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="order", direction="min",
        baseline=baseline, spread=spread, best_known=0.0, source="the optimum, by dynamic programming over subsets",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, graph=graph))
    for graph, (baseline, spread) in GRAPHS.items()
]
