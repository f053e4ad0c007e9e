"""Model placement: models are put on GPUs so that the highest pressure on the memory left for keys and values is low.

The idea is that of PRISM: pressure of a GPU is the request demand of its models over the memory that their weights
leave free. GPU count and memory are enforced, models stay as they are. Instances are ours, from hidden seeds, and
pressures are normalised by a lower bound, so values do not compare with published ones. Solver shape.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

MEMORY = 80
GROUPS = {"search": ((4, 9), (5, 12), (6, 15)), "full": ((8, 20), (16, 42), (24, 66))}  # (GPUs, models)
PUBLIC_SEEDS = tuple(range(4))  # of each group
HIDDEN = 26

STATEMENT = """Language models are served on G GPUs with 80 GB each. Model m has weights of size[m] GB (whole number) \
and a request demand[m] (rate over latency target). The pressure of a GPU is the sum of the demands of its models over \
the memory that their weights leave free, (sum of demand) / (80 - sum of size). Place the models so that the largest \
pressure is small.

Write `place(size, demand, gpus)`. It is called for three groups of B = {instances} clusters; size and demand have \
shape (B, M), gpus is G. Return integers (B, M), the GPU of each model, from 0. (G, M) is one of \
{search} ({full} at full fidelity).

Invalid: another shape, a GPU that does not exist, weights of 80 GB or more on one GPU.

Score: 1 over the mean, over hidden clusters, of the largest pressure divided by (sum of all demands) / (memory that \
all weights leave free), which no placement can beat. Higher is better; 1 is a bound.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Place M models (size GB, demand), arrays (B, M), on GPUs of 80 GB. Maximise 1 / mean of the largest "
         "demand / free memory of a GPU.")


def draw(seed: int, gpus: int, models: int) -> tuple[np.ndarray, np.ndarray]:
  """Sizes and demands [models] that fit: at least one placement by first fit decreasing exists."""
  rng = np.random.default_rng([seed, gpus, models])
  while True:
    size = rng.integers(10, 31, models)
    rate, latency = rng.uniform(1, 10, models), rng.uniform(1, 10, models)
    used = np.zeros(gpus, np.int64)
    for s in -np.sort(-size):
      used[np.argmax(used + s < MEMORY)] += s  # the first with room, or the overfull first
    if used.max() < MEMORY and size.sum() > 0.5 * gpus * MEMORY:
      return size, rate / latency


@functools.lru_cache(maxsize=16)
def clusters(seeds: tuple[int, ...], gpus: int, models: int) -> tuple[np.ndarray, np.ndarray]:
  """Sizes and demands [instances, models]."""
  drawn = [draw(seed, gpus, models) for seed in seeds]
  size, demand = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
  size.setflags(write=False), demand.setflags(write=False)
  return size, demand


def pressure(where: np.ndarray, size: np.ndarray, demand: np.ndarray, gpus: int) -> np.ndarray:
  """Largest pressure [B] of placements [B, M] over its lower bound. Raises Invalid."""
  on = where[:, :, None] == np.arange(gpus)  # [B, M, G]
  used = (on * size[:, :, None]).sum(axis=1)
  full = np.argwhere(used >= MEMORY)
  if len(full):
    b, g = full[0]
    raise core.Invalid(f"cluster {b} of the group with {gpus} GPUs: the models on GPU {g} need {used[b, g]} GB of "
                       f"{MEMORY}; {len(full)} GPUs are overfull")
  free = MEMORY - used
  highest = ((on * demand[:, :, None]).sum(axis=1) / free).max(axis=1)
  return highest / (demand.sum(axis=1) / free.sum(axis=1)) * (1 + checks.MARGIN)


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("clusters", HIDDEN))
  public, hidden = [], []
  for gpus, models in GROUPS[session.fidelity]:
    size, demand = clusters(seeds, gpus, models)
    result = session.call("place", size.copy(), demand.copy(), gpus)
    where = checks.array(result, size.shape, dtype=int, low=0, high=gpus - 1, name="placement")
    ratio = pressure(where, size, demand, gpus)
    public += ratio[:len(PUBLIC_SEEDS)].tolist()
    hidden += ratio[len(PUBLIC_SEEDS):].tolist()
  values = 1 / np.mean(public), 1 / np.mean(hidden)
  return core.Score(float(values[1]), {"public": float(values[0]), "gap": float(values[0] - values[1]),
                                       "worst_ratio": float(max(hidden))}, instances=tuple(-x for x in public))


TASKS = [
    core.Task(
        name="model_placement_own", family="model_placement", domain="systems",
        statement=STATEMENT.format(
            instances=len(PUBLIC_SEEDS) + HIDDEN, **{k: ", ".join(map(str, v)) for k, v in GROUPS.items()}),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="place", direction="max",
        baseline=0.514, spread=0.065, best_known=0.8866,
        source="our own reference: moves and exchanges away from the fullest GPU",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
