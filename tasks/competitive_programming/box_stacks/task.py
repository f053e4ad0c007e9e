"""Box stacks: boxes in stacks leave in the order of their numbers; lift few of them. Solver shape, C++.

Idea: AtCoder Heuristic Contest 26, with our own statement, sizes and generator.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIZES = {"search": (40, 5), "full": (200, 10)}  # boxes, stacks
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Boxes 1 to n stand in m stacks of equal height. They have to leave in the order of their numbers; a box \
leaves by itself, free of cost, as soon as it is next and on top of its stack. A move (v, s) takes box v with all \
boxes above it and puts them on stack s, for a cost of 1 plus the number of boxes taken.

Write a C++17 program. On standard input: the number of instances, then for each one n and m (40 5; 200 10 at full \
fidelity) and m lines with the boxes of a stack from the bottom to the top. On standard output: one line per instance, \
the moves `v1 s1 v2 s2 ...` with stacks numbered from 0.

Invalid: another number of lines, more than 5n moves, a stack that does not exist, a box that has left already, a move \
to the stack where the box stands, boxes that remain at the end.

Score: n / (n + total cost), mean over hidden instances. Higher is better.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: move boxes (v, s) between stacks so that 1 to n can leave in order. Maximise n / (n + cost of the moves)."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int, m: int) -> tuple[np.ndarray, str]:
  """Stacks [instances, m, n / m] from bottom to top, and the text that a candidate reads."""
  stacks = np.stack([np.random.default_rng(seed).permutation(n).reshape(m, -1) + 1 for seed in seeds])
  stacks.setflags(write=False)
  rows = [str(len(seeds))]
  for one in stacks:
    rows += [f"{n} {m}", *(" ".join(map(str, row)) for row in one.tolist())]
  return stacks, "\n".join(rows) + "\n"


def play(start: np.ndarray, moves: np.ndarray) -> int:
  """Cost of moves [k, 2]. Raises Invalid, without the number of the instance."""
  stacks = [row.tolist() for row in start]
  place = {box: i for i, stack in enumerate(stacks) for box in stack}
  following, cost = 1, 0

  def leave() -> None:
    nonlocal following
    while following in place and stacks[place[following]][-1] == following:
      stacks[place.pop(following)].pop()
      following += 1

  leave()
  for number, (box, to) in enumerate(moves.tolist()):
    if box not in place:
      raise core.Invalid(f"move {number + 1}: box {box} has left already")
    if to >= len(stacks) or place[box] == to:
      raise core.Invalid(f"move {number + 1}: box {box} stands on stack {place[box]}, expected a move to another one "
                         f"of the stacks 0 to {len(stacks) - 1}, got {to}")
    stack = stacks[place[box]]
    at = stack.index(box)
    taken = stack[at:]
    del stack[at:]
    stacks[to] += taken
    place.update((other, to) for other in taken)
    cost += 1 + len(taken)
    leave()
  if place:
    raise core.Invalid(f"{len(place)} boxes remain; box {following} is below {stacks[place[following]][-1]}")
  return cost


def evaluate(session: core.Session) -> core.Score:
  n, m = SIZES[session.fidelity]
  stacks, given = instances(PUBLIC_SEEDS + tuple(session.seeds("boxes", HIDDEN)), n, m)
  rows = text.integers(session.call("main", given), len(stacks), range(0, 10 * n + 1, 2), 0, n)
  values = []
  for place, row in enumerate(rows):
    try:
      values.append(n / (n + play(stacks[place], row.reshape(-1, 2))))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="box_stacks_own", family="box_stacks", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(), language="cpp", entry="main",
        direction="max", baseline=0.26, best_known=0.358,
        source="our own reference: random changes of a rule by smallest boxes",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=10.0, wall_seconds=100.0), evaluate=evaluate, spread=0.03)
]
