"""Network layout: a tree of pipes from many houses to one plant, where shared pipes are cheaper. Solver shape.

Our own instances of tree-shaped single-sink buy-at-bulk network design with cost length * sqrt(flow).
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

HOUSES = {"search": 40, "full": 120}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Every house needs a connection to a plant. Each house has one pipe, to the plant or to another house, \
which passes on all that it gets.

Write `layout(points)`. It is called once per instance. points is an array of shape (n + 1, 2): point 0 is the plant, \
points 1 to n are the houses; n = 40 (120 at full fidelity); coordinates are from 0 to 1. Return n integers: the point \
(0 to n) to which the pipe of house 1, 2, ..., n leads.

Each house sends one unit. A pipe costs its length times the square root of the number of units that flow through it.

Invalid: another length, numbers that are not whole or not from 0 to n, a pipe from a house to itself, a house from \
which the pipes do not lead to the plant.

Score: cost of the greedy tree / your cost, mean over hidden instances; the greedy tree joins each house to the \
nearest point that is closer to the plant. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU in \
all."""

BRIEF = "Choose for each house where its pipe leads, a tree to point 0. Maximise greedy cost / cost."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> np.ndarray:
  """Points [instances, n + 1, 2]: villages and single houses."""
  found = []
  for seed in seeds:
    rng = np.random.default_rng(seed)
    villages = rng.uniform(0.1, 0.9, (int(rng.integers(2, 7)), 2))
    near = villages[rng.integers(0, len(villages), n + 1)] + rng.normal(0, 0.06, (n + 1, 2))
    found.append(np.where(rng.random((n + 1, 1)) < 0.5, near.clip(0, 1), rng.uniform(0, 1, (n + 1, 2))))
    found[-1][0] = rng.uniform(0, 1, 2)
  points = np.stack(found)
  points.setflags(write=False)
  return points


def cost(points: np.ndarray, result: object) -> float:
  """Cost of a returned tree for points [n + 1, 2]."""
  n = len(points) - 1
  parent = [0, *checks.array(result, (n,), dtype=int, low=0, high=n, name="pipe").tolist()]
  children: list[list[int]] = [[] for _ in parent]
  for house in range(1, n + 1):
    if parent[house] == house:
      raise core.Invalid(f"the pipe of house {house} leads to itself")
    children[parent[house]].append(house)
  order = [0]
  for house in order:  # grows from the plant
    order += children[house]
  if len(order) != n + 1:
    lost = next(house for house in range(n + 1) if house not in set(order))
    raise core.Invalid(f"the pipes from house {lost} do not lead to the plant, nor do those of {n - len(order)} others")
  flow = np.ones(n + 1)
  for house in reversed(order[1:]):
    flow[parent[house]] += flow[house]
  return float((np.hypot(*(points - points[parent]).T) * np.sqrt(flow))[1:].sum())


def greedy(points: np.ndarray) -> np.ndarray:
  """Tree [n] of points [n + 1, 2] in which every pipe is the shortest that leads closer to the plant."""
  away = np.hypot(*(points - points[0]).T)
  length = np.hypot(*(points[1:, None] - points).transpose(2, 0, 1))
  return np.where(away[1:, None] > away, length, np.inf).argmin(axis=1)


def evaluate(session: core.Session) -> core.Score:
  values = []
  for place, points in enumerate(instances(PUBLIC_SEEDS + tuple(session.seeds("houses", HIDDEN)),
                                           HOUSES[session.fidelity])):
    try:
      found = cost(points, session.call("layout", points.copy()))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
    values.append(cost(points, greedy(points)) / (found * (1 + checks.MARGIN)))
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="network_layout_own", family="network_layout", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="layout", direction="max",
        baseline=0.83, best_known=1.095, source="our own reference: annealing of single pipes",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.07)
]
