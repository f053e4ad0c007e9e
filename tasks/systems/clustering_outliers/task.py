"""Clustering with outliers: planted clusters of unequal shape and size among uniform noise. Solver shape.

The value is the adjusted Rand index against what was planted, outliers being a class of their own. Data sets are ours.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

POINTS = {"search": 100, "full": 600}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24
# clusters: (share of outliers, mean value of the seed program over hidden seeds)
KINDS = {3: (0.1, 0.687), 5: (0.2, 0.553)}

STATEMENT = """Find {clusters} planted clusters of points in the plane among outliers. Clusters are normal \
distributions of different sizes, spreads and directions; about {percent} % of the points are outliers, uniform over \
the field of all clusters.

Write `cluster(points, clusters)`. It is called once, with points of shape (B, N, 2) for B = {instances} data sets and \
clusters = {clusters}. Return integers of shape (B, N): for each point the number of its cluster, 0 to {last} in any \
order, or -1 for an outlier. N = {search} ({full} at full fidelity).

Invalid: another shape, a label outside -1 to {last}.

Score: adjusted Rand index between the labels and the planted ones, outliers being one more class, averaged over \
hidden data sets; higher is better, 1 is perfect, random labels have 0.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Label points (B, N, 2) with one of {clusters} clusters each, or -1: outlier. Maximise the adjusted Rand "
         "index against planted labels.")


def draw(seed: int, count: int, clusters: int, share: float) -> tuple[np.ndarray, np.ndarray]:
  """Points [count, 2] and planted labels [count] of one data set."""
  rng = np.random.default_rng([seed, count])
  centres = rng.uniform(-10, 10, (clusters, 2))
  while np.min([np.linalg.norm(a - b) for i, a in enumerate(centres) for b in centres[:i]]) < 5:
    centres = rng.uniform(-10, 10, (clusters, 2))
  weights = rng.uniform(0.4, 1.6, clusters)
  labels = np.where(rng.random(count) < share, -1, rng.choice(clusters, count, p=weights / weights.sum()))
  shapes = [rng.standard_normal((2, 2)) * rng.uniform(0.4, 0.9) for _ in range(clusters)]
  points = rng.uniform(-14, 14, (count, 2))
  for i in range(clusters):
    mine = labels == i
    points[mine] = centres[i] + rng.standard_normal((mine.sum(), 2)) @ shapes[i]
  return points, labels


@functools.lru_cache(maxsize=8)
def data(seeds: tuple[int, ...], count: int, clusters: int, share: float) -> tuple[np.ndarray, np.ndarray]:
  """Points [instances, count, 2] and labels [instances, count]."""
  drawn = [draw(seed, count, clusters, share) for seed in seeds]
  points, labels = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
  points.setflags(write=False), labels.setflags(write=False)
  return points, labels


def adjusted_rand(a: np.ndarray, b: np.ndarray, classes: int) -> np.ndarray:
  """Adjusted Rand index [B] of labels [B, N] from 0 to classes - 1 (Hubert and Arabie 1985)."""
  one, two = (labels[:, :, None] == np.arange(classes) for labels in (a, b))
  table = np.einsum("bni,bnj->bij", one.astype(np.int64), two.astype(np.int64))
  def pairs(counts):
    return counts * (counts - 1) // 2
  both, total = pairs(table).sum(axis=(1, 2)), pairs(a.shape[1])
  left, right = pairs(table.sum(axis=2)).sum(axis=1), pairs(table.sum(axis=1)).sum(axis=1)
  expected = left * right / total
  return (both - expected) / ((left + right) / 2 - expected)


def evaluate(session: core.Session, clusters: int, share: float) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("data", HIDDEN))
  points, planted = data(seeds, POINTS[session.fidelity], clusters, share)
  result = session.call("cluster", points.copy(), clusters)
  labels = checks.array(result, planted.shape, dtype=int, low=-1, high=clusters - 1, name="label")
  values = adjusted_rand(labels + 1, planted + 1, clusters + 1)
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean()),
                                           "outliers_found": float((labels < 0).mean())},
                    instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name=f"clustering_outliers_{clusters}_own", family="clustering_outliers", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, clusters=clusters, last=clusters - 1,
                                   percent=round(100 * share), **POINTS),
        brief=BRIEF.format(clusters=clusters), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="cluster", direction="max", baseline=baseline, spread=0.075, best_known=1.0,
        source="the planted labels; outliers inside a cluster cannot all be told apart",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, clusters=clusters, share=share))
    for clusters, (share, baseline) in KINDS.items()
]
