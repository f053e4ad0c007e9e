"""Rectangle knapsack: choose rectangles and place them, turned or not, in a bin for much worth. Solver shape.

Idea: Frontier-CS, problem 47, with our own statement and generator. The pieces of a bin that was cut up are worth more
per area than all others, so that the best worth is known: that of these pieces, which fill the bin.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIDE = 100
PIECES = {"search": range(8, 15), "full": range(30, 61)}  # that fill the bin; as many others come with them
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Choose rectangles and place them in a bin of 100 x 100 without overlap, so that what they are worth \
together is large. A rectangle may be turned by 90 degrees.

Write `load(items)`. It is called once per instance. items is an integer array of shape (n, 3), rows (width, height, \
worth); n is 16 to 28 (60 to 120 at full fidelity). Return an array of shape (k, 4) with k at most n, rows (item, x, \
y, turned): item is a row of items, (x, y) the lower left corner, turned 0 or 1; all are whole numbers.

Invalid: another shape, numbers that are not whole, an item that does not exist or is placed twice, a rectangle that \
reaches out of the bin, two that overlap.

Score: worth of the placed items / the best possible worth, mean over hidden instances. Higher is better; 1 is the \
best, and some of the items fill the bin without a gap for it.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = "Place rectangles (item, x, y, turned) in a bin of 100 x 100 without overlap. Maximise their worth."


def draw(seed: int, pieces: range) -> tuple[np.ndarray, int]:
  """Items [n, 3], and the best worth.

  The pieces of the cut bin have the highest worth per area. No choice of items has more area than the bin, hence none
  is worth more than these pieces together.
  """
  rng = np.random.default_rng(seed)
  count = int(rng.choice(pieces))
  parts = [(SIDE, SIDE)]
  while len(parts) < count:
    areas = np.array([w * h for w, h in parts], float)
    w, h = parts.pop(int(rng.choice(len(parts), p=areas / areas.sum())))
    share = rng.uniform(0.25, 0.75)
    if w * rng.uniform(0.6, 1.6) > h:
      at = max(1, int(w * share))
      parts += [(at, h), (w - at, h)] if at < w else [(w, h)]
    else:
      at = max(1, int(h * share))
      parts += [(w, at), (w, h - at)] if at < h else [(w, h)]
  fitting = np.array(parts)
  others = np.maximum(1, np.rint(fitting * rng.uniform(0.7, 1.3, fitting.shape))).astype(int).clip(1, SIDE)
  low = np.floor(others.prod(axis=1) * rng.uniform(5, 9.9, count)).astype(int)
  high = np.ceil(fitting.prod(axis=1) * rng.uniform(10, 14, count)).astype(int)
  sizes, worth = np.vstack([fitting, others]), np.concatenate([high, low])
  swap = rng.random(2 * count) < 0.5
  sizes[swap] = sizes[swap, ::-1]
  return np.column_stack([sizes, worth])[rng.permutation(2 * count)], int(high.sum())


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], fidelity: str) -> tuple[tuple[np.ndarray, int], ...]:
  """Items and best worth of each instance."""
  found = tuple(draw(seed, PIECES[fidelity]) for seed in seeds)
  for items, _ in found:
    items.setflags(write=False)
  return found


def worth(items: np.ndarray, result: object) -> int:
  """Worth of what is placed."""
  rows = checks.array(result, (range(0, len(items) + 1), 4), dtype=int, low=0, high=SIDE + len(items), name="loaded")
  if not len(rows):
    return 0
  chosen = rows[:, 0]
  if chosen.max() >= len(items):
    raise core.Invalid(f"item {chosen.max()} does not exist: there are {len(items)}")
  counts = np.bincount(chosen)
  if counts.max() > 1:
    raise core.Invalid(f"item {counts.argmax()} is placed {counts.max()} times")
  if rows[:, 3].max() > 1:
    raise core.Invalid(f"turned is {rows[:, 3].max()}, expected 0 or 1")
  sizes = np.where(rows[:, 3:] == 1, items[chosen, 1::-1], items[chosen, :2])
  low, high = rows[:, 1:3], rows[:, 1:3] + sizes
  out = np.flatnonzero(high.max(axis=1) > SIDE)
  if len(out):
    raise core.Invalid(f"item {chosen[out[0]]} reaches to {high[out[0]].tolist()}, the bin to [{SIDE}, {SIDE}]")
  shared = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).clip(0).prod(axis=2)
  np.fill_diagonal(shared, 0)
  if shared.any():
    i, j = np.argwhere(shared)[0]
    raise core.Invalid(f"items {chosen[i]} and {chosen[j]} overlap in an area of {shared[i, j]}")
  return int(items[chosen, 2].sum())


def evaluate(session: core.Session) -> core.Score:
  values = []
  for place, (items, best) in enumerate(instances(PUBLIC_SEEDS + tuple(session.seeds("items", HIDDEN)),
                                                  session.fidelity)):
    try:
      values.append(worth(items, session.call("load", items.copy())) / best)
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="rectangle_knapsack_own", family="rectangle_knapsack", domain="competitive_programming",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="load",
        direction="max", baseline=0.64, best_known=1.0,
        source="planted: the densest items fill the bin, which bounds every choice",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.1)
]
