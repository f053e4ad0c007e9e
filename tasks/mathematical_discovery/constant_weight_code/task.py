"""Constant-weight codes of distance 4: many blocks, any two far apart. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (n, w): (value of the seed program, A(n, 4, w)). Johnson's bound, met by sections of the Steiner systems S(3, 4, 10)
# and S(5, 6, 12).
SIZES = {(9, 4): (9, 18), (10, 5): (12, 36), (12, 6): (29, 132)}

STATEMENT = """Find a collection of blocks that is as large as possible: each block is a set of {w} of the \
points 0, 1, ..., {top}, and any two different blocks have at most {most} points in common. (These are the \
binary codes of length {n}, weight {w} and distance 4.)

Write `construct(n, w, previous=None)` with n = {n} and w = {w}. Return a list or array of m blocks, shape (m, \
{w}), the points of a block in any order; m is your choice. `previous` is the sorted array of blocks that the \
parent program reached, or None.

Invalid: an empty list, a block of another size, a point that is not an integer from 0 to {top}, a point twice \
in a block, two blocks with more than {most} common points (a block that stands twice as well).

Score: the number of blocks; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return blocks of {w} different points from 0..{top}, any two sharing at most {most} points. "
         "Maximise the blocks.")


def evaluate(session: core.Session, n: int, w: int) -> core.Score:
  result = session.call("construct", n, w, session.previous)
  blocks = np.sort(checks.array(result, (range(1, 1001), w), dtype=int, low=0, high=n - 1, name="blocks"), axis=1)
  blocks = blocks[np.lexsort(blocks.T[::-1])]
  if not (np.diff(blocks, axis=1) > 0).all():
    raise core.Invalid(f"block {blocks[np.argmin((np.diff(blocks, axis=1) > 0).all(1))].tolist()} holds a point twice")
  inside = np.zeros((len(blocks), n), dtype=np.int64)
  np.put_along_axis(inside, blocks, 1, axis=1)
  shared = np.triu(inside @ inside.T, 1)
  if not (shared.max() <= w - 2):
    i, j = (int(x) for x in np.argwhere(shared > w - 2)[0])
    raise core.Invalid(f"blocks {blocks[i].tolist()} and {blocks[j].tolist()} have {shared[i, j]} common points, "
                       f"expected at most {w - 2}; {int((shared > w - 2).sum())} such pairs")
  through = inside.sum(0)
  return core.Score(float(len(blocks)), {"most_blocks_through_a_point": int(through.max()),
                                         "fewest_blocks_through_a_point": int(through.min())}, construction=blocks)


TASKS = [
    core.Task(
        name=f"constant_weight_code_{n}_{w}", family="constant_weight_code", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, w=w, best=best, top=n - 1, most=w - 2),
        brief=BRIEF.format(w=w, top=n - 1, most=w - 2),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source=f"A({n}, 4, {w}) = {best}: Johnson's bound, met by sections of Steiner systems",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n, w=w))
    for (n, w), (baseline, best) in SIZES.items()
]
