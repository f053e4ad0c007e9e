"""Polyomino packing: small polyominoes, turned and mirrored at will, into a small square. Solver shape.

Idea: Frontier-CS, first problem, with our own statement and generator. The pieces come from a square that was cut up,
so that a perfect packing exists.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIDES = {"search": range(7, 11), "full": range(16, 25)}  # of the square that is cut up
LARGEST = 5  # cells of a piece
FAR = 200
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Pack all given polyominoes (connected sets of 1 to 5 grid cells) without overlap into a square that is \
as small as possible. Each may be mirrored and turned.

Write `pack(pieces)`. It is called once per instance. pieces is a list of n integer arrays of shape (k, 2), the cells \
(x, y) of each piece, smallest x and y 0. Return an array of shape (n, 4), rows (x, y, turns, mirror) in the order of \
pieces. With mirror 1, cells (a, b) become (-a, b); then `turns` (0 to 3) times (-b, a); then the piece is moved so \
that its smallest coordinates are x and y, each 0 to 200.

Invalid: another shape, numbers that are not whole or out of range, two pieces that share a cell.

Score: number of all cells / side^2, where side is the larger of width and height of what is covered; mean over hidden \
instances. Higher is better; 1 is a perfect square, which always exists (side 7 to 10; 16 to 24 at full fidelity).

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
calls."""

BRIEF = "Pack polyominoes into a small square: rows (x, y, turns, mirror) for each piece. Maximise cells / side^2."


def cut(seed: int, sides: range) -> list[np.ndarray]:
  """Pieces [k, 2] that fill a square, each mirrored and turned at random, in random order."""
  rng = np.random.default_rng(seed)
  side = int(rng.choice(sides))
  free = {(x, y) for x in range(side) for y in range(side)}
  pieces = []
  while free:
    piece = [min(free)]  # from one corner, so that few single cells are left over
    free.remove(piece[0])
    target = int(rng.integers(2, LARGEST + 1))
    while len(piece) < target:
      near = sorted({(x + dx, y + dy) for x, y in piece for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))} & free)
      if not near:
        break
      piece.append(near[int(rng.integers(len(near)))])
      free.remove(piece[-1])
    pieces.append(turned(np.array(piece, np.int64), int(rng.integers(4)), int(rng.integers(2))))
  return [pieces[i] for i in rng.permutation(len(pieces))]


def turned(cells: np.ndarray, turns: int, mirror: int) -> np.ndarray:
  """Cells [k, 2] mirrored, then turned, with smallest coordinates 0."""
  x, y = cells.T
  if mirror:
    x = -x
  for _ in range(turns):
    x, y = -y, x
  return np.column_stack([x - x.min(), y - y.min()])


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], fidelity: str) -> tuple[tuple[np.ndarray, ...], ...]:
  """The pieces of each instance."""
  return tuple(tuple(cut(seed, SIDES[fidelity])) for seed in seeds)


def fill(pieces: tuple[np.ndarray, ...], result: object) -> float:
  """Share of the smallest square that the placed pieces cover."""
  rows = checks.array(result, (len(pieces), 4), dtype=int, low=0, high=FAR, name="placement")
  for column, high, name in ((2, 3, "turns"), (3, 1, "mirror")):
    bad = np.flatnonzero(rows[:, column] > high)
    if len(bad):
      raise core.Invalid(f"piece {bad[0]} has {name} {rows[bad[0], column]}, expected 0 to {high}")
  owner: dict[tuple[int, int], int] = {}
  for i, (piece, (x, y, turns, mirror)) in enumerate(zip(pieces, rows.tolist(), strict=True)):
    for cell in (turned(piece, turns, mirror) + (x, y)).tolist():
      if (other := owner.setdefault((cell[0], cell[1]), i)) != i:
        raise core.Invalid(f"pieces {other} and {i} share cell {cell}")
  cells = np.array(list(owner))
  side = int((cells.max(axis=0) - cells.min(axis=0)).max()) + 1
  return len(cells) / side**2


def evaluate(session: core.Session) -> core.Score:
  found = instances(PUBLIC_SEEDS + tuple(session.seeds("pieces", HIDDEN)), session.fidelity)
  values = []
  for place, pieces in enumerate(found):
    try:
      values.append(fill(pieces, session.call("pack", [piece.copy() for piece in pieces])))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="polyomino_packing_own", family="polyomino_packing", domain="competitive_programming",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="pack",
        direction="max", baseline=0.47, best_known=1.0, source="planted: the square that the pieces are cut from",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate, spread=0.05)
]
