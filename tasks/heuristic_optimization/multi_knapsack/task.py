"""Multi-dimensional knapsack by the recipe of Chu and Beasley, against the linear relaxation. Solver shape.

The recipe (P. C. Chu and J. E. Beasley, A genetic algorithm for the multidimensional knapsack problem, 1998): weights
uniform from 1 to 1000, capacities a fixed share of the total weight, values correlated with the weights.
"""

import functools
import pathlib

import numpy as np
from scipy import optimize

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (5, 40), "full": (10, 250)}  # resources and items
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (share of the total weight that fits, value of the seed program, of our reference, spread of the seed's value)
KINDS = {
    "tight": (0.25, 0.8512, 0.959, 0.037), "middle": (0.5, 0.9181, 0.98, 0.015), "loose": (0.75, 0.9472, 0.986, 0.0099),
}

STATEMENT = """Knapsack with several resources: choose items of large total value that fit in every one of m \
capacities.

Write `solve(values, weights, capacities)` for {count} instances at once: `values` has shape ({count}, n), `weights` \
({count}, m, n), `capacities` ({count}, m), all whole numbers. There are n = 40 items and m = 5 resources (250 and 10 \
at full fidelity). Weights are uniform from 1 to 1000, capacities are {share} of the total weight, and heavy items \
tend to be valuable. Return an array (or lists) of shape ({count}, n) of 0 and 1: 1 where the item is taken.

Invalid: another shape, an entry that is neither 0 nor 1, a capacity exceeded.

Score: value taken over the optimum of the linear relaxation, averaged over {hidden} hidden instances; {public} are \
public. Higher is better, below 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Choose items under several capacities, many instances. Maximise value over the bound of the relaxation."


def draw(share: float, seed: int, m: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Values [n], weights [m, n] and capacities [m], whole numbers."""
  rng = np.random.default_rng(seed)
  weights = rng.integers(1, 1001, (m, n))
  values = np.rint(weights.mean(axis=0) + 500 * rng.random(n)).astype(np.int64)
  return values, weights, np.floor(share * weights.sum(axis=1)).astype(np.int64)


@functools.lru_cache(maxsize=4)
def instances(share: float, seeds: tuple[int, ...], m: int, n: int) -> tuple[np.ndarray, ...]:
  """Values [B, n], weights [B, m, n], capacities [B, m] and bounds of the relaxation [B]."""
  drawn = [draw(share, seed, m, n) for seed in seeds]
  bounds = [-optimize.linprog(-v, A_ub=w, b_ub=c, bounds=(0, 1)).fun for v, w, c in drawn]
  parts = tuple(np.stack(part) for part in zip(*drawn, strict=True))
  for part in parts:
    part.setflags(write=False)
  return *parts, np.array(bounds)


def evaluate(session: core.Session, share: float) -> core.Score:
  seeds = PUBLIC + tuple(session.seeds(f"share {share}", HIDDEN))
  values, weights, capacities, bounds = instances(share, seeds, *SIZES[session.fidelity])
  result = session.call("solve", values.copy(), weights.copy(), capacities.copy())
  taken = checks.array(result, values.shape, dtype=int, low=0, high=1, name="taken")
  loads = np.einsum("bmn,bn->bm", weights, taken)
  bad = np.argwhere(~(loads <= capacities))
  if len(bad):
    b, i = bad[0]
    raise core.Invalid(f"instance {b}: resource {i} is loaded with {loads[b, i]}, capacity {capacities[b, i]}")
  ratios = (1 - checks.MARGIN) * (values * taken).sum(axis=1) / bounds
  public, hidden = float(ratios[:len(PUBLIC)].mean()), float(ratios[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden, "load": float((loads / capacities).mean())},
                    instances=tuple(ratios[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"multi_knapsack_{kind}_own", family="multi_knapsack", domain="heuristic_optimization",
        statement=STATEMENT.format(share=share, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference: greedy by noisy dual prices, best of many",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, share=share))
    for kind, (share, baseline, best, spread) in KINDS.items()
]
