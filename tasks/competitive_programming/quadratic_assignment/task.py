"""Quadratic assignment: facilities with flows to the cells of a grid, by total flow times distance. Solver shape.

The flows are made so that the hidden assignment is optimal: starting from one constant flow F, each of many triples of
cells a, b, c with d(a, b) + d(b, c) = d(a, c) adds w to the flows of (a, b) and (b, c) and takes w from (a, c). By the
triangle inequality every assignment costs at least F times the sum of all distances, and the hidden one costs that.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIDE = {"search": 4, "full": 8}  # of the grid
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Assign n facilities to n places, one to each, so that facilities with much flow between them are close \
to each other.

Write `assign(flow, distance)`. It is called once per instance. Both arguments are symmetric integer arrays of shape \
(n, n) with zeros on the diagonal: flow between facilities and distance between places (city-block distances of a \
square grid); n = 16 (64 at full fidelity). Return n integers: place[i] is the place of facility i.

Cost: the sum over all i, j of flow[i, j] * distance[place[i], place[j]].

Invalid: another length, numbers that are not whole or not from 0 to n - 1, a place that is used twice.

Score: (mean - cost) / (mean - least), where mean is the average cost of all assignments and least the optimal cost; \
averaged over hidden instances. Higher is better; 1 is optimal, 0 is no better than chance.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = ("Quadratic assignment: a place for each facility, given flow (n, n) and distance (n, n). Maximise how far the "
         "cost lies below chance.")


def draw(seed: int, side: int) -> tuple[np.ndarray, np.ndarray, int]:
  """Flow [n, n], distance [n, n] and the least cost."""
  rng = np.random.default_rng(seed)
  cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
  n = side * side
  distance = np.abs(cells[:, None] - cells).sum(axis=2)
  flow = np.zeros((n, n), np.int64)
  a, b, c = rng.integers(0, n, (3, 40 * n))
  straight = (distance[a, b] + distance[b, c] == distance[a, c]) & (distance[a, b] > 0) & (distance[b, c] > 0)
  for i, j, k in np.column_stack([a, b, c])[straight][:6 * n].tolist():
    w = int(rng.integers(1, 10))
    for p, q, change in ((i, j, w), (j, k, w), (i, k, -w)):
      flow[p, q] += change
      flow[q, p] += change
  base = int(-flow.min())
  flow += base * (1 - np.eye(n, dtype=np.int64))
  order = rng.permutation(n)
  return flow[np.ix_(order, order)], distance, base * int(distance.sum())


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], side: int) -> tuple[tuple[np.ndarray, np.ndarray, int], ...]:
  found = tuple(draw(seed, side) for seed in seeds)
  for flow, distance, _ in found:
    flow.setflags(write=False)
    distance.setflags(write=False)
  return found


def cost(flow: np.ndarray, distance: np.ndarray, result: object) -> int:
  """Cost of a returned assignment."""
  n = len(flow)
  place = checks.array(result, (n,), dtype=int, low=0, high=n - 1, name="place")
  counts = np.bincount(place, minlength=n)
  if counts.max() > 1:
    raise core.Invalid(f"place {counts.argmax()} is used {counts.max()} times")
  return int((flow * distance[np.ix_(place, place)]).sum())


def evaluate(session: core.Session) -> core.Score:
  values = []
  for place, (flow, distance, least) in enumerate(instances(
      PUBLIC_SEEDS + tuple(session.seeds("flows", HIDDEN)), SIDE[session.fidelity])):
    n = len(flow)
    mean = flow.sum() * distance.sum() / (n * (n - 1))
    try:
      values.append(float((mean - cost(flow, distance, session.call("assign", flow.copy(), distance.copy()))) /
                          (mean - least)))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="quadratic_assignment_own", family="quadratic_assignment", domain="competitive_programming",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="assign",
        direction="max", baseline=0.284, best_known=1.0,
        source="planted: the hidden assignment is optimal by the triangle inequality",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.12)
]
