"""Fish polygon: an axis-parallel polygon that encloses many points of one kind and few of the other. Solver shape, C++.

Idea: AtCoder Heuristic Contest 39, with our own statement, sizes and generator: values do not compare with
published ones.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIDE = 1000
FISH = {"search": 100, "full": 2000}  # of each kind
CORNERS = 60
LENGTH = 8000
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """A sea is the square from (0, 0) to (1000, 1000). In it are n good and n bad fish at whole coordinates. \
Choose one net, a polygon with sides parallel to the axes, that holds many good and few bad fish.

Write a C++17 program. On standard input: the number of instances, then for each instance n (100; 2000 at full \
fidelity), n lines `x y` of the good and n lines `x y` of the bad fish. On standard output: one line per instance, the \
corners `x1 y1 x2 y2 ...` of its polygon in order.

Invalid: another number of lines, fewer than 4 or more than 60 corners, coordinates that are not whole or outside 0 to \
1000, consecutive corners that are equal or on no common axis-parallel line, sides that touch or cross other than at \
the corner they share, a total length above 8000.

Score: (good - bad) / n for the fish inside or on the border, at least 0; mean over hidden instances. Higher is \
better.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: draw an axis-parallel polygon around many good and few bad points. Maximise (good - bad) / n."


def draw(seed: int, count: int) -> np.ndarray:
  """Good and bad fish [2, count, 2], without two at the same place: shoals of either kind and single fish."""
  rng = np.random.default_rng(seed)
  spots = []
  for _ in range(2):
    shoals = int(rng.integers(8, 20))
    centres, widths = rng.uniform(0, SIDE, (shoals, 2)), rng.uniform(20, 100, shoals)
    weights = rng.exponential(1, shoals)
    shoal = rng.choice(shoals, 4 * count, p=weights / weights.sum())
    found = np.rint(rng.normal(centres[shoal], widths[shoal][:, None]))
    alone = rng.random(len(found)) < 0.15
    found[alone] = np.rint(rng.uniform(0, SIDE, (int(alone.sum()), 2)))
    found = found[((found >= 0) & (found <= SIDE)).all(axis=1)]
    first = np.sort(np.unique(found, axis=0, return_index=True)[1])
    spots.append(found[first[:2 * count]])
  taken = set(map(tuple, spots[0][:count].tolist()))
  bad = [spot for spot in spots[1].tolist() if tuple(spot) not in taken]
  return np.array([spots[0][:count], bad[:count]]).astype(np.int64)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], count: int) -> tuple[np.ndarray, str]:
  """Fish [instances, 2, count, 2], and the text that a candidate reads."""
  fish = np.stack([draw(seed, count) for seed in seeds])
  fish.setflags(write=False)
  rows = [str(len(seeds))]
  for one in fish:
    rows += [str(count), *(f"{x} {y}" for x, y in one.reshape(-1, 2).tolist())]
  return fish, "\n".join(rows) + "\n"


def check(place: int, corners: np.ndarray) -> None:
  """Raises Invalid unless the corners [k, 2] of instance `place` are those of a polygon that the rules allow."""
  ends = np.roll(corners, -1, axis=0)
  step = np.abs(ends - corners)
  bad = np.flatnonzero((step > 0).sum(axis=1) != 1)
  if len(bad):
    a, b = corners[bad[0]].tolist(), ends[bad[0]].tolist()
    raise core.Invalid(f"instance {place + 1}: the side from {a} to {b} is not parallel to one axis")
  if step.sum() > LENGTH:
    raise core.Invalid(f"instance {place + 1}: the polygon has length {step.sum()}, expected at most {LENGTH}")
  low, high = np.minimum(corners, ends), np.maximum(corners, ends)
  meet = ((low[:, None] <= high) & (low <= high[:, None])).all(axis=2)
  k = len(corners)
  for i in range(k):
    # Neighbours share a corner; on one line they would fold back over each other.
    j = (i + 1) % k
    if (step[i] > 0).tolist() == (step[j] > 0).tolist() and ((ends - corners)[i] * (ends - corners)[j]).sum() < 0:
      raise core.Invalid(f"instance {place + 1}: sides {i} and {j} run back over each other")
    meet[i, [i, j, (i - 1) % k]] = False
  if meet.any():
    i, j = np.argwhere(meet)[0]
    near = np.maximum(low[i], low[j]).tolist()
    raise core.Invalid(f"instance {place + 1}: sides {i} and {j} touch at or near {near}")


def inside(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Whether points [..., 2] lie inside or on the border of the polygon with corners [k, 2]."""
  ends = np.roll(corners, -1, axis=0)
  low, high = np.minimum(corners, ends), np.maximum(corners, ends)
  x, y = points[..., :1], points[..., 1:]  # against the sides on the last axis
  border = ((low[:, 0] <= x) & (x <= high[:, 0]) & (low[:, 1] <= y) & (y <= high[:, 1])).any(axis=-1)
  crossed = (corners[:, 0] == ends[:, 0]) & (low[:, 1] <= y) & (y < high[:, 1]) & (corners[:, 0] > x)
  return border | (crossed.sum(axis=-1) % 2 == 1)


def evaluate(session: core.Session) -> core.Score:
  fish, given = instances(PUBLIC_SEEDS + tuple(session.seeds("fish", HIDDEN)), FISH[session.fidelity])
  rows = text.integers(session.call("main", given), len(fish), range(8, 2 * CORNERS + 1, 2), 0, SIDE)
  values = []
  for place, row in enumerate(rows):
    corners = row.reshape(-1, 2)
    check(place, corners)
    good, bad = inside(corners, fish[place]).sum(axis=1)
    values.append(max(0.0, float(good - bad) / fish.shape[2]))
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="fish_polygon_own", family="fish_polygon", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(), language="cpp", entry="main",
        direction="max", baseline=0.023, best_known=0.69,
        source="our own reference: annealing of a region of grid cells",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=10.0, wall_seconds=100.0), evaluate=evaluate,
        spread=0.02)
]
