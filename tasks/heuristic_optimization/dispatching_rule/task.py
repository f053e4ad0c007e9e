"""Dispatching in a dynamic job shop: the candidate ranks the jobs that wait at a free machine. Policy shape.

The trusted side keeps the state of all shops and never shows a job before it has arrived. No machine waits while a job
waits for it. Instances are ours, from hidden seeds.
"""

import dataclasses
import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (12, 4), "full": (60, 6)}  # jobs and machines
PUBLIC = tuple(range(8))
HIDDEN = 32
PARTS = slice(None, len(PUBLIC)), slice(len(PUBLIC), None)

# kind: (words of the cost, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "tardiness": ("weight times the time from due date to end of late jobs", 1.029, 1.677, 0.087),
    "flow": ("weight times the time from arrival to end of jobs", 1.006, 1.157, 0.026),
}

STATEMENT = """Dispatching in a job shop. Jobs arrive over time and visit all machines, each in its own order. When a \
machine is free, one of the jobs that wait for it is chosen.

Write `priority(time, rest, slack, weight, waited)`. It is called once per choice, for B = {count} shops. Arguments \
have shape (B, K): row b holds the jobs waiting at a free machine of shop b (the first repeated to fill the row). \
time: what the job needs here; rest: here and afterwards; slack: due date minus now minus rest; weight: 1 to 10; \
waited: time since it came here. Return an array of shape (B, K): the job with the largest number of its row is next.

Invalid: another shape, numbers that are not finite and real.

Score: cost with first come, first served, over cost with your rule, both summed over {hidden} hidden shops; {public} \
are public. The cost sums {words}. There are 12 jobs on 4 machines (60 on 6 at full fidelity). Higher is better.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Rank the jobs waiting at a free machine, shape (B, K); the largest is next. Maximise the gain over first come."


@dataclasses.dataclass(frozen=True)
class Shops:
  """Routes and times of operations [B, J, M]; arrivals, due dates and weights of jobs [B, J]."""

  machines: np.ndarray
  times: np.ndarray
  arrival: np.ndarray
  due: np.ndarray
  weight: np.ndarray


def draw(seed: int, jobs: int, machines: int) -> tuple[np.ndarray, ...]:
  """One shop, its arrays in the order of Shops."""
  rng = np.random.default_rng(seed)
  order = rng.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
  times = rng.integers(1, 100, (jobs, machines))
  arrival = np.floor(np.cumsum(rng.exponential(40, jobs))).astype(np.int64)
  due = arrival + np.floor(rng.uniform(1.0, 1.6, jobs) * times.sum(axis=1)).astype(np.int64)
  return order, times, arrival, due, rng.integers(1, 11, jobs)


def simulate(shops: Shops, rule) -> np.ndarray:
  """When each job is done [B, J]; `rule(time, rest, slack, weight, waited) -> [B, K]` chooses.

  One operation per shop and step: the one that can start first, and where several wait at that machine, the rule's.
  """
  count, jobs, steps = shops.times.shape
  rows = np.arange(count)
  job_free, machine_free = shops.arrival.copy(), np.zeros((count, steps), np.int64)
  step = np.zeros((count, jobs), np.int64)
  remaining = shops.times.sum(axis=2)
  for _ in range(jobs * steps):
    here = np.minimum(step, steps - 1)[:, :, None]
    machine = np.take_along_axis(shops.machines, here, axis=2)[:, :, 0]
    time = np.take_along_axis(shops.times, here, axis=2)[:, :, 0]
    start = np.maximum(job_free, np.take_along_axis(machine_free, machine, axis=1))
    start[step == steps] = np.iinfo(np.int64).max
    first = start.argmin(axis=1)
    now = start[rows, first]
    waits = (machine == machine[rows, first][:, None]) & (job_free <= now[:, None]) & (step < steps)
    width = int(waits.sum(axis=1).max())
    order = np.argsort(~waits, axis=1, kind="stable")[:, :width]
    order = np.where(np.take_along_axis(waits, order, axis=1), order, order[:, :1])
    pick = lambda values: np.take_along_axis(values, order, axis=1)  # noqa: B023
    rest = pick(remaining)
    scores = rule(pick(time), rest, pick(shops.due) - now[:, None] - rest, pick(shops.weight),
                  now[:, None] - pick(job_free))
    job = order[rows, scores.argmax(axis=1)]
    end = now + time[rows, job]
    job_free[rows, job] = machine_free[rows, machine[rows, job]] = end
    remaining[rows, job] -= time[rows, job]
    step[rows, job] += 1
  return job_free


def costs(kind: str, shops: Shops, done: np.ndarray) -> np.ndarray:
  """Cost [B] of jobs done at the given times [B, J], plus 1."""
  late = np.maximum(done - shops.due, 0) if kind == "tardiness" else done - shops.arrival
  return 1 + (shops.weight * late).sum(axis=1)


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], jobs: int, machines: int) -> tuple[Shops, np.ndarray]:
  """Shops, and their costs with first come, first served [B]."""
  parts = [np.stack(part) for part in zip(*(draw(seed, jobs, machines) for seed in seeds), strict=True)]
  for part in parts:
    part.setflags(write=False)
  shops = Shops(*parts)
  return shops, costs(kind, shops, simulate(shops, lambda time, rest, slack, weight, waited: waited))


def evaluate(session: core.Session, kind: str) -> core.Score:
  shops, fair = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), *SIZES[session.fidelity])

  def rule(*seen: np.ndarray) -> np.ndarray:
    return checks.array(session.call("priority", *seen), seen[0].shape, name="priority")

  paid = costs(kind, shops, simulate(shops, rule))
  # Totals, because ratios of single shops with little lateness would outweigh the others.
  public, hidden = (float(fair[part].sum() / paid[part].sum()) for part in PARTS)
  values = fair[PARTS[0]] / paid[PARTS[0]]
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values.tolist()))


TASKS = [
    core.Task(
        name=f"dispatching_rule_{kind}_own", family="dispatching_rule", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="priority", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: weight over time, and slack",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
