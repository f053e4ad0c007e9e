"""Load balancer: heavy-tailed jobs go to one of a few servers, judged by their slowest. Policy shape, tabulated.

The dispatcher sees how many jobs a server holds, its speed and when it last got one, but no work that is left. The
policy is a function of small features, so the candidate is asked once for all of them. Workloads are ours.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

JOBS = {"search": 300, "full": 5000}
SPEEDS = np.array([0.5, 0.8, 1.0, 1.5, 2.5])
SIZES = np.array([0.2, 0.5, 1.0, 2.0, 5.0, 12.0])  # what is announced: the largest of these below the size
QUEUE, IDLE = 13, 9
TAIL = 0.95
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 72
GRIDS = np.meshgrid(np.arange(QUEUE), SPEEDS, SIZES, np.arange(IDLE), indexing="ij")

STATEMENT = """Jobs arrive at random times and are sent at once to one of five servers, which work off their jobs in \
order of arrival at speeds 0.5, 0.8, 1, 1.5 and 2.5. Sizes are heavy-tailed, load is 60 to 85 %. Each job goes to the \
server of least cost, of equal ones to the slowest.

Write `cost(jobs, speed, size, idle)`. It is called once, with four arrays of shape (13, 5, 6, 9) of all values: jobs \
that the server holds (0 to 12 or more), its speed, the announced size of the new job (0.2, 0.5, 1, 2, 5 or 12: its \
true size lies between this and the next), and idle, how many jobs went to others since it last got one (0 to 8 or \
more). Return the costs.

Invalid: another shape, a number that is not finite and real.

Score: 95th percentile of the times from arrival to completion, over that of a dispatcher that knows all work left and \
picks the earliest completion; averaged over hidden workloads of {search} jobs ({full} at full fidelity). Lower is \
better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Return the cost (13, 5, 6, 9) of sending a job to a server, by its jobs, speed, job size and idle count; "
         "least wins. Minimise the tail of response times.")


@functools.lru_cache(maxsize=4)
def workloads(seeds: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Arrival times and sizes [count, instances], and the tail [instances] that full knowledge reaches."""
  times, sizes = [], []
  for seed in seeds:
    rng = np.random.default_rng([seed, count])
    size = np.clip(0.2 * (1 + rng.pareto(rng.uniform(1.3, 2.0), count)), 0.2, 40)
    rate = rng.uniform(0.6, 0.85) * SPEEDS.sum() / size.mean()
    gap = rng.exponential(1, count) * np.where(rng.random(count) < 0.2, 2.5, 0.625)  # with bursts
    times.append(np.cumsum(gap / rate))
    sizes.append(size)
  arrays = np.array(times).T.copy(), np.array(sizes).T.copy()
  ideal = simulate(None, *arrays)
  for a in (*arrays, ideal):
    a.setflags(write=False)
  return *arrays, ideal


def simulate(table: np.ndarray | None, times: np.ndarray, sizes: np.ndarray) -> np.ndarray:
  """Tail of response times [B]; without a table, each job goes where it is completed first."""
  count, blocks = times.shape
  rows, servers = np.arange(blocks), np.arange(len(SPEEDS))
  free = np.zeros((blocks, len(SPEEDS)))  # when all work of a server is done
  ends = np.full((blocks, len(SPEEDS), QUEUE), -1.0)  # completions of its last jobs, in a ring
  sent = np.zeros((blocks, len(SPEEDS)), np.int64)
  idle = np.full((blocks, len(SPEEDS)), IDLE - 1)
  kind = np.searchsorted(SIZES, sizes, side="right") - 1
  response = np.empty_like(times)
  for j in range(count):
    now, done = times[j], np.maximum(free, times[j][:, None]) + sizes[j][:, None] / SPEEDS
    if table is None:
      to = done.argmin(axis=1)
    else:
      jobs = np.minimum((ends > now[:, None, None]).sum(axis=2), QUEUE - 1)
      to = table[jobs, servers, kind[j][:, None], idle].argmin(axis=1)
    end = done[rows, to]
    response[j] = end - now
    free[rows, to] = end
    ends[rows, to, sent[rows, to] % QUEUE] = end
    sent[rows, to] += 1
    idle = np.minimum(idle + 1, IDLE - 1)
    idle[rows, to] = 0
  return np.quantile(response, TAIL, axis=0)


def evaluate(session: core.Session) -> core.Score:
  times, sizes, ideal = workloads(PUBLIC_SEEDS + tuple(session.seeds("workloads", HIDDEN)), JOBS[session.fidelity])
  table = checks.array(session.call("cost", *(grid.copy() for grid in GRIDS)), GRIDS[0].shape, name="cost")
  values = simulate(table, times, sizes) / ideal
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "worst": float(hidden.max())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="load_balancer_own", family="load_balancer", domain="systems", statement=STATEMENT.format(**JOBS),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="cost", direction="min",
        baseline=2.7, spread=0.26, best_known=1.0,
        source="our own reference: earliest completion with full knowledge of the work that is left",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
