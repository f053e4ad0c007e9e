"""Linear ordering: rank items such that large entries of a matrix stand above the diagonal. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

ITEMS = {"search": 25, "full": 80}
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (words, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "random": ("uniform from 0 to 99", 0.7847, 0.872, 0.014),
    "planted": ("wins of 20 games between the items, whose hidden strengths differ", 0.8441, 0.9925, 0.022),
}

STATEMENT = """Linear ordering: rank n items such that the sum of weights[i, j] over all pairs with i before j is \
large.

Write `solve(weights)`. `weights` has shape ({count}, n, n): {count} matrices of whole numbers, {words}; the diagonal \
is zero, n = 25 (80 at full fidelity). Return an array (or lists) of shape ({count}, n): row b holds the items 0 to n \
- 1 of instance b from first to last, each once.

Invalid: another shape, a number that is not an integer from 0 to n - 1, an item that stands twice.

Score: the sum over all pairs in order, over the sum of max(weights[i, j], weights[j, i]) over all pairs, which no \
order can exceed; averaged over {hidden} hidden instances, {public} are public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Rank items so that weights of earlier over later items add up to much. Maximise the sum over its upper bound."


def draw(kind: str, seed: int, n: int) -> np.ndarray:
  """Weights [n, n]."""
  rng = np.random.default_rng(seed)
  if kind == "random":
    weights = rng.integers(0, 100, (n, n))
  else:
    strength = rng.normal(0, 1.0, n)
    wins = np.triu(rng.binomial(20, 1 / (1 + np.exp(strength - strength[:, None]))), 1)
    weights = wins + np.tril(20 - wins.T, -1)
  np.fill_diagonal(weights, 0)
  return weights


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
  """Weights [B, n, n] and upper bounds [B]."""
  weights = np.stack([draw(kind, seed, n) for seed in seeds])
  weights.setflags(write=False)
  return weights, np.triu(np.maximum(weights, weights.transpose(0, 2, 1))).sum(axis=(1, 2))


def evaluate(session: core.Session, kind: str) -> core.Score:
  weights, bounds = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), ITEMS[session.fidelity])
  orders = checks.permutations(session.call("solve", weights.copy()), *weights.shape[:2], name="orders")
  rows = np.arange(len(weights))[:, None, None]
  ranked = weights[rows, orders[:, :, None], orders[:, None, :]]
  values = np.triu(ranked, 1).sum(axis=(1, 2)) / bounds
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"linear_ordering_{kind}_own", family="linear_ordering", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: insertion search with kicks",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
