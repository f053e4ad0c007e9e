"""Weight quantisation: a small codebook for each block of weights, least squared error. Solver shape, exact optimum.

One-dimensional least squares clustering has an exact solution by dynamic programming over sorted weights; Lloyd
and Max's iteration, the usual way, ends in local optima. Blocks are ours: several shapes of weights, with outliers.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

WEIGHTS = {"search": 192, "full": 512}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 32
LEVELS = {2: (4, 0.622), 3: (8, 0.396), 4: (16, 0.177)}  # bits: (levels, mean value of the seed program)

STATEMENT = """Blocks of weights of a neural network are stored with {bits} bits a weight: every weight becomes the \
nearest of the {levels} levels of its block's codebook. Choose the levels of each block so that the error is small.

Write `codebook(weights, levels)`. It is called once, with weights of shape (B, N) for B = {instances} blocks and \
levels = {levels}. Return real numbers of shape (B, {levels}), the levels of each block in any order. N = {search} \
({full} at full fidelity). The blocks look like normal, Laplace, Student, bimodal and sparse weights, some with \
outliers, at different scales.

Invalid: another shape, a level that is not finite and real.

Score: least possible sum of squared errors of a block over that of its codebook, averaged over hidden blocks; higher \
is better, 1 is the optimum.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Choose {levels} levels for each block of weights (B, N), which are rounded to the nearest. Maximise the "
         "least squared error over yours.")


def draw(seed: int, count: int) -> np.ndarray:
  """One block of weights [count]."""
  rng = np.random.default_rng([seed, count])
  kind = rng.integers(5)
  w = (rng.standard_normal(count), rng.laplace(size=count), rng.standard_t(3, count),
       rng.choice([-1.0, 1.0], count) + 0.4 * rng.standard_normal(count),
       rng.standard_normal(count) * (rng.random(count) < 0.4) + 0.02 * rng.standard_normal(count))[kind]
  if rng.random() < 0.3:
    w[rng.integers(0, count, 2)] *= rng.uniform(3, 6)
  return 0.02 * np.exp(0.5 * rng.standard_normal()) * (w + 0.3 * rng.standard_normal())


def least_error(weights: np.ndarray, levels: int) -> np.ndarray:
  """Least sum of squared errors [B] of blocks [B, N], by dynamic programming over the sorted weights."""
  w = np.sort(weights - weights.mean(axis=1, keepdims=True), axis=1)
  blocks, count = w.shape
  zero = np.zeros((blocks, 1))
  first, second = (np.concatenate([zero, np.cumsum(w**p, axis=1)], axis=1) for p in (1, 2))
  best = np.full((blocks, count + 1), np.inf)
  best[:, 0] = 0
  length = np.arange(count + 1) - np.arange(count + 1)[:, None]  # [from, to]
  for b in range(blocks):
    mean = (first[b] - first[b][:, None]) ** 2 / np.maximum(length, 1)
    error = np.where(length >= 0, np.maximum(second[b] - second[b][:, None] - mean, 0), np.inf)
    for _ in range(levels):
      best[b] = (best[b][:, None] + error).min(axis=0)
  return best[:, -1]


@functools.lru_cache(maxsize=8)
def blocks(seeds: tuple[int, ...], count: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
  """Weights [instances, count] and least errors [instances]."""
  weights = np.array([draw(seed, count) for seed in seeds])
  best = least_error(weights, levels)
  weights.setflags(write=False), best.setflags(write=False)
  return weights, best


def evaluate(session: core.Session, levels: int) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("blocks", HIDDEN))
  weights, best = blocks(seeds, WEIGHTS[session.fidelity], levels)
  result = session.call("codebook", weights.copy(), levels)
  books = checks.array(result, (len(weights), levels), low=-1e6, high=1e6, name="codebook")
  errors = (np.abs(weights[:, :, None] - books[:, None]).min(axis=2) ** 2).sum(axis=1)
  values = np.minimum(best / errors, 1) * (1 - checks.MARGIN)  # the sums of squares of the bound are rounded, too
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean()),
                                           "worst": float(hidden.min())}, instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name=f"weight_quantisation_{bits}bit_own", family="weight_quantisation", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, bits=bits, levels=levels, **WEIGHTS),
        brief=BRIEF.format(levels=levels), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="codebook", direction="max", baseline=baseline, spread=0.09, best_known=1.0,
        source="the optimum, by dynamic programming over sorted weights",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, levels=levels))
    for bits, (levels, baseline) in LEVELS.items()
]
