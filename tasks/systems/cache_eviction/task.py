"""Cache eviction: which object leaves a full cache, ranked by recency and use. Policy shape, tabulated.

The policy is a function of three small features, so the candidate is asked once for all of their values and the
simulation looks them up. Values lie between LRU (0) and Belady's clairvoyant optimum (1). Traces are ours.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (16, 400), "full": (64, 6000)}  # slots, requests
OBJECTS = 8  # times the slots
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24
AGES = np.unique(np.rint(np.geomspace(1, 6000, 60)).astype(np.int64))
USES = 16  # hits and sightings are counted up to here
GRIDS = np.meshgrid(AGES, np.arange(1, USES + 1), np.arange(1, USES + 1), indexing="ij")
AGE_INDEX = np.searchsorted(AGES, np.arange(AGES[-1] + 1), side="right") - 1  # the largest of AGES that is reached
# Kind of trace: (mean value of the seed program, bound of its distance from that, what the statement says)
KINDS = {
    "zipf": (-0.139, 0.05, "few objects are popular, and popularity drifts slowly"),
    "scan": (-0.048, 0.03, "popular objects are mixed with scans over many objects"),
    "phase": (-0.43, 0.22, "one small set of objects after another is in use, and earlier sets come back"),
}

STATEMENT = """A cache has {slots} slots. Objects are requested one at a time; one that is not cached is loaded, and \
if the cache is full, another one leaves. In these traces {words}.

Write `keep(age, hits, seen)`: how much a cached object is worth keeping. It is called once, with three integer arrays \
of shape (A, 16, 16) that hold all values of the features. `age` is the number of requests since the object was used \
last (rounded down to one of A values from 1 to 6000), `hits` the number of its uses since it was loaded, `seen` that \
of all its uses so far, (both from 1, counted up to 16). Return an array of the same shape. The object with the \
smallest number leaves, of equal ones the one used longest ago.

Invalid: another shape, numbers that are not finite and real.

Score: (hits - hits of LRU) / (hits of Belady's optimum - hits of LRU), averaged over hidden traces of {requests} \
requests; higher is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = "Cache eviction: rank cached objects by age, hits and seen (arrays); the smallest leaves. Maximise cache hits."


def draw(seed: int, kind: str, slots: int, count: int) -> np.ndarray:
  """Requested objects [count], from 0 to OBJECTS * slots - 1."""
  rng = np.random.default_rng([seed, count])
  total = OBJECTS * slots
  zipf = 1 / np.arange(1, total + 1) ** rng.uniform(0.7, 1.1)
  names = rng.permutation(total)
  trace: list[int] = []
  sets = [rng.choice(total, rng.integers(slots // 2, 2 * slots), replace=False) for _ in range(4)]
  while len(trace) < count:
    length = int(rng.integers(slots, 4 * slots))
    if kind == "phase":
      chosen = sets[rng.integers(4)]
      block = rng.choice(chosen, length, p=zipf[:len(chosen)] / zipf[:len(chosen)].sum())
    else:
      block = names[rng.choice(total, length, p=zipf / zipf.sum())]
      a, b = rng.integers(0, total, 2)
      names[[a, b]] = names[[b, a]]
    if kind == "scan" and rng.random() < 0.6:
      scanned = np.arange(rng.integers(total), total)[:rng.integers(slots, 3 * slots)]
      block = np.concatenate([block, np.tile(scanned, rng.integers(1, 3))])
    trace += block.tolist()
  return np.array(trace[:count])


def belady(trace: np.ndarray, slots: int) -> int:
  """Hits of the optimum: the object whose next use is farthest leaves."""
  later = np.full(len(trace), len(trace))
  last: dict[int, int] = {}
  for t in range(len(trace) - 1, -1, -1):
    later[t] = last.get(trace[t], 2 * len(trace))
    last[trace[t]] = t
  cached: dict[int, int] = {}
  hits = 0
  for item, after in zip(trace.tolist(), later.tolist(), strict=True):
    if item in cached:
      hits += 1
    elif len(cached) == slots:
      del cached[max(cached, key=cached.get)]
    cached[item] = after
  return hits


def simulate(table: np.ndarray, traces: np.ndarray, slots: int) -> np.ndarray:
  """Hits [B] of the policy in a table [A, USES, USES] on traces [B, count], all in step."""
  blocks, count = traces.shape
  rows = np.arange(blocks)
  place = np.full((blocks, traces.max() + 1), -1)  # slot of an object
  seen = np.zeros_like(place)
  held = np.full((blocks, slots), -1)  # object of a slot
  used, uses = np.full((blocks, slots), -1), np.zeros((blocks, slots), np.int64)
  total = np.zeros(blocks, np.int64)
  for t, item in enumerate(traces.T):
    slot = place[rows, item]
    hit = slot >= 0
    total += hit
    miss = rows[~hit]
    if len(miss):
      now = held[miss]
      age = AGE_INDEX[np.minimum(t - used[miss], AGES[-1])]
      worth = table[age, np.minimum(uses[miss], USES) - 1, np.minimum(seen[miss[:, None], now], USES) - 1]
      worth = np.where(now < 0, -np.inf, worth)  # free slots first
      least = worth == worth.min(axis=1, keepdims=True)
      out = np.where(least, used[miss], count).argmin(axis=1)
      gone = held[miss, out]
      place[miss[gone >= 0], gone[gone >= 0]] = -1
      held[miss, out], place[miss, item[miss]], uses[miss, out] = item[miss], out, 0
      slot[miss] = out
    used[rows, slot] = t
    uses[rows, slot] += 1
    seen[rows, item] += 1
  return total


@functools.lru_cache(maxsize=8)
def traces(seeds: tuple[int, ...], kind: str, slots: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Traces [instances, count] and hits [instances] of LRU and of the optimum."""
  drawn = np.stack([draw(seed, kind, slots, count) for seed in seeds])
  drawn.setflags(write=False)
  lru = simulate(np.zeros((len(AGES), USES, USES)), drawn, slots)  # all equal: the one used longest ago leaves
  return drawn, lru, np.array([belady(trace, slots) for trace in drawn])


def evaluate(session: core.Session, kind: str) -> core.Score:
  slots, count = SIZES[session.fidelity]
  drawn, lru, best = traces(PUBLIC_SEEDS + tuple(session.seeds("traces", HIDDEN)), kind, slots, count)
  result = session.call("keep", *(grid.copy() for grid in GRIDS))
  table = checks.array(result, GRIDS[0].shape, name="keep")
  hits = simulate(table, drawn, slots)
  values = (hits - lru) / np.maximum(best - lru, 1)
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean()),
                                           "hit_rate": float(hits.mean() / count),
                                           "hit_rate_lru": float(lru.mean() / count)}, instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name=f"cache_eviction_{kind}_own", family="cache_eviction", domain="systems",
        statement=STATEMENT.format(slots=SIZES["search"][0], requests=SIZES["search"][1], words=words), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="keep", direction="max", baseline=baseline,
        spread=spread, best_known=1.0, source="Belady's optimum, a bound: it knows all requests to come",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (baseline, spread, words) in KINDS.items()
]
