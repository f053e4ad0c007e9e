"""Job shop: order the operations of jobs that visit machines in their own orders. Solver shape.

Instances are ours, from hidden seeds. An order of operations is read as a schedule in which everything starts as early
as it can after what stands before it, so that every order is feasible and some order is optimal.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (8, 5), "full": (15, 10)}  # jobs and machines
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (words, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "random": ("in a random order", 0.7476, 0.893, 0.084),
    "two_sets": ("the lower half of the machine numbers before the others", 0.6311, 0.824, 0.041),
}

STATEMENT = """Job shop. Job j visits every machine once, {words}; its k-th operation needs machine machines[j, k] for \
times[j, k]. A machine works on one operation at a time, as does a job.

Write `solve(machines, times)` for {count} instances at once. Both arguments have shape ({count}, J, M), whole \
numbers: J = 8 jobs, M = 5 machines (15 and 10 at full fidelity), times from 1 to 99. Return an array (or lists) of \
shape ({count}, J * M): row b holds each job number 0 to J - 1 exactly M times. The k-th entry j stands for the next \
operation of job j; the operations start in this order, each as soon as its job and its machine are free after those \
before it.

Invalid: another shape, a job that does not stand M times.

Score: a lower bound (longest job or fullest machine) over the makespan, averaged over {hidden} hidden instances; \
{public} are public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Order the operations of job shops, many instances at once. Maximise lower bound over makespan."


def draw(kind: str, seed: int, jobs: int, machines: int) -> tuple[np.ndarray, np.ndarray]:
  """Machines and times of the operations [jobs, machines]."""
  rng = np.random.default_rng(seed)
  order = rng.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
  if kind == "two_sets":
    late = np.argsort(order >= machines // 2, axis=1, kind="stable")
    order = np.take_along_axis(order, late, axis=1)
  return order, rng.integers(1, 100, (jobs, machines))


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], jobs: int, machines: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Machines and times [B, jobs, machines], and lower bounds of the makespan [B]."""
  drawn = [draw(kind, seed, jobs, machines) for seed in seeds]
  order, times = (np.stack(part) for part in zip(*drawn, strict=True))
  before = np.cumsum(times, axis=2) - times
  after = times.sum(axis=2, keepdims=True) - before - times
  bounds = times.sum(axis=2).max(axis=1)
  for machine in range(machines):  # its work, with the shortest way to it and from it
    here = order == machine
    head, tail = (np.where(here, part, 1 << 40).min(axis=(1, 2)) for part in (before, after))
    bounds = np.maximum(bounds, head + np.where(here, times, 0).sum(axis=(1, 2)) + tail)
  for part in (order, times, bounds):
    part.setflags(write=False)
  return order, times, bounds


def makespans(machines: np.ndarray, times: np.ndarray, orders: np.ndarray) -> np.ndarray:
  """Makespans [B] of orders [B, J * M], jobs with repetition."""
  rows = np.arange(len(times))
  done = np.zeros(times.shape[:2], np.int64)  # how many operations of a job are placed
  job_free, machine_free = np.zeros(times.shape[:2], np.int64), np.zeros(times.shape[::2], np.int64)
  for job in orders.T:
    step = done[rows, job]
    machine = machines[rows, job, step]
    end = np.maximum(job_free[rows, job], machine_free[rows, machine]) + times[rows, job, step]
    job_free[rows, job] = machine_free[rows, machine] = end
    done[rows, job] = step + 1
  return job_free.max(axis=1)


def evaluate(session: core.Session, kind: str) -> core.Score:
  seeds = PUBLIC + tuple(session.seeds(kind, HIDDEN))
  machines, times, bounds = instances(kind, seeds, *SIZES[session.fidelity])
  count, jobs, steps = times.shape
  result = session.call("solve", machines.copy(), times.copy())
  orders = checks.array(result, (count, jobs * steps), dtype=int, low=0, high=jobs - 1, name="orders")
  stands = (orders[:, :, None] == np.arange(jobs)).sum(axis=1)
  bad = np.argwhere(stands != steps)
  if len(bad):
    b, j = bad[0]
    raise core.Invalid(f"orders[{b}] holds job {j} {stands[b, j]} times, expected {steps}")
  values = bounds / makespans(machines, times, orders)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"job_shop_{kind}_own", family="job_shop", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: random keys, improved by rounds",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
