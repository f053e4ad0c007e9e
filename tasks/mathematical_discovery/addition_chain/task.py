"""Addition chains: reach a number from 1 by few sums of two earlier numbers. Solver shape, exact integers."""

import functools
import pathlib
import random
from typing import Any

import numpy as np

from eft_jax import core
from eft_jax.core import checks

RANGE = {"search": (1 << 9, 1 << 12), "full": (1 << 13, 1 << 16)}
GROUP = 8  # numbers of one instance
PUBLIC = tuple(range(8))
HIDDEN = 16
LONGEST = 64

STATEMENT = """An addition chain of n is an increasing list of integers that begins with 1 and ends with n, in \
which every number after the first is the sum of two earlier ones, which may be the same one twice. Its length \
is the count of numbers after the first. Short ones compute x^n with few multiplications.

Write `solve(numbers)`. `numbers` is an array of {count} integers between 512 and 4095 (8192 to 65535 at full \
fidelity). Return a list with an addition chain for each of them, in their order; each chain is a list of \
integers.

Invalid: another count of chains, a chain of more than {longest} numbers, one that does not begin with 1 or end \
with its number, one that does not increase, a number that is no sum of two earlier ones.

Score: a lower bound of the length (floor of log2 n, plus log2 of the ones in binary n, rounded up) over the \
length, averaged over {hidden} hidden instances of {group} numbers; {public} more are public. Higher is better, \
at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "For each number, return an addition chain from 1 to it. Maximise lower bound over chain length, on average."


@functools.lru_cache(maxsize=4)
def numbers_of(seeds: tuple[int, ...], low: int, high: int) -> np.ndarray:
  """Numbers [B, GROUP]."""
  drawn = np.array([random.Random(seed).sample(range(low, high), GROUP) for seed in seeds])
  drawn.setflags(write=False)
  return drawn


def bound(n: int) -> int:
  """Least length of a chain of n: proved where n has at most 16 ones (Thurber 1973)."""
  return n.bit_length() - 1 + (n.bit_count() - 1).bit_length()


def check(chain: Any, n: int) -> int:
  """The length of a chain of n; Invalid where it is none."""
  numbers = checks.array(chain, (range(1, LONGEST + 1),), dtype=int, low=1, high=n, name=f"the chain of {n}").tolist()
  if numbers[0] != 1 or numbers[-1] != n:
    raise core.Invalid(f"the chain of {n} goes from {numbers[0]} to {numbers[-1]}")
  seen = {1}
  for before, x in zip(numbers, numbers[1:], strict=False):
    if x <= before:
      raise core.Invalid(f"the chain of {n} has {x} after {before}, expected increasing numbers")
    if not any(x - y in seen for y in seen):
      raise core.Invalid(f"the chain of {n} has {x}, which is no sum of two of the numbers before it")
    seen.add(x)
  return len(numbers) - 1


def evaluate(session: core.Session) -> core.Score:
  low, high = RANGE[session.fidelity]
  numbers = numbers_of((*PUBLIC, *session.seeds("numbers", HIDDEN)), low, high)
  result = session.call("solve", numbers.ravel().copy())
  if type(result) is not list or len(result) != numbers.size:
    given = f"{len(result)} entries" if type(result) is list else f"of type {type(result).__name__}"
    raise core.Invalid(f"the result is {given}, expected a list of {numbers.size} chains")
  lengths = [check(chain, n) for chain, n in zip(result, numbers.ravel().tolist(), strict=True)]
  ratios = np.array([bound(n) / length for n, length in zip(numbers.ravel().tolist(), lengths, strict=True)])
  groups = ratios.reshape(numbers.shape).mean(axis=1)
  public, hidden = groups[:len(PUBLIC)], groups[len(PUBLIC):]
  value = float(hidden.mean()) * (1 - checks.MARGIN)
  worst = int(np.argmin(ratios[:len(PUBLIC) * GROUP]))
  n = int(numbers.ravel()[worst])
  metrics = {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean())}
  return core.Score(value, metrics, {"worst_public": f"{n}: length {lengths[worst]}, bound {bound(n)}"},
                    instances=tuple(map(float, public)))


TASKS = [
    core.Task(
        name="addition_chain_own", family="addition_chain", domain="mathematical_discovery",
        statement=STATEMENT.format(count=(len(PUBLIC) + HIDDEN) * GROUP, longest=LONGEST, hidden=HIDDEN, group=GROUP,
                                   public=len(PUBLIC)),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=0.8782, best_known=0.9628, spread=0.015, source="our own reference: Knuth's power tree",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
