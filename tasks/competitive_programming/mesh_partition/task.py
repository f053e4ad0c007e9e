"""Mesh partition: planar triangle meshes into equal parts with few edges between them. Solver shape.

Idea: Frontier-CS, problem 45, with our own statement and generator. The yardstick is recursive bisection by
coordinates, which candidates do not see.
"""

import functools
import pathlib

import numpy as np
from scipy import spatial

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (120, 4), "full": (300, 8)}  # vertices, parts
SLACK = 1.05  # the largest part may have this many times its share
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Divide the vertices of a planar triangle mesh into k parts of about equal size, with few edges between \
different parts.

Write `divide(edges, n, k)`. It is called once per instance. edges is an integer array of shape (m, 2), the edges \
between vertices 0 to n - 1, each once; n = 120 and k = 4 (300 and 8 at full fidelity). The mesh is connected, its \
vertices are denser in some places than in others, and its coordinates are not given. Return n integers, the part (0 \
to k - 1) of each vertex.

Invalid: another length, numbers that are not whole or not from 0 to k - 1, a part with more than ceil(1.05 n / k) \
vertices.

Score: edges between parts that recursive bisection by the hidden coordinates needs / those of yours, mean over hidden \
instances. Higher is better; above 1 is better than that bisection.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = "Divide a mesh, edges (m, 2) on n vertices, into k equal parts. Maximise reference cut / cut."


def mesh(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
  """Random points [n, 2] in random order, and the edges [m, 2] of their Delaunay triangulation."""
  rng = np.random.default_rng(seed)
  centres = rng.uniform(0, 1, (3, 2))
  near = centres[rng.integers(0, 3, n // 2)] + rng.normal(0, 0.12, (n // 2, 2))
  points = rng.permutation(np.vstack([near, rng.uniform(0, 1, (n - n // 2, 2))]))
  corners = spatial.Delaunay(points).simplices
  edges = np.vstack([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
  edges = np.unique(np.sort(edges, axis=1), axis=0).astype(np.int64)
  return points, edges[rng.permutation(len(edges))]


def halved(points: np.ndarray, edges: np.ndarray, k: int) -> int:
  """Edges cut by recursive bisection at the median of the longer coordinate; k is a power of two."""
  parts = [np.arange(len(points))]
  while len(parts) < k:
    halves = []
    for part in parts:
      axis = int(np.ptp(points[part], axis=0).argmax())
      order = part[np.argsort(points[part, axis], kind="stable")]
      halves += [order[:len(order) // 2], order[len(order) // 2:]]
    parts = halves
  label = np.zeros(len(points), np.int64)
  for i, part in enumerate(parts):
    label[part] = i
  return int((label[edges[:, 0]] != label[edges[:, 1]]).sum())


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int, k: int) -> tuple[tuple[np.ndarray, int], ...]:
  """Edges of each mesh, and the cut of coordinate bisection."""
  found = []
  for seed in seeds:
    points, edges = mesh(seed, n)
    edges.setflags(write=False)
    found.append((edges, halved(points, edges, k)))
  return tuple(found)


def cut(edges: np.ndarray, n: int, k: int, result: object) -> int:
  """Edges between the parts of a returned division."""
  label = checks.array(result, (n,), dtype=int, low=0, high=k - 1, name="part")
  sizes, most = np.bincount(label, minlength=k), int(np.ceil(SLACK * n / k))
  if sizes.max() > most:
    raise core.Invalid(f"part {sizes.argmax()} has {sizes.max()} vertices, expected at most {most}")
  return int((label[edges[:, 0]] != label[edges[:, 1]]).sum())


def evaluate(session: core.Session) -> core.Score:
  n, k = SIZES[session.fidelity]
  values = []
  for place, (edges, reference) in enumerate(instances(PUBLIC_SEEDS + tuple(session.seeds("meshes", HIDDEN)), n, k)):
    try:
      # Parts that are bounded in size leave no division without a cut.
      values.append(reference / cut(edges, n, k, session.call("divide", edges.copy(), n, k)))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="mesh_partition_own", family="mesh_partition", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="divide", direction="max",
        baseline=0.529, best_known=1.12,
        source="our own reference: spectral bisection, then a tabu search of swaps",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.1)
]
