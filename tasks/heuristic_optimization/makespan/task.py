"""Parallel machines: assign jobs so that the last machine is done early. Solver shape.

Instances are ours, from hidden seeds. On identical machines and on machines of different speed, a perfect assignment is
planted, in which all machines end together; on unrelated machines the bound is the linear relaxation.
"""

import functools
import pathlib

import numpy as np
from scipy import optimize, sparse

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (24, 4), "full": (80, 8)}  # jobs and machines
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (words, bound of the score, value of the seed program, of our reference, its source, spread of the seed's value)
KINDS = {
    "identical": ("the same on all machines", "the optimum, at which all machines end together", 0.7944, 1.0,
                  "planted optimum", 0.041),
    "speeds": ("inversely proportional to the machine's speed", "the optimum, at which all machines end together",
               0.7164, 1.0, "planted optimum", 0.058),
    "unrelated": ("different for every job and machine", "the optimum of the linear relaxation", 0.8504, 0.964,
                  "our own reference: annealing over moves and swaps", 0.021),
}

STATEMENT = """Parallel machines: each of n jobs is done by one of m machines, whole and without interruption, and a \
machine does one job at a time. Assign the jobs so that the machine that ends last ends early.

Write `solve(times)`. `times` has shape ({count}, n, m): times[b, j, i] is the whole time that job j of instance b \
needs on machine i, {words}. There are {count} instances with n = 24 jobs and m = 4 machines (80 and 8 at full \
fidelity). Return an array (or lists) of shape ({count}, n): the machine, 0 to m - 1, of every job.

Invalid: another shape, a number that is not an integer from 0 to m - 1.

Score: {bound}, over the time at which the last machine ends, averaged over {hidden} hidden instances; {public} are \
public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Assign jobs to parallel machines, many instances at once. Maximise lower bound over makespan."


def planted(kind: str, rng: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, float]:
  """Times [n, m] and the makespan of the planted assignment, which leaves no machine idle."""
  speeds = np.full(m, 4) if kind == "identical" else rng.integers(1, 5, m)
  shares = 2 + rng.multinomial(n - 2 * m, np.full(m, 1 / m))  # at least two jobs on each machine
  sizes = []
  for speed, share in zip(speeds, shares, strict=True):
    cuts = np.sort(rng.choice(np.arange(1, 250 * speed), share - 1, replace=False))
    sizes.append(np.diff(cuts, prepend=0, append=250 * speed))
  sizes = rng.permutation(np.concatenate(sizes))
  return sizes[:, None] * (12 // speeds), 3000.0  # 12 is a multiple of all speeds, so that times are whole


def unrelated(rng: np.random.Generator, n: int, m: int) -> tuple[np.ndarray, float]:
  """Times [n, m] and the least makespan where jobs may be divided."""
  times = rng.integers(10, 51, (n, 1)) + rng.integers(0, 51, (n, m))
  each = sparse.kron(sparse.eye(n), np.ones((1, m)))
  load = sparse.hstack([sparse.coo_matrix((times.ravel(), (np.tile(np.arange(m), n), np.arange(n * m)))),
                        -np.ones((m, 1))])
  cost = np.append(np.zeros(n * m), 1.0)
  done = sparse.hstack([each, np.zeros((n, 1))])
  return times, optimize.linprog(cost, A_ub=load, b_ub=np.zeros(m), A_eq=done, b_eq=np.ones(n)).fun


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
  """Times [B, n, m] and bounds [B]."""
  generators = [np.random.default_rng(seed) for seed in seeds]
  drawn = [unrelated(rng, n, m) if kind == "unrelated" else planted(kind, rng, n, m) for rng in generators]
  times, bounds = (np.stack(part) for part in zip(*drawn, strict=True))
  times.setflags(write=False)
  return times, bounds


def evaluate(session: core.Session, kind: str) -> core.Score:
  times, bounds = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), *SIZES[session.fidelity])
  count, n, m = times.shape
  machine = checks.array(session.call("solve", times.copy()), (count, n), dtype=int, low=0, high=m - 1, name="machine")
  loads = (times * (machine[:, :, None] == np.arange(m))).sum(axis=1)
  values = bounds / loads.max(axis=1)
  if kind == "unrelated":
    values *= 1 - checks.MARGIN
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  spare = 1 - (loads / loads.max(axis=1, keepdims=True)).mean()
  return core.Score(hidden, {"public": public, "gap": public - hidden, "idle_share": float(spare)},
                    instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"makespan_{kind}_own", family="makespan", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, bound=bound, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC),
                                   hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source=source,
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, bound, baseline, best, source, spread) in KINDS.items()
]
