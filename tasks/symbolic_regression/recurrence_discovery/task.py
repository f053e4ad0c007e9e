"""Recurrence discovery: the next terms of integer sequences with a short hidden rule. Solver shape, exact integers."""

import functools
import pathlib
from collections.abc import Callable

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SHOWN, ASKED = 14, 4
COUNTS = {"search": (24, 48), "full": (240, 480)}  # public and hidden sequences
LIMIT = 2**40
NEAR = 0.3  # worth of a term that is not right, at most

STATEMENT = """Continue integer sequences. Each follows a short hidden rule; among the kinds of rules are \
polynomials, linear recurrences of order two or three with small coefficients, recurrences modulo a number, two \
sequences interleaved, sums of a sequence and a repeating pattern, quadratic maps modulo a number, and rounded \
multiples of an irrational number.

Write `continue_all(terms, count)`. `terms` is an integer array of shape (B, {shown}), the first terms of B \
sequences. Return an array of shape (B, count), the next count = {asked} terms of each, as integers.

Invalid: another shape, numbers that are not integers below 2^53 in size.

Score: the mean over hidden sequences and their asked terms of 1 for the right number and {near} exp(-distance / \
typical step) for another one, where the typical step is the mean absolute difference of neighbouring shown terms, \
plus 1; higher is better, 1 is perfect.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return the next `count` terms of integer sequences (B, 14), shape (B, count). Maximise the share of "
         "right terms.")

Rule = Callable[[np.random.Generator, int], list[int]]


def polynomial(rng: np.random.Generator, count: int) -> list[int]:
  c = [int(v) for v in rng.integers(-5, 6, int(rng.integers(2, 5)))]
  return [sum(a * n**k for k, a in enumerate(c)) for n in range(count)]


def linear(rng: np.random.Generator, count: int) -> list[int]:
  order = int(rng.integers(2, 4))
  c, terms = rng.integers(-2, 3, order).tolist(), rng.integers(-3, 8, order).tolist()
  c[-1] = c[-1] or 1
  while len(terms) < count:
    terms.append(sum(a * b for a, b in zip(c, reversed(terms), strict=False)))
  return terms


def modular(rng: np.random.Generator, count: int) -> list[int]:
  m, a, b, x = int(rng.integers(7, 40)), int(rng.integers(2, 9)), int(rng.integers(0, 9)), int(rng.integers(0, 7))
  terms = []
  for _ in range(count):
    terms.append(x)
    x = (a * x + b) % m
  return terms


def quadratic_map(rng: np.random.Generator, count: int) -> list[int]:
  m, c, x = int(rng.integers(11, 60)), int(rng.integers(1, 11)), int(rng.integers(1, 11))
  terms = []
  for _ in range(count):
    terms.append(x)
    x = (x * x + c) % m
  return terms


def interleaved(rng: np.random.Generator, count: int) -> list[int]:
  one, two = simple(rng, (count + 1) // 2), simple(rng, (count + 1) // 2)
  return [(one, two)[n % 2][n // 2] for n in range(count)]


def patterned(rng: np.random.Generator, count: int) -> list[int]:
  base, pattern = simple(rng, count), rng.integers(-6, 7, int(rng.integers(2, 5))).tolist()
  return [term + pattern[n % len(pattern)] for n, term in enumerate(base)]


def rounded(rng: np.random.Generator, count: int) -> list[int]:
  slope = float(np.sqrt(rng.choice((2, 3, 5, 6, 7)))) * int(rng.integers(1, 4)) / int(rng.integers(1, 3))
  return [int(slope * n) for n in range(1, count + 1)]


def simple(rng: np.random.Generator, count: int) -> list[int]:
  """A polynomial of low degree or a geometric sequence: what compound rules are made of."""
  if rng.random() < 0.6:
    a, b, c = rng.integers(-4, 6, 3).tolist()
    return [a + b * n + (c // 3) * n * n for n in range(count)]
  a, ratio = int(rng.integers(1, 5)), int(rng.integers(2, 4))
  return [a * ratio**n for n in range(count)]


RULES: tuple[Rule, ...] = (polynomial, linear, modular, quadratic_map, interleaved, patterned, rounded, linear)


@functools.lru_cache(maxsize=4)
def sequences(seed: int, count: int) -> np.ndarray:
  """[count, SHOWN + ASKED]; sequence i is of kind i mod 8."""
  rng = np.random.default_rng(seed)
  rows: list[list[int]] = []
  while len(rows) < count:
    row = RULES[len(rows) % len(RULES)](rng, SHOWN + ASKED)
    if len(set(row)) > 3 and max(map(abs, row)) < LIMIT:
      rows.append(row)
  found = np.array(rows, np.int64)
  found.setflags(write=False)
  return found


def evaluate(session: core.Session) -> core.Score:
  public_count, hidden_count = COUNTS[session.fidelity]
  rows = np.concatenate([sequences(0, public_count), sequences(session.seeds("sequences", 1)[0], hidden_count)])
  shown, asked = rows[:, :SHOWN], rows[:, SHOWN:]
  result = checks.array(session.call("continue_all", shown.copy(), ASKED), asked.shape, dtype=int, name="continue_all")
  step = np.abs(np.diff(shown, axis=1)).mean(axis=1, keepdims=True) + 1
  distance = np.abs(result.astype(float) - asked)
  worth = np.where(result == asked, 1.0, NEAR * np.exp(-distance / step)).mean(axis=1)
  public, hidden = float(worth[:public_count].mean()), float(worth[public_count:].mean())
  solved = (result == asked).all(axis=1)
  kinds = np.arange(public_count) % len(RULES)
  counts = [f"{rule.__name__} {int(solved[:public_count][kinds == k].sum())} of {int((kinds == k).sum())}"
            for k, rule in enumerate(RULES[:7])]
  return core.Score(hidden, {"public": public, "gap": hidden - public, "solved": float(solved[public_count:].mean())},
                    {"public sequences that are right": ", ".join(counts)},
                    instances=tuple(worth[:public_count].tolist()))


TASKS = [
    core.Task(
        name="recurrence_discovery_own", family="recurrence_discovery", domain="symbolic_regression",
        statement=STATEMENT.format(shown=SHOWN, asked=ASKED, near=NEAR), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="continue_all", direction="max",
        baseline=0.112, spread=0.06, best_known=1.0, source="bound: the planted rules",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
