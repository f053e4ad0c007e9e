"""Online knapsack: items are offered one by one, and each is taken at once or lost. Policy shape.

Instances are ours, from hidden seeds; the bound is the fractional optimum of whoever knows all items beforehand.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

ITEMS = {"search": 60, "full": 500}
FILL = 0.2  # share of all items that fit, by size
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (words on values, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "free": ("uniform from 1 to 100, whatever the size", 0.6063, 0.96, 0.05),
    "alike": ("the size plus a uniform number from 0 to 30", 0.7671, 0.9655, 0.019),
    "rising": ("uniform from 1 to 100, times a factor that grows evenly from 0.5 to 1.5", 0.4836, 0.951, 0.036),
}

STATEMENT = """Online knapsack. Items are offered one after another; each is taken at once, if there is room for it, \
or lost. Sizes are whole numbers, uniform from 1 to 100; values are {words}. The capacity is {percent} percent of the \
expected size of all items together. Collect a large value.

Write `accept(value, size, room, left)`. It is called once per item, for B = {count} knapsacks at once; all arguments \
have shape (B,): value and size of the item, the room that is left, and the number of items that are still to come \
after this one. Return an array of shape (B,): the item is taken where the number is positive and the item fits.

Invalid: another shape, numbers that are not finite and real.

Score: value collected over the fractional optimum that knows all items, averaged over {hidden} hidden instances of 60 \
items (500 at full fidelity); {public} are public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Online knapsack: return positive numbers for items to take, given value, size, room, left. Maximise the value."


def draw(kind: str, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Values and sizes [count]."""
  rng = np.random.default_rng(seed)
  sizes = rng.integers(1, 101, count)
  values = rng.uniform(1, 100, count)
  if kind == "alike":
    values = sizes + 30 * (values - 1) / 99
  elif kind == "rising":
    values = values * np.linspace(0.5, 1.5, count)
  return values, sizes


def fractional(values: np.ndarray, sizes: np.ndarray, capacity: int) -> float:
  """Optimum where the last item may be taken in part."""
  order = np.argsort(-values / sizes)
  room = np.clip(capacity - (np.cumsum(sizes[order]) - sizes[order]), 0, sizes[order])
  return float((values[order] * room / sizes[order]).sum())


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Values and sizes [B, count], and bounds [B]."""
  drawn = [draw(kind, seed, count) for seed in seeds]
  bounds = [fractional(*each, capacity(count)) for each in drawn]
  values, sizes = (np.stack(part) for part in zip(*drawn, strict=True))
  values.setflags(write=False)
  sizes.setflags(write=False)
  return values, sizes, np.array(bounds)


def capacity(count: int) -> int:
  return round(FILL * 50.5 * count)


def evaluate(session: core.Session, kind: str) -> core.Score:
  count = ITEMS[session.fidelity]
  values, sizes, bounds = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), count)
  room = np.full(len(values), capacity(count))
  collected = np.zeros(len(values))
  for i in range(count):
    left = np.full(len(values), count - 1 - i)
    result = session.call("accept", values[:, i].copy(), sizes[:, i].copy(), room.copy(), left)
    taken = (checks.array(result, room.shape, name="accept") > 0) & (sizes[:, i] <= room)
    room -= sizes[:, i] * taken
    collected += values[:, i] * taken
  ratios = (1 - checks.MARGIN) * collected / bounds
  public, hidden = float(ratios[:len(PUBLIC)].mean()), float(ratios[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden,
                             "room_left": float(room.mean() / capacity(count))},
                    instances=tuple(ratios[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"online_knapsack_{kind}_own", family="online_knapsack", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN,
                                   percent=round(100 * FILL)),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="accept", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference policy: a threshold that follows the room per item to come",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
