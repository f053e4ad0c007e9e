"""Broadcast tree: data is copied from one cloud region to several at least cost, by way of others. Solver shape.

The idea is that of multi-cloud broadcast: each part of the data goes along its own tree, links cost money by volume,
machines cost money by time, and the slowest link decides the time. Prices and rates are ours, from hidden seeds; a
value of 1 is that of sending every copy directly from the source.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

REGIONS = {"search": 10, "full": 40}
PARTS, MACHINE = 2, 0.15
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 64

STATEMENT = """Data of size 1 in region 0 must reach every region v with wanted[v] = 1. Each half of it is sent along \
its own tree of links from region 0, also through regions that do not want it. Half of the data from u to v costs \
price[u, v] / 2. A link that carries h halves needs h / (2 rate[u, v]) hours; the largest of these is the duration. \
Region 0 and every region that receives anything cost {machine} times the duration each.

Write `broadcast(price, rate, wanted)`. It is called once for B = {instances} networks: shapes (B, R, R), (B, R, R), \
(B, R); R = {search} ({full} at full fidelity). Return integers of shape (B, 2, R): for each half the region from \
which each region receives it, -1 for none (and for region 0).

Invalid: another shape, a region that wants a half and does not receive it, links that do not come from region 0.

Score: cost of sending all directly from region 0, over cost, averaged over hidden networks; higher is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Send two halves of data from region 0 along trees (parents, (B, 2, R)) to all wanted regions. Maximise "
         "direct cost over cost of links and time.")


def draw(seed: int, regions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """price and rate [R, R], wanted [R]: three providers, cheap links inside of one, dear ones between."""
  rng = np.random.default_rng([seed, regions])
  provider = rng.integers(0, 3, regions)
  place = rng.uniform(0, 1, (regions, 2))
  far = np.linalg.norm(place[:, None] - place, axis=2)
  same = provider[:, None] == provider
  leave = rng.uniform(0.5, 1.5, 3)[provider][:, None]  # what the sender's provider takes
  price = np.where(same, 0.1 + 0.3 * far, leave * (0.6 + 0.4 * far)) * rng.uniform(0.8, 1.25, (regions, regions))
  rate = np.where(same, 2.0, 0.8) * rng.uniform(0.4, 1.6, (regions, regions)) / (0.5 + far)
  wanted = (rng.random(regions) < 0.6).astype(np.int64)
  wanted[0], wanted[1 + rng.integers(regions - 1)] = 0, 1
  return np.round(price, 3), np.round(rate, 3) + 0.05, wanted


def check(parent: np.ndarray, wanted: np.ndarray) -> None:
  """Raises Invalid where a half [B, PARTS, R] does not reach a region that wants it, or a link leads nowhere."""
  regions = wanted.shape[1]
  at = np.broadcast_to(np.arange(regions), parent.shape).copy()
  for _ in range(regions):  # all follow their links towards the source
    up = np.take_along_axis(parent, at, axis=2)
    at = np.where((at == 0) | (up < 0), at, up)
  used = parent >= 0
  for name, bad in (("receives from a region that does not get it from region 0", used & (at != 0)),
                    ("wants it and does not receive it", (wanted[:, None] == 1) & ~used),
                    ("is the source and cannot receive it", used & (np.arange(regions) == 0))):
    found = np.argwhere(bad)
    if len(found):
      b, part, v = found[0]
      raise core.Invalid(f"network {b}, half {part}: region {v} {name}")


def cost(parent: np.ndarray, price: np.ndarray, rate: np.ndarray) -> np.ndarray:
  """Cost [B] of the trees in parent [B, PARTS, R]."""
  b, part, v = np.nonzero(parent >= 0)
  u = parent[b, part, v]
  halves = np.zeros(price.shape)
  np.add.at(halves, (b, u, v), 1 / PARTS)
  duration = (halves / rate).max(axis=(1, 2))
  machines = 1 + (parent >= 0).any(axis=1).sum(axis=1)
  return (halves * price).sum(axis=(1, 2)) + MACHINE * duration * machines


@functools.lru_cache(maxsize=4)
def networks(seeds: tuple[int, ...], regions: int) -> tuple[np.ndarray, ...]:
  """price and rate [instances, R, R], wanted [instances, R], cost of direct copies [instances]."""
  price, rate, wanted = (np.array(part) for part in zip(*(draw(seed, regions) for seed in seeds), strict=True))
  direct = np.where(wanted[:, None] == 1, 0, -1).repeat(PARTS, axis=1)
  arrays = price, rate, wanted, cost(direct, price, rate)
  for a in arrays:
    a.setflags(write=False)
  return arrays


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("networks", HIDDEN))
  price, rate, wanted, direct = networks(seeds, REGIONS[session.fidelity])
  result = session.call("broadcast", price.copy(), rate.copy(), wanted.copy())
  parent = checks.array(result, (len(price), PARTS, wanted.shape[1]), dtype=int, low=-1, high=wanted.shape[1] - 1,
                        name="parent")
  check(parent, wanted)
  values = direct / cost(parent, price, rate) * (1 - checks.MARGIN)
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean()),
                                           "worst": float(hidden.min())}, instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="broadcast_tree_own", family="broadcast_tree", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, machine=MACHINE, **REGIONS), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="broadcast", direction="max",
        baseline=1.36, spread=0.12, best_known=2.03,
        source="our own reference: cheapest trees over relays, improved by moving single regions",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
