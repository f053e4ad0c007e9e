"""Spot instances: a job with a deadline runs on cheap machines that may vanish, or on dear ones. Policy shape.

The idea is that of the `cannot be late` problem: waiting and cheap machines save money until the slack is used up. The
state is small, so the candidate is asked once for all of it. Markets (availability over time) come from hidden seeds.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (40, 80, 4), "full": (40, 80, 32)}  # work, deadline, traces of a market
START, PRICE = 3, 0.3
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 240

STATEMENT = """A job needs {work} ticks of work within {deadline} ticks. In each tick it runs on a spot machine (price \
0.3, only where one is available), on an on-demand machine (price 1) or not at all. Each start of a machine, after a \
wait or on a change of kind, adds 3 ticks of work. A spot machine that is no longer available is lost. A choice after \
which even on-demand could not meet the deadline is replaced by on-demand.

Write `decide(work, time, spot, running)`. It is called once, with four equal-shaped integer arrays of all states: \
ticks of work left, ticks of time left, whether spot is available (0 or 1), and what is still running (0 nothing, 1 \
spot, 2 on-demand). Return integers of that shape: 0 wait, 1 spot (wait where there is none), 2 on-demand.

Invalid: another shape, a number that is not 0, 1 or 2.

Score: cost over that of {work} ticks on demand, averaged over hidden markets; spot stays for 6 to 30 ticks and is \
away for 3 to 12 on average. Lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Choose 0 wait, 1 spot (0.3, may vanish) or 2 on-demand (1.0) for each state (work, time, spot, running) of "
         "a job with a deadline. Minimise cost.")


def grids(work: int, deadline: int) -> list[np.ndarray]:
  """All states, as four arrays [work + START + 1, deadline + 1, 2, 3]."""
  return np.meshgrid(np.arange(work + START + 1), np.arange(deadline + 1), np.arange(2), np.arange(3), indexing="ij")


@functools.lru_cache(maxsize=4)
def markets(seeds: tuple[int, ...], deadline: int, count: int) -> np.ndarray:
  """Availability [instances, count, deadline] of spot machines: up and down for random times."""
  drawn = []
  for seed in seeds:
    rng = np.random.default_rng([seed, deadline])
    leave, come = 1 / rng.uniform(6, 30), 1 / rng.uniform(3, 12)
    there = rng.random(count) < come / (come + leave)
    trace = []
    for _ in range(deadline):
      trace.append(there)
      change = rng.random(count)
      there = np.where(there, change >= leave, change < come)
    drawn.append(np.array(trace).T)
  result = np.array(drawn).astype(np.int64)
  result.setflags(write=False)
  return result


def simulate(table: np.ndarray, spot: np.ndarray, work: int, deadline: int) -> np.ndarray:
  """Cost [R] of the policy in a table [work + START + 1, deadline + 1, 2, 3] on availabilities [R, deadline]."""
  left = np.full(len(spot), work)
  running = np.zeros(len(spot), np.int64)
  cost = np.zeros(len(spot))
  for t in range(deadline):
    now, time = spot[:, t], deadline - t
    running = np.where((running == 1) & (now == 0), 0, running)
    # Extra work by starts is bounded by the deadline, not by the table: beyond its end its last row counts.
    action = table[np.minimum(left, work + START), time, now, running]
    action = np.where((action == 1) & (now == 0), 0, action)
    after = left + START * ((action > 0) & (action != running)) - (action > 0)
    late = (after > 0) & (time - 1 < after + START * (action != 2))  # for a start on demand in the next tick
    action = np.where(left > 0, np.where(late, 2, action), 0)
    left = left + START * ((action > 0) & (action != running)) - (action > 0)
    cost += np.array((0.0, PRICE, 1.0))[action]
    running = action
  if left.any():
    raise AssertionError("a job missed its deadline")
  return cost


def evaluate(session: core.Session) -> core.Score:
  work, deadline, count = SIZES[session.fidelity]
  spot = markets(PUBLIC_SEEDS + tuple(session.seeds("markets", HIDDEN)), deadline, count)
  states = grids(work, deadline)
  table = checks.array(session.call("decide", *(s.copy() for s in states)), states[0].shape, dtype=int, low=0, high=2,
                       name="choice")
  costs = simulate(table, spot.reshape(-1, deadline), work, deadline).reshape(len(spot), count)
  values = costs.mean(axis=1) / work
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "worst": float(hidden.max())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="spot_instances_own", family="spot_instances", domain="systems",
        statement=STATEMENT.format(work=SIZES["search"][0], deadline=SIZES["search"][1]), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="decide", direction="min",
        baseline=0.787, spread=0.03, best_known=0.565,
        source="our own reference: dynamic programming for a market with mean durations",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
