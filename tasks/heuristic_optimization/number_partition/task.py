"""Number partitioning: divide large numbers into groups of almost equal sum. Solver shape."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

NUMBERS = {"search": 40, "full": 100}
BITS = 50
PUBLIC = tuple(range(8))
HIDDEN = 16

# groups: (name, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {2: ("two", 2.803, 7.8, 0.38), 4: ("four", 2.112, 4.45, 0.15)}

STATEMENT = """Number partitioning: divide n large whole numbers into {groups} groups whose sums are almost equal.

Write `solve(numbers, groups)`. `numbers` has shape ({count}, n), int64: {count} instances of n = 40 numbers (100 at \
full fidelity), uniform below 2^50. Return an array (or lists) of shape ({count}, n): the group, 0 to {last}, of every \
number.

Invalid: another shape, a number that is not an integer from 0 to {last}.

Score: log10 of (sum of all numbers) / (largest minus smallest sum of a group, plus 1), averaged over {hidden} hidden \
instances; {public} are public. Higher is better: the score is about the number of leading digits in which the sums \
agree.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Divide large numbers into {groups} groups of almost equal sum. Maximise log10 of total over difference."


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> np.ndarray:
  """Numbers [B, n]."""
  numbers = np.stack([np.random.default_rng(seed).integers(1, 1 << BITS, n) for seed in seeds])
  numbers.setflags(write=False)
  return numbers


def evaluate(session: core.Session, groups: int) -> core.Score:
  numbers = instances(PUBLIC + tuple(session.seeds(f"groups {groups}", HIDDEN)), NUMBERS[session.fidelity])
  result = session.call("solve", numbers.copy(), groups)
  group = checks.array(result, numbers.shape, dtype=int, low=0, high=groups - 1, name="group")
  sums = np.stack([(numbers * (group == g)).sum(axis=1) for g in range(groups)])  # below 2^57: exact
  spans = (sums.max(axis=0) - sums.min(axis=0)).tolist()
  values = [math.log10(int(total) / (span + 1)) for total, span in zip(numbers.sum(axis=1), spans, strict=True)]
  public, hidden = float(np.mean(values[:len(PUBLIC)])), float(np.mean(values[len(PUBLIC):]))
  return core.Score(hidden, {"public": public, "gap": public - hidden, "worst_public": min(values[:len(PUBLIC)])},
                    instances=tuple(values[:len(PUBLIC)]))


TASKS = [
    core.Task(
        name=f"number_partition_{name}_own", family="number_partition", domain="heuristic_optimization",
        statement=STATEMENT.format(groups=groups, last=groups - 1, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC),
                                   hidden=HIDDEN),
        brief=BRIEF.format(groups=name), seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve",
        direction="max", baseline=baseline, best_known=best, spread=spread,
        source="our own reference: differencing (Karmarkar and Karp) from many noisy starts",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, groups=groups))
    for groups, (name, baseline, best, spread) in KINDS.items()
]
