"""Rectangle adverts: each point wants a rectangle of a given area around it, none may overlap. Solver shape, C++.

Idea: AtCoder Heuristic Contest 1, with our own statement and generator. The board is cut at random into rectangles
and each of them gives one point and its area, so that full satisfaction is possible.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIDE = 1000
POINTS = {"search": (16, 33), "full": (80, 201)}  # adverts of an instance: from, below
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Place adverts on a board of 1000 x 1000 cells. Advert i wants a rectangle that holds its cell (x, y) \
and whose area is its wish w. Rectangles must not overlap; the board need not be full.

Write a C++17 program. On standard input: the number of instances, then for each instance the number of adverts n (16 \
to 32; up to 200 at full fidelity) and n lines `x y w`. Coordinates run from 0 to 999. On standard output: one line \
per instance with 4n numbers, `x1 y1 x2 y2` of each advert in input order: the rectangle has the cells with x1 <= x < \
x2 and y1 <= y < y2. All wishes can be met at once.

Invalid: another number of lines or numbers, coordinates outside 0 to 1000, a rectangle without cells, two rectangles \
that overlap.

Score: an advert whose rectangle of area a holds its cell gets 1 - (1 - min(a, w) / max(a, w))^2, another one 0; mean \
over adverts, then over hidden instances. Higher is better; 1 is perfect.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: give each point (x, y) of a board a rectangle of its area w, without overlaps. Maximise satisfaction."


def cut(seed: int, low: int, high: int) -> np.ndarray:
  """Points and wishes [n, 3] of an instance that a cutting of the board into n rectangles satisfies."""
  rng = np.random.default_rng(seed)
  n = int(rng.integers(low, high))
  parts = [(0, 0, SIDE, SIDE)]
  while len(parts) < n:
    areas = np.array([(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in parts], float) ** rng.uniform(0.5, 1.5)
    x1, y1, x2, y2 = parts.pop(int(rng.choice(len(parts), p=areas / areas.sum())))
    share = rng.uniform(0.2, 0.8)
    if x2 - x1 > (y2 - y1) * rng.uniform(0.5, 2):
      x = x1 + max(1, int((x2 - x1) * share))
      parts += [(x1, y1, x, y2), (x, y1, x2, y2)] if x < x2 else [(x1, y1, x2, y2)]
    else:
      y = y1 + max(1, int((y2 - y1) * share))
      parts += [(x1, y1, x2, y), (x1, y, x2, y2)] if y < y2 else [(x1, y1, x2, y2)]
  boxes = rng.permutation(np.array(parts, np.int64))
  cells = rng.integers(boxes[:, :2], boxes[:, 2:])
  return np.column_stack([cells, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)])


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], fidelity: str) -> tuple[tuple[np.ndarray, ...], str]:
  """Points and wishes of each instance, and the text that a candidate reads."""
  found = tuple(cut(seed, *POINTS[fidelity]) for seed in seeds)
  for wishes in found:
    wishes.setflags(write=False)
  rows = [str(len(found))]
  for wishes in found:
    rows += [str(len(wishes)), *(" ".join(map(str, row)) for row in wishes.tolist())]
  return found, "\n".join(rows) + "\n"


def satisfaction(place: int, wishes: np.ndarray, boxes: np.ndarray) -> float:
  """Mean over the adverts of instance `place`, for wishes [n, 3] and boxes [n, 4]."""
  low, high = boxes[:, :2], boxes[:, 2:]
  flat = np.flatnonzero((high <= low).any(axis=1))
  if len(flat):
    raise core.Invalid(f"instance {place + 1}: rectangle {flat[0]} is {boxes[flat[0]].tolist()}, which has no cells")
  shared = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).clip(0).prod(axis=2)
  np.fill_diagonal(shared, 0)
  if shared.any():
    i, j = np.argwhere(shared)[0]
    raise core.Invalid(f"instance {place + 1}: rectangles {i} and {j} share {shared[i, j]} cells")
  area, wish = (high - low).prod(axis=1), wishes[:, 2]
  holds = ((low <= wishes[:, :2]) & (wishes[:, :2] < high)).all(axis=1)
  return float((holds * (1 - (1 - np.minimum(area, wish) / np.maximum(area, wish)) ** 2)).mean())


def evaluate(session: core.Session) -> core.Score:
  wishes, given = instances(PUBLIC_SEEDS + tuple(session.seeds("adverts", HIDDEN)), session.fidelity)
  count = len(wishes)
  rows = text.integers(session.call("main", given), count, range(0, 4 * 250), 0, SIDE)
  values = []
  for place, (wish, row) in enumerate(zip(wishes, rows, strict=True)):
    if len(row) != 4 * len(wish):
      raise core.Invalid(f"line {place + 1} has {len(row)} numbers, expected {4 * len(wish)}")
    values.append(satisfaction(place, wish, row.reshape(-1, 4)))
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="rectangle_adverts_own", family="rectangle_adverts", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(), language="cpp", entry="main",
        direction="max", baseline=0.458, best_known=1.0, source="planted: the cutting that an instance comes from",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=5.0, wall_seconds=60.0), evaluate=evaluate,
        spread=0.04)
]
