"""Stable matchings, as fast as possible. Solver shape, timed.

After AlgoTune's stable_matching, with several instances of our own per call.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks, speed

SIZES = {"search": (4, 40), "full": (4, 80)}  # instances, their size
ROUNDS = {"search": 17, "full": 3}

STATEMENT = """Find stable matchings, faster than the reference: each of n on one side (a) is matched with one of n \
on the other (b) so that no a and b prefer each other to their partners. Return the one that is best for side a.

Write `match(wishes, ranks)` with integer arrays of shape (count, n, n). wishes[k, a] lists the b from most to least \
wanted by a; ranks[k, b, a] is the place of a in the list of b, 0 first. Return an integer array or nested list of \
shape (count, n): for each b the number of its partner a.

Invalid: another shape, entries that are no integers. Wrong: another matching.

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (count, n = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. The reference is Gale and Shapley's algorithm over plain lists. \
All threads count, as does what a call costs before and after the function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Stable matchings, best for those who propose, from wishes and ranks (count, n, n). Maximise the speed."


def draw(seed: int, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
  """Wishes of one side and ranks of the other [count, n, n]; tastes are partly shared, so that rejections are many."""
  rng = np.random.default_rng(seed)
  shared, own = rng.normal(size=(2, count, 1, n)), rng.normal(size=(2, count, n, n))
  taste = 0.6 * shared + own
  return np.argsort(taste[0], axis=2), np.argsort(np.argsort(taste[1], axis=2), axis=2)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
  return [draw(seed, *sizes) for seed in seeds]


def reference(wishes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
  found = []
  for wish, rank in zip(wishes.tolist(), ranks.tolist(), strict=True):
    held, asked, free = [-1] * len(wish), [0] * len(wish), list(range(len(wish)))
    while free:
      a = free.pop()
      b = wish[a][asked[a]]
      asked[a] += 1
      if held[b] < 0:
        held[b] = a
      elif rank[b][a] < rank[b][held[b]]:
        free.append(held[b])
        held[b] = a
      else:
        free.append(a)
    found.append(held)
  return np.array(found)


def same(result: object, expected: np.ndarray) -> None:
  """Requires the expected matching. Raises Invalid, Wrong."""
  given = checks.array(result, expected.shape, dtype=int, name="matching")
  other = np.argwhere(given != expected)
  if len(other):
    k, b = other[0]
    raise core.Wrong(f"instance {k}: b = {b} is matched with {given[k, b]}, the right answer is {expected[k, b]}")



def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("wishes", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "match", warm_up, hidden, reference,
                    same, plausible=20.0)


TASKS = [
    core.Task(
        name="stable_matching_own", family="stable_matching", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: ", ".join(map(str, sizes)) for name, sizes in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="match",
        direction="max", baseline=0.036, best_known=0.7, spread=0.03,
        source="our own reference: the same with fewer list operations, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=evaluate)
]
