"""Set cover: cheap sets that together hold every element, against the linear relaxation. Solver shape."""

import functools
import pathlib

import numpy as np
from scipy import optimize

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (40, 60), "full": (100, 300)}  # elements and sets
DENSITY = 0.08
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (words, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "unit": ("1 for every set", 0.5261, 0.887, 0.043),
    "weighted": ("whole numbers from 1 to 100", 0.6626, 0.987, 0.087),
}

STATEMENT = """Set cover: choose sets of small total cost that together hold all elements.

Write `solve(member, cost)` for {count} instances at once. `member` has shape ({count}, E, S): member[b, e, s] is 1 if \
element e is in set s of instance b, else 0. `cost` has shape ({count}, S), {words}. There are E = 40 elements and S = \
60 sets (100 and 300 at full fidelity); about {percent} percent of `member` is 1. Return an array (or lists) of shape \
({count}, S) of 0 and 1: 1 where the set is chosen.

Invalid: another shape, an entry that is neither 0 nor 1, an element in no chosen set.

Score: optimum of the linear relaxation over the cost of the chosen sets, averaged over {hidden} hidden instances; \
{public} are public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Choose sets that cover all elements, many instances at once. Maximise relaxation bound over cost."


def draw(kind: str, seed: int, elements: int, sets: int) -> tuple[np.ndarray, np.ndarray]:
  """Membership [elements, sets] of 0 and 1, and costs [sets]. Every element is in two sets at least."""
  rng = np.random.default_rng(seed)
  member = rng.random((elements, sets)) < DENSITY
  for element in range(elements):
    member[element, rng.choice(sets, 2, replace=False)] = True
  cost = np.ones(sets, np.int64) if kind == "unit" else rng.integers(1, 101, sets)
  return member.astype(np.int64), cost


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], elements: int, sets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Membership [B, elements, sets], costs [B, sets] and bounds of the relaxation [B]."""
  drawn = [draw(kind, seed, elements, sets) for seed in seeds]
  bounds = [optimize.linprog(c, A_ub=-m, b_ub=-np.ones(elements)).fun for m, c in drawn]
  member, cost = (np.stack(part) for part in zip(*drawn, strict=True))
  member.setflags(write=False)
  cost.setflags(write=False)
  return member, cost, np.array(bounds)


def evaluate(session: core.Session, kind: str) -> core.Score:
  seeds = PUBLIC + tuple(session.seeds(kind, HIDDEN))
  member, cost, bounds = instances(kind, seeds, *SIZES[session.fidelity])
  chosen = checks.array(session.call("solve", member.copy(), cost.copy()), cost.shape, dtype=int, low=0, high=1,
                        name="chosen")
  covered = np.einsum("bes,bs->be", member, chosen)
  bad = np.argwhere(covered < 1)
  if len(bad):
    b, e = bad[0]
    raise core.Invalid(f"instance {b}: element {e} is in no chosen set ({(covered[b] < 1).sum()} elements are in none)")
  values = (1 - checks.MARGIN) * bounds / (cost * chosen).sum(axis=1)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden, "sets_per_element": float(covered.mean())},
                    instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"set_cover_{kind}_own", family="set_cover", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN,
                                   percent=round(100 * DENSITY)),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: noisy greedy rule with removal",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
