"""Graph matching: align two graphs that were the same before edges were changed. Solver shape, planted alignment.

Idea: Frontier-CS, problem 180, with our own statement and generator.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": 24, "full": 100}  # vertices
NOISE = 0.08  # share of the edges that are replaced in each copy
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Two noisy copies of one random graph are given, the second with its vertices renumbered. Match the \
vertices so that many edges agree.

Write `match(a, b)`. It is called once per instance. a and b are symmetric 0/1 integer arrays of shape (n, n) with \
zeros on the diagonal; n = 24 (100 at full fidelity), about three in ten pairs are edges, and about one edge in twelve \
of each copy was moved elsewhere. Return n integers: vertex i of the first graph corresponds to vertex p[i] of the \
second.

Invalid: another length, numbers that are not whole or not from 0 to n - 1, a vertex that is used twice.

Score: common edges (pairs i, j with a[i, j] = b[p[i], p[j]] = 1) / the common edges of the true matching, at most 1; \
mean over hidden instances. Higher is better; 1 is reached by the true matching.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = "Match the vertices of two noisy copies of a graph, adjacency arrays (n, n). Maximise the common edges."


def noisy(rng: np.random.Generator, graph: np.ndarray) -> np.ndarray:
  """The graph [n, n] with some edges moved to other pairs."""
  rows, columns = np.triu_indices(len(graph), 1)
  pairs = graph[rows, columns].copy()
  count = int(round(NOISE * pairs.sum()))
  off, on = rng.choice(np.flatnonzero(pairs), count, False), rng.choice(np.flatnonzero(pairs == 0), count, False)
  pairs[off], pairs[on] = 0, 1
  changed = np.zeros_like(graph)
  changed[rows, columns] = pairs
  return changed + changed.T


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> tuple[tuple[np.ndarray, np.ndarray, int], ...]:
  """Of each instance both graphs [n, n], and the number of common edges of the true matching."""
  found = []
  for seed in seeds:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < 0.3, 1).astype(np.int64)
    a, b = noisy(rng, upper + upper.T), noisy(rng, upper + upper.T)
    common = int((a * b).sum()) // 2
    order = rng.permutation(n)
    b = b[np.ix_(order, order)]
    a.setflags(write=False)
    b.setflags(write=False)
    found.append((a, b, common))
  return tuple(found)


def common_edges(a: np.ndarray, b: np.ndarray, result: object) -> int:
  """Edges that a returned matching has in common."""
  n = len(a)
  p = checks.array(result, (n,), dtype=int, low=0, high=n - 1, name="p")
  counts = np.bincount(p, minlength=n)
  if counts.max() > 1:
    raise core.Invalid(f"vertex {counts.argmax()} of the second graph is used {counts.max()} times")
  return int((a * b[np.ix_(p, p)]).sum()) // 2


def evaluate(session: core.Session) -> core.Score:
  values = []
  for place, (a, b, common) in enumerate(instances(PUBLIC_SEEDS + tuple(session.seeds("graphs", HIDDEN)),
                                                   SIZES[session.fidelity])):
    try:
      values.append(min(1.0, common_edges(a, b, session.call("match", a.copy(), b.copy())) / common))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="graph_matching_own", family="graph_matching", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="match", direction="max",
        baseline=0.467, best_known=1.0, source="planted: the true matching, which no value exceeds",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.06)
]
