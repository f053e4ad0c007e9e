"""Covering designs: few blocks that hold every small subset. Construction shape, exact integers."""

import functools
import itertools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (v, k, t): (value of the seed program, fewest blocks). Steiner systems, which meet Schoenheim's bound.
SIZES = {(9, 3, 2): (17, 12), (13, 4, 2): (23, 13), (8, 4, 3): (24, 14), (10, 4, 3): (47, 30)}

STATEMENT = """Find a collection of blocks that is as small as possible: each block is a set of {k} of the \
points 0, 1, ..., {top}, and every set of {t} points is contained in at least one block.

Write `construct(v, k, t, previous=None)` with v = {v}, k = {k}, t = {t}. Return a list or array of m blocks, \
shape (m, {k}), the points of a block in any order; m is your choice. `previous` is the sorted array of blocks \
that the parent program reached, or None.

Invalid: an empty list, more than {most} blocks, a block of another size, a point that is not an integer from 0 \
to {top}, a point twice in a block, a set of {t} points that no block contains. A block that stands twice counts \
twice.

Score: m, the number of blocks; lower is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return blocks of {k} different points from 0..{top} that contain every set of {t} points. Minimise the blocks."


def evaluate(session: core.Session, v: int, k: int, t: int) -> core.Score:
  result = session.call("construct", v, k, t, session.previous)
  most = math.comb(v, k)
  blocks = np.sort(checks.array(result, (range(1, most + 1), k), dtype=int, low=0, high=v - 1, name="blocks"), axis=1)
  blocks = blocks[np.lexsort(blocks.T[::-1])]
  if not (np.diff(blocks, axis=1) > 0).all():
    raise core.Invalid(f"block {blocks[np.argmin((np.diff(blocks, axis=1) > 0).all(1))].tolist()} holds a point twice")
  times = dict.fromkeys(itertools.combinations(range(v), t), 0)
  for block in blocks.tolist():
    for subset in itertools.combinations(block, t):
      times[subset] += 1
  missing = [subset for subset, count in times.items() if not count]
  if missing:
    raise core.Invalid(f"{len(missing)} of {len(times)} sets of {t} points lie in none of the {len(blocks)} blocks, "
                       f"among them {list(missing[0])}")
  return core.Score(float(len(blocks)), {"covered_once": sum(count == 1 for count in times.values()),
                                         "most_times_covered": max(times.values())}, construction=blocks)


TASKS = [
    core.Task(
        name=f"covering_design_{v}_{k}_{t}", family="covering_design", domain="mathematical_discovery",
        statement=STATEMENT.format(v=v, k=k, t=t, best=best, top=v - 1, most=math.comb(v, k)),
        brief=BRIEF.format(k=k, t=t, top=v - 1),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source=f"the Steiner system S({t}, {k}, {v}), in which every set of {t} points lies in one block",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, v=v, k=k, t=t))
    for (v, k, t), (baseline, best) in SIZES.items()
]
