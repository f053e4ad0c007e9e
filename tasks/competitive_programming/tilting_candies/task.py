"""Tilting candies: sweets of three kinds drop into a box; tilt it after each so that equal ones meet. Policy shape.

Idea: AtCoder Heuristic Contest 15, with our own statement, sizes and interface: the trusted side tilts the box in all
four ways and the candidate ranks what comes of it.
"""

import functools
import pathlib

import numpy as np
from scipy import ndimage

from eft_jax import core
from eft_jax.core import checks

SIDES = {"search": 5, "full": 10}
KINDS = 3
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24

STATEMENT = """An n x n box (n = 5; 10 at full fidelity) is filled with sweets of kinds 1, 2, 3. Each drops into a \
random empty cell; then the box is tilted, and all sweets slide as far as they can. In the end equal sweets should \
form large groups.

Write `rank(boards, coming)`. It is called after each drop but the last, for B boxes at once. boards is an integer \
array of shape (B, 4, n, n): each box as it would be after tilting it up (row 0), down, left (column 0), right; 0 is \
an empty cell. coming is an integer array of shape (B, 3): the next kinds, 0 for none. Return numbers of shape (B, 4); \
the largest, the first of equal ones, decides.

Invalid: another shape, numbers that are not finite and real.

Score: sum of squared sizes of the groups of equal sweets (neighbours share a side) / sum of squared numbers of each \
kind, mean over hidden boxes. Higher is better; 1 is the most.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = ("Rank the four tilts of a box of sweets, boards (B, 4, n, n), so that equal sweets cluster. Maximise squared "
         "group sizes.")


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
  """Kinds of the sweets [B, n * n], and where among the empty cells each drops [B, n * n], from 0 to 1."""
  generators = [np.random.default_rng(seed) for seed in seeds]
  kinds = np.stack([rng.integers(1, KINDS + 1, n * n) for rng in generators])
  drops = np.stack([rng.random(n * n) for rng in generators])
  kinds.setflags(write=False)
  drops.setflags(write=False)
  return kinds, drops


def slide(boards: np.ndarray, axis: int, up: bool) -> np.ndarray:
  """Boards [B, n, n] with all sweets moved to the low (up) or high end of an axis, in their order."""
  order = np.argsort((boards == 0) if up else (boards != 0), axis=axis, kind="stable")
  return np.take_along_axis(boards, order, axis=axis)


def tilts(boards: np.ndarray) -> np.ndarray:
  """[B, 4, n, n]: up, down, left, right."""
  return np.stack([slide(boards, axis, up) for axis in (1, 2) for up in (True, False)], axis=1)


def drop(boards: np.ndarray, kinds: np.ndarray, places: np.ndarray) -> None:
  """Puts a sweet [B] into one empty cell of each board [B, n, n], in place."""
  flat = boards.reshape(len(boards), -1)
  empty = flat == 0
  target = np.floor(places * empty.sum(axis=1)).astype(int)
  cells = (empty.cumsum(axis=1) > target[:, None]).argmax(axis=1)
  flat[np.arange(len(boards)), cells] = kinds


def clustering(board: np.ndarray) -> float:
  """Squared group sizes over squared numbers, for a full board [n, n]."""
  groups = numbers = 0
  for kind in range(1, KINDS + 1):
    labels, _ = ndimage.label(board == kind)
    groups += int((np.bincount(labels.ravel())[1:] ** 2).sum())
    numbers += int((board == kind).sum()) ** 2
  return groups / numbers


def evaluate(session: core.Session) -> core.Score:
  n = SIDES[session.fidelity]
  kinds, drops = instances(PUBLIC_SEEDS + tuple(session.seeds("sweets", HIDDEN)), n)
  count = len(kinds)
  coming = np.hstack([kinds, np.zeros((count, 3), np.int64)])
  boards = np.zeros((count, n, n), np.int64)
  for turn in range(n * n):
    drop(boards, kinds[:, turn], drops[:, turn])
    if turn < n * n - 1:
      options = tilts(boards)
      ranks = checks.array(session.call("rank", options.copy(), coming[:, turn + 1:turn + 4].copy()), (count, 4),
                           name="rank")
      boards = options[np.arange(count), ranks.argmax(axis=1)]
  values = [clustering(board) for board in boards]
  public, hidden = np.mean(values[:len(PUBLIC_SEEDS)]), np.mean(values[len(PUBLIC_SEEDS):])
  last = "\n".join("".join(map(str, row)) for row in boards[0].tolist())
  return core.Score(float(hidden), {"public": float(public), "gap": float(hidden - public)},
                    {"first public box": last[:500]}, instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="tilting_candies_own", family="tilting_candies", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="rank", direction="max",
        baseline=0.431, best_known=0.837, source="our own reference: one more drop and tilt ahead, sampled",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.05)
]
