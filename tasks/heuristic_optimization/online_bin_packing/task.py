"""Online bin packing: items arrive one by one, the candidate ranks the bins that have room. Policy shape.

The items follow the settings of the published studies (Weibull of shape 3 and scale 45, whole sizes 1 to 100, bins of
100; uniform from 20 to 100, bins of 150), but the instances are ours, from hidden seeds: values do not compare with
those on the published instances. Baselines and best known values are those of the short instances of `search` fidelity;
longer ones allow a smaller excess.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

ITEMS = {"search": 250, "full": 5000}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16

# kind: (words, capacity, value of the seed program, value of our reference, its source, spread of the seed's value)
KINDS = {
    "weibull": ("draws from a Weibull distribution of shape 3 and scale 45, rounded, from 1 to 100", 100, 8.45, 2.1,
                "our own reference policy, which knows the number of items", 0.9),
    "uniform": ("whole numbers, uniform from 20 to 100", 150, 6.983, 3.7,
                "our own reference policy, which knows the number of items", 0.79),
}

STATEMENT = """Online bin packing. Items arrive one at a time, and each must be put at once and for ever into a bin of \
capacity {capacity} with room for it; a new bin may always be opened. Sizes are {words}. Use few bins.

Write `priority(item, space)`. It is called once per arrival, for B = {instances} packings at once. `item` has shape \
(B, 1), the arriving sizes. `space` has shape (B, M): row b holds in increasing order the different amounts of free \
space in the bins of packing b that can take item[b]; the last is {capacity}, a new bin (repeated to fill the row). \
Return an array of shape (B, M): the item goes where its row is largest, to the first of equal ones.

Invalid: another shape, numbers that are not finite and real.

Score: bins used over the lower bound ceil(total size / {capacity}), minus 1, in percent, averaged over hidden \
instances of {search} items ({full} at full fidelity); lower is better.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = ("Online bin packing: return a priority for each free space, shape (B, M), given item, shape (B, 1). The "
         "largest wins. Minimise the bins used.")


def draw(kind: str, seed: int, count: int) -> np.ndarray:
  """`count` whole sizes from 1 to 100."""
  rng = np.random.default_rng(seed)
  if kind == "uniform":
    return rng.integers(20, 101, count)
  return np.clip(np.rint(45.0 * rng.weibull(3.0, count)), 1, 100).astype(np.int64)


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], count: int) -> np.ndarray:
  """Sizes [instances, count]; kept between evaluations because every candidate packs the same items."""
  items = np.stack([draw(kind, seed, count) for seed in seeds])
  items.setflags(write=False)
  return items


def pack(session: core.Session, items: np.ndarray, capacity: int) -> np.ndarray:
  """Number of bins [B] that the candidate needs for items [B, count], all instances in step.

  State is `bins_with[b, s]`, how many open bins of instance b have free space s. Bins of equal space are alike, so the
  candidate sees each space once.
  """
  rows = np.arange(len(items))
  bins_with = np.zeros((len(items), capacity + 1), np.int64)
  opened = np.zeros(len(items), np.int64)
  levels = np.arange(capacity + 1)
  for item in items.T:
    fits = (bins_with > 0) & (levels >= item[:, None])
    fits[:, capacity] = True
    width = int(fits.sum(axis=1).max())
    order = np.argsort(~fits, axis=1, kind="stable")[:, :width]  # the fitting levels first, in increasing order
    space = np.where(np.take_along_axis(fits, order, axis=1), order, capacity)
    score = checks.array(session.call("priority", item[:, None].copy(), space), space.shape, name="priority")
    chosen = space[rows, score.argmax(axis=1)]
    new = chosen == capacity
    opened += new
    bins_with[rows[~new], chosen[~new]] -= 1
    bins_with[rows, chosen - item] += 1
  return opened


def evaluate(session: core.Session, kind: str) -> core.Score:
  count = ITEMS[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds(kind, HIDDEN))
  items = instances(kind, seeds, count)
  capacity = KINDS[kind][1]
  bound = -(-items.sum(axis=1) // capacity)
  excess = 100 * (pack(session, items, capacity) / bound - 1)
  public, hidden = excess[:len(PUBLIC_SEEDS)].mean(), excess[len(PUBLIC_SEEDS):].mean()
  # Parents may be chosen by the public instances, which every program may know.
  return core.Score(float(hidden), {"public": float(public), "gap": float(hidden - public)},
                    instances=tuple((0.0 - excess[:len(PUBLIC_SEEDS)]).tolist()))


TASKS = [
    core.Task(
        name=f"online_bin_packing_{kind}_own", family="online_bin_packing", domain="heuristic_optimization",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, words=words, capacity=capacity, **ITEMS),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="priority", direction="min",
        baseline=baseline, best_known=best, source=source, spread=spread,
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, capacity, baseline, best, source, spread) in KINDS.items()
]
