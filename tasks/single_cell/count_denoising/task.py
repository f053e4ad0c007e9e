"""Denoising of single-cell counts, judged by molecular cross-validation and by the planted rates. Solver shape.

Molecules of simulated cells are split at random into a part that the candidate sees and a part that it does not; the
hidden part judges the denoised rates. The recipe is that of the published benchmark (Batson et al., Molecular
cross-validation for single-cell RNA-seq, 2019), the data are ours.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8
SIZES = {"search": (60, 40), "full": (400, 200)}  # cells, genes
SEEN = 0.9  # of the molecules

STATEMENT = """A single-cell experiment counts molecules: X[i, j] of gene j in cell i. Counts are small and noisy; \
cells of the same kind, or neighbours on a path from one kind to another, have similar rates. Estimate the rates.

Write `denoise(counts)`. `counts` is an integer array of shape ({search[0]}, {search[1]}), cells by genes ({full[0]} \
by {full[1]} at full fidelity), a random {seen:.0%} of the molecules of an experiment. Return an array of the same \
shape, your estimate of the expected counts. It is called once per experiment.

Invalid: another shape, numbers that are not finite and real or below 0.

Score: the mean over hidden experiments of (a + b) / 2. Each part is 1 for the true rates and 0 for the mean count of \
each gene times the relative depth of each cell: a by the mean squared error of log(1 + rates scaled to 1,000 per \
cell) against the true rates, b by the Poisson loss against the molecules that were left out. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all {instances} experiments."""

BRIEF = ("Estimate expected molecule counts (cells by genes) from noisy counts of the same shape. Maximise the fit to "
         "molecules left out.")


@functools.lru_cache(maxsize=4)
def experiment(seed: int, cells: int, genes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Seen counts, hidden counts and true expected seen counts [cells, genes]: kinds of cells, and paths between them."""
  rng = np.random.default_rng(seed)
  kinds = int(rng.integers(3, 6))
  programs = rng.normal(0, 1.1, (kinds, genes)) * (rng.random((kinds, genes)) < 0.4) + rng.normal(0, 1.0, genes)
  first, second = rng.integers(0, kinds, (2, cells))
  along = np.where(rng.random(cells) < 0.5, 0.0, rng.random(cells))[:, None]
  rates = np.exp((1 - along) * programs[first] + along * programs[second])
  rates /= rates.sum(axis=1, keepdims=True)
  depth = genes * rng.lognormal(0.5, 0.4, (cells, 1))
  molecules = rng.poisson(rates * depth)
  seen = rng.binomial(molecules, SEEN)
  found = seen.astype(np.int64), (molecules - seen).astype(np.int64), rates * depth * SEEN
  for values in found:
    values.setflags(write=False)
  return found


def losses(estimate: np.ndarray, hidden: np.ndarray, truth: np.ndarray) -> np.ndarray:
  """(mean squared error of log rates, mean Poisson loss) of estimated seen counts.

  Squared errors of logs are taken against the true rates: against a few molecules the best estimate is no rate.
  """
  def logged(values: np.ndarray) -> np.ndarray:
    return np.log1p(1000 * values / np.maximum(values.sum(axis=1, keepdims=True), 1e-9))
  scaled = estimate * ((1 - SEEN) / SEEN)
  return np.array([((logged(estimate) - logged(truth)) ** 2).mean(), (scaled - hidden * np.log(scaled + 1e-6)).mean()])


def plain(counts: np.ndarray) -> np.ndarray:
  """Mean of each gene times relative depth of each cell."""
  return counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / max(counts.sum(), 1)


def judge(session: core.Session, seed: int, cells: int, genes: int) -> np.ndarray:
  """Both parts of the score of one experiment."""
  seen, hidden, truth = experiment(seed, cells, genes)
  estimate = checks.array(session.call("denoise", seen.copy()), (cells, genes), low=0, high=1e9, name="denoise")
  zero, one = losses(plain(seen), hidden, truth), losses(truth, hidden, truth)
  return (zero - losses(estimate, hidden, truth)) / (zero - one)


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("experiments", HIDDEN))
  parts = np.array([judge(session, seed, *SIZES[session.fidelity]) for seed in seeds])
  values = parts.mean(axis=1)
  public, hidden = float(values[:len(PUBLIC_SEEDS)].mean()), float(values[len(PUBLIC_SEEDS):].mean())
  return core.Score(hidden, {"public": public, "gap": hidden - public, "squared_part": float(parts[:, 0].mean()),
                             "poisson_part": float(parts[:, 1].mean())},
                    instances=tuple(values[:len(PUBLIC_SEEDS)].tolist()))


TASKS = [
    core.Task(
        name="count_denoising_own", family="count_denoising", domain="single_cell",
        statement=STATEMENT.format(**SIZES, seen=SEEN, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="denoise", direction="max",
        baseline=0.25, spread=0.2, best_known=0.635,
        source="our own reference: shrunken singular values and a kernel mean over cells",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
