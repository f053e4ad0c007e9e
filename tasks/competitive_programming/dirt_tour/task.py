"""Dirt tour: a walk through rooms with walls that keeps the floor clean where much dirt falls. Solver shape, C++.

Idea: AtCoder Heuristic Contest 27, with our own statement, rules and generator: a walk of given length instead of a
closed tour. The yardstick is the mean dirt of visits at the best rates, if rooms could be visited in any sequence: a
room with rate d that is visited each g turns has mean dirt d (g - 1) / 2, and the sum is least for 1 / g
proportional to sqrt(d).
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIZES = {"search": (7, 400), "full": (20, 4000)}  # side, turns
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """A robot cleans n x n rooms, numbered row by row from 0. It starts in room 0, and all is clean. In each \
of T turns every room gets dirtier by its rate; then the robot goes to a neighbouring room, where no wall is between, \
and cleans it. Keep all clean.

Write a C++17 program. On standard input: the number of instances, then for each one n and T (7 400; 20 4000 at full \
fidelity) and n * n lines `rate open`, one per room: its rate (1 to 100) and the sum of 1 if up is open, 2 for down, 4 \
for left, 8 for right. On standard output: one line per instance with T letters U, D, L or R.

Invalid: another number of lines or letters, other letters, a step through a wall.

Score: yardstick / total dirt at the end of a turn, averaged over turns T / 2 to T; mean over hidden instances. The \
yardstick belongs to a robot that jumps to any room. Higher is better.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: steer a cleaning robot (U, D, L, R) through rooms of several dirt rates for T turns. Maximise tidiness."
STEPS = {"U": (0, -1, 0), "D": (1, 1, 0), "L": (2, 0, -1), "R": (3, 0, 1)}  # bit, row, column


def draw(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
  """Rates and open ways [n, n]: a random spanning tree of ways, and most of the other ones."""
  rng = np.random.default_rng(seed)
  hot = rng.uniform(0, n, (3, 2))
  away = np.hypot(*(np.indices((n, n)).reshape(2, -1, 1) - hot.T[:, None])).min(axis=1).reshape(n, n)
  rates = 100 * np.exp(-away / rng.uniform(0.15, 0.4) / n) * rng.uniform(0.3, 1, (n, n))
  rates = np.rint(rates).astype(np.int64).clip(1)
  ways, group = np.zeros((n, n), np.int64), np.arange(n * n)
  pairs = [(i, j, k) for i in range(n) for j in range(n) for k in "DR" if (i if k == "D" else j) < n - 1]
  share = rng.uniform(0.4, 0.95)
  for at in rng.permutation(len(pairs)):
    i, j, k = pairs[at]
    bit, row, column = STEPS[k]
    a, b = group[i * n + j], group[(i + row) * n + j + column]
    if a != b or rng.random() < share:
      group[group == a] = b
      ways[i, j] += 1 << bit
      ways[i + row, j + column] += 1 << (bit - 1)
  return rates, ways


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int, turns: int) -> tuple[tuple[tuple[np.ndarray, np.ndarray], ...], str]:
  """Rates and open ways of each instance, and the text that a candidate reads."""
  found = tuple(draw(seed, n) for seed in seeds)
  rows = [str(len(seeds))]
  for rates, ways in found:
    rows += [f"{n} {turns}", *(f"{a} {b}" for a, b in zip(rates.flat, ways.flat, strict=True))]
  return found, "\n".join(rows) + "\n"


def dirt(rates: np.ndarray, ways: np.ndarray, steps: str) -> float:
  """Mean total dirt over the second half. Raises Invalid, without the number of the instance."""
  i = j = 0
  last = np.zeros((len(steps), rates.size), np.int64)
  for turn, step in enumerate(steps):
    bit, row, column = STEPS[step]
    if not ways[i, j] >> bit & 1:
      raise core.Invalid(f"step {turn + 1}: there is a wall {step} of room {i * len(rates) + j}")
    i, j = i + row, j + column
    last[turn, i * len(rates) + j] = turn + 1
  last = np.maximum.accumulate(last, axis=0)
  half = len(steps) // 2
  age = np.arange(half + 1, len(steps) + 1)[:, None] - last[half:]
  return float((age @ rates.ravel()).mean())


def evaluate(session: core.Session) -> core.Score:
  n, turns = SIZES[session.fidelity]
  found, given = instances(PUBLIC_SEEDS + tuple(session.seeds("rooms", HIDDEN)), n, turns)
  rows = text.letters(session.call("main", given), len(found), "UDLR", range(turns, turns + 1))
  values = []
  for place, ((rates, ways), row) in enumerate(zip(found, rows, strict=True)):
    try:
      values.append(float((np.sqrt(rates).sum() ** 2 - rates.sum()) / 2) / dirt(rates, ways, row))
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}: {error}") from None
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="dirt_tour_own", family="dirt_tour", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(), language="cpp", entry="main",
        direction="max", baseline=0.656, best_known=0.793,
        source="our own reference: a walk that looks nine steps ahead",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=10.0, wall_seconds=100.0), evaluate=evaluate, spread=0.13)
]
