"""Single machine, total weighted tardiness, with and without release dates. Solver shape.

Instances are ours, from hidden seeds, by the recipe of Potts and Van Wassenhove (1991): due dates from a window that
tardiness factor and range place. Costs are compared with the apparent-tardiness-cost dispatching rule (Vepsalainen
and Morton 1987), which the evaluation runs itself.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

JOBS = {"search": 30, "full": 100}
PUBLIC = tuple(range(8))
HIDDEN = 16
TARDINESS, RANGE = 0.7, 0.6  # due dates around 0.3 of the total time, in a window 0.6 of it wide

# kind: (words on release dates, value of the seed program, of our reference, spread of the seed's value over keys)
KINDS = {
    "plain": ("all zero: every job may start at once", 0.6742, 1.033, 0.066),
    "release": ("before which job j may not start", 0.4373, 1.083, 0.08),
}

STATEMENT = """One machine works on n jobs, one after another. Job j needs times[j], and costs weights[j] for each \
unit of time that it ends after due[j]. Order the jobs so that the total cost is small.

Write `solve(times, weights, due, release)` for {count} instances at once; all arguments have shape ({count}, n), \
whole numbers, n = 30 (100 at full fidelity). Times are 1 to 100, weights 1 to 10; release dates are {words}. Return \
an array (or lists) of shape ({count}, n): row b is the order of the jobs 0 to n - 1. Each job starts as soon as the \
one before it has ended{wait}.

Invalid: another shape, a number that is not an integer from 0 to n - 1, a job that stands twice.

Score: (cost of the apparent-tardiness-cost rule + 1) / (cost + 1), averaged over {hidden} hidden instances; {public} \
are public. Higher is better; above 1 the order beats the rule.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Order jobs with weights and due dates on one machine. Maximise the cost of a dispatching rule over yours."


def draw(kind: str, seed: int, n: int) -> np.ndarray:
  """Times, weights, due dates and release dates [4, n], whole numbers."""
  rng = np.random.default_rng(seed)
  times, weights = rng.integers(1, 101, n), rng.integers(1, 11, n)
  low, high = 1 - TARDINESS - RANGE / 2, 1 - TARDINESS + RANGE / 2
  due = np.floor(times.sum() * rng.uniform(low, high, n)).astype(np.int64)
  if kind == "plain":
    return np.stack([times, weights, due, np.zeros(n, np.int64)])
  release = rng.integers(0, int(0.6 * times.sum()), n)
  return np.stack([times, weights, np.maximum(due, release + times), release])


def costs(
    times: np.ndarray, weights: np.ndarray, due: np.ndarray, release: np.ndarray, orders: np.ndarray
) -> np.ndarray:
  """Total weighted tardiness [B] of orders [B, n]."""
  rows = np.arange(len(times))
  clock = np.zeros(len(times), np.int64)
  total = np.zeros(len(times), np.int64)
  for job in orders.T:
    clock = np.maximum(clock, release[rows, job]) + times[rows, job]
    total += weights[rows, job] * np.maximum(clock - due[rows, job], 0)
  return total


def dispatch(times: np.ndarray, weights: np.ndarray, due: np.ndarray, release: np.ndarray) -> np.ndarray:
  """Orders [B, n] by the apparent-tardiness-cost rule with look-ahead 2, among the jobs that are released."""
  rows = np.arange(len(times))
  left = np.ones(times.shape, bool)
  clock = np.zeros(len(times), np.int64)
  orders = []
  for _ in range(times.shape[1]):
    clock = np.maximum(clock, np.where(left, release, 1 << 40).min(axis=1))
    slack = np.maximum(due - times - clock[:, None], 0)
    index = weights / times * np.exp(-slack / (2 * times.mean(axis=1, keepdims=True)))
    job = np.where(left & (release <= clock[:, None]), index, -1.0).argmax(axis=1)
    clock += times[rows, job]
    left[rows, job] = False
    orders.append(job)
  return np.stack(orders, axis=1)


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
  """Times, weights, due and release dates [4, B, n], and costs of the rule [B]."""
  data = np.stack([draw(kind, seed, n) for seed in seeds], axis=1)
  data.setflags(write=False)
  return data, costs(*data, dispatch(*data))


def evaluate(session: core.Session, kind: str) -> core.Score:
  data, rule = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), JOBS[session.fidelity])
  result = session.call("solve", *(part.copy() for part in data))
  orders = checks.permutations(result, *data.shape[1:], name="orders")
  values = (rule + 1) / (costs(*data, orders) + 1)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"weighted_tardiness_{kind}_own", family="weighted_tardiness", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN,
                                   wait="" if kind == "plain" else " and it is released"),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference: the rule with several look-aheads, then insertion search",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
