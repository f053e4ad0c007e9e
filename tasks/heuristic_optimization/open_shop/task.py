"""Open shop: every job visits every machine, in whatever order. Solver shape.

Instances are ours, from hidden seeds. An order of operations is read as a schedule in which everything starts as early
as it can after what stands before it. The largest load of a job or machine is a lower bound that is often reached.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": 6, "full": 12}  # jobs, and machines
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (words, value of the seed program, of our reference, spread of the seed's value)
KINDS = {
    "random": ("Times are uniform from 1 to 99.", 0.4963, 0.998, 0.056),
    "balanced": ("All jobs and machines have the same total time.", 0.4845, 0.893, 0.061),
}

STATEMENT = """Open shop. Every one of J jobs must visit every one of M machines once, in any order; job j needs \
machine m for times[j, m]. A machine works on one job at a time, a job is on one machine at a time. Finish all jobs \
early.

Write `solve(times)`. `times` has shape ({count}, J, M): {count} instances of whole times, J = M = 6 (12 at full \
fidelity). {words} Return an array (or lists) of shape ({count}, J * M): row b holds each operation number j * M + m \
once. The operations start in this order, each as soon as its job and its machine are free after those before it.

Invalid: another shape, a number that is not an integer from 0 to J * M - 1, an operation that stands twice.

Score: the largest total time of a job or machine, a lower bound, over the makespan, averaged over {hidden} hidden \
instances; {public} are public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Order the operations of open shops, many instances at once. Maximise lower bound over makespan."


def draw(kind: str, seed: int, n: int) -> np.ndarray:
  """Whole times [n, n], positive."""
  rng = np.random.default_rng(seed)
  if kind == "random":
    return rng.integers(1, 100, (n, n))
  # A sum of permutation matrices has equal sums of rows and columns.
  return 1 + sum(rng.integers(5, 40) * np.eye(n, dtype=np.int64)[rng.permutation(n)] for _ in range(2 * n))


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> np.ndarray:
  """Times [B, jobs, machines]."""
  times = np.stack([draw(kind, seed, n) for seed in seeds])
  times.setflags(write=False)
  return times


def makespans(times: np.ndarray, orders: np.ndarray) -> np.ndarray:
  """Makespans [B] of orders [B, J * M] of operations."""
  rows = np.arange(len(times))
  job_free, machine_free = np.zeros(times.shape[:2], np.int64), np.zeros(times.shape[::2], np.int64)
  for operation in orders.T:
    job, machine = np.divmod(operation, times.shape[2])
    end = np.maximum(job_free[rows, job], machine_free[rows, machine]) + times[rows, job, machine]
    job_free[rows, job] = machine_free[rows, machine] = end
  return job_free.max(axis=1)


def evaluate(session: core.Session, kind: str) -> core.Score:
  times = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), SIZES[session.fidelity])
  count, jobs, machines = times.shape
  orders = checks.permutations(session.call("solve", times.copy()), count, jobs * machines, name="orders")
  bounds = np.maximum(times.sum(axis=1).max(axis=1), times.sum(axis=2).max(axis=1))
  values = bounds / makespans(times, orders)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"open_shop_{kind}_own", family="open_shop", domain="heuristic_optimization",
        statement=STATEMENT.format(count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN, words=words),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference: densest starts by remaining work, with noise",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
