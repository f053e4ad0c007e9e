"""Resource-constrained project scheduling: a priority order of activities. Solver shape.

The order is read by the serial schedule generation scheme (Kelley 1963), which reaches an optimal schedule for some
order. Instances are ours, from hidden seeds. Durations are compared with the rule of the latest start, which the
evaluation runs itself.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

ACTIVITIES = {"search": 18, "full": 40}
RESOURCES = 3
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (capacity of each resource, value of the seed program, value of our reference, spread of the seed's value)
KINDS = {"scarce": (11, 0.929, 1.039, 0.066), "plenty": (15, 0.9313, 1.025, 0.053)}

STATEMENT = """Project scheduling. Activity j lasts duration[j] time units without interruption, needs need[j, r] \
units of each of {resources} resources while it lasts, and may start when all activities that must come before it have \
ended. {capacity} units of each resource are there at any time. Finish the project early.

Write `solve(duration, need, before)` for {count} instances at once: `duration` has shape ({count}, n), `need` \
({count}, n, {resources}), `before` ({count}, n, n) with before[b, i, j] = 1 where i must end before j starts; n = 18 \
(40 at full fidelity). Return an array (or lists) of shape ({count}, n): row b is a priority order of the activities 0 \
to n - 1. Again and again, the first activity left whose predecessors are scheduled gets its earliest feasible start.

Invalid: another shape, a number that is not an integer from 0 to n - 1, an activity that stands twice.

Score: duration by the rule of the latest start over yours, averaged over {hidden} hidden instances; {public} are \
public. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Order the activities of projects with scarce resources by priority. Maximise a rule's duration over yours."


def draw(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Durations [n], needs [n, RESOURCES] and precedence [n, n] of activities in random order."""
  rng = np.random.default_rng(seed)
  duration = rng.integers(1, 11, n)
  need = rng.integers(0, 11, (n, RESOURCES)) * (rng.random((n, RESOURCES)) < 0.7)
  before = np.zeros((n, n), np.int64)
  for j in range(1, n):  # one to three predecessors among the eight activities before
    earlier = np.arange(max(0, j - 8), j)
    before[rng.choice(earlier, min(len(earlier), rng.integers(1, 4)), replace=False), j] = 1
  order = rng.permutation(n)
  return duration[order], need[order], before[order][:, order]


def latest_start(duration: np.ndarray, before: np.ndarray) -> list[int]:
  """Activities by the time that the longest chain from their start to the end of the project needs, longest first."""
  tail = duration.copy()
  for _ in range(len(duration)):
    tail = duration + (before * tail).max(axis=1)
  return np.argsort(-tail, kind="stable").tolist()


def makespan(duration: np.ndarray, need: np.ndarray, before: np.ndarray, capacity: int, order: list[int]) -> int:
  """Duration of the project by the serial scheme."""
  n = len(order)
  lasts, ends = duration.tolist(), [0] * n
  waits = [set(np.flatnonzero(column).tolist()) for column in before.T]
  used = np.zeros((int(duration.sum()) + 1, RESOURCES), np.int64)
  left = list(order)
  while left:
    j = next(i for i in left if not waits[i])
    left.remove(j)
    start = max((ends[i] for i in np.flatnonzero(before[:, j])), default=0)
    room = capacity - need[j]
    while (full := np.flatnonzero((used[start:start + lasts[j]] > room).any(axis=1))).size:
      start += int(full[-1]) + 1
    used[start:start + lasts[j]] += need[j]
    ends[j] = start + lasts[j]
    for i in left:
      waits[i].discard(j)
  return max(ends)


@functools.lru_cache(maxsize=4)
def instances(capacity: int, seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, ...]:
  """Durations [B, n], needs [B, n, RESOURCES], precedence [B, n, n] and durations of the rule [B]."""
  drawn = [draw(seed, n) for seed in seeds]
  rule = [makespan(*each, capacity, latest_start(each[0], each[2])) for each in drawn]
  parts = tuple(np.stack(part) for part in zip(*drawn, strict=True))
  for part in parts:
    part.setflags(write=False)
  return *parts, np.array(rule)


def evaluate(session: core.Session, capacity: int) -> core.Score:
  seeds = PUBLIC + tuple(session.seeds(f"capacity {capacity}", HIDDEN))
  duration, need, before, rule = instances(capacity, seeds, ACTIVITIES[session.fidelity])
  result = session.call("solve", duration.copy(), need.copy(), before.copy())
  orders = checks.permutations(result, *duration.shape, name="orders").tolist()
  spans = [makespan(duration[b], need[b], before[b], capacity, order) for b, order in enumerate(orders)]
  values = rule / np.array(spans)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"project_scheduling_{kind}_own", family="project_scheduling", domain="heuristic_optimization",
        statement=STATEMENT.format(capacity=capacity, resources=RESOURCES, count=len(PUBLIC) + HIDDEN,
                                   public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference: latest starts with noise, best of many",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, capacity=capacity))
    for kind, (capacity, baseline, best, spread) in KINDS.items()
]
