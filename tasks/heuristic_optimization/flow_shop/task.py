"""Permutation flow shop: Taillard's published instances (construction shape), and hidden ones of ours (solver shape).

The published instances of 20 jobs and 5 machines come from Taillard's linear congruential generator (E. Taillard,
Benchmarks for basic scheduling problems, EJOR 64, 1993); their optimal makespans are known.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

JOBS, MACHINES = 20, 5
# number of the published instance: (seed of the generator, makespan of the seed program, optimal makespan)
TAILLARD = {1: (873654221, 1370, 1278), 2: (379008056, 1437, 1359), 3: (1866992158, 1205, 1081),
            4: (216771124, 1446, 1293), 5: (495070989, 1340, 1235)}
SIZES = {"search": (20, 5), "full": (60, 10)}  # jobs and machines of the hidden instances
PUBLIC = tuple(range(8))
HIDDEN = 32

SHOP = """Permutation flow shop. Every job passes machines 0, 1, 2, ... in this order, and all machines process the \
jobs in one common order. A machine works on one job at a time, a job is on one machine at a time, and everything \
starts as early as it can. Order the jobs so that the last one finishes early.
"""

RULES = "Rules: Python with numpy and scipy; no files, network or input; same result on every run; "

STATEMENT = SHOP + """
Write `construct(times, previous=None)`. `times` has shape (5, 20): times[m, j] is the whole time that job j needs on \
machine m. Return the order, a list of the 20 job numbers 0 to 19. `previous` is the order that the parent program \
reached, or None.

Invalid: another length, a number that is not an integer from 0 to 19, a job that stands twice.

Score: the makespan, when the last job leaves machine 4; lower is better. The instance is number {number} of \
Taillard's 20 x 5 benchmarks; its optimum is {best}.

""" + RULES + "half a second of CPU."

HIDDEN_STATEMENT = SHOP + """
Write `solve(times)`. `times` has shape ({count}, m, n): times[b, m, j] is the whole time that job j needs on machine \
m in instance b. There are 20 jobs on 5 machines (60 on 10 at full fidelity). Return an array (or lists) of shape \
({count}, n): row b is the order of the jobs 0 to n - 1 in instance b.

Invalid: another shape, a number that is not an integer from 0 to n - 1, a job that stands twice.

Score: a lower bound of the makespan over the makespan, averaged over {hidden} hidden instances; {public} are public. \
Higher is better, at most 1.

""" + RULES + "half a second of CPU for all instances."

BRIEF = "Order 20 jobs that pass 5 machines in the same order, as a permutation. Minimise the makespan."
HIDDEN_BRIEF = "Order the jobs of flow shops, many instances at once. Maximise lower bound over makespan."


def uniform(state: int, count: int) -> list[int]:
  """`count` whole numbers from 1 to 99 by Taillard's generator, x <- 16807 x mod (2^31 - 1)."""
  numbers = []
  for _ in range(count):
    state = 16807 * state % (2**31 - 1)
    numbers.append(1 + state * 99 // (2**31 - 1))
  return numbers


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], jobs: int, machines: int) -> np.ndarray:
  """Times [B, machines, jobs]."""
  times = np.array([uniform(seed, jobs * machines) for seed in seeds]).reshape(len(seeds), machines, jobs)
  times.setflags(write=False)
  return times


def makespans(times: np.ndarray, orders: np.ndarray) -> np.ndarray:
  """Makespans [B] of orders [B, n] for times [B, m, n]."""
  ready = np.zeros(times.shape[:2], np.int64)  # when each machine is done with the job before
  for job in orders.T:
    work = np.take_along_axis(times, job[:, None, None], axis=2)[:, :, 0]
    done = np.zeros(len(times), np.int64)
    for machine in range(times.shape[1]):
      done = np.maximum(done, ready[:, machine]) + work[:, machine]
      ready[:, machine] = done
  return ready[:, -1]


def bounds(times: np.ndarray) -> np.ndarray:
  """Lower bounds [B]: a machine's work with the shortest head and tail of a job; the longest job."""
  heads = (np.cumsum(times, axis=1) - times).min(axis=2)
  tails = (np.cumsum(times[:, ::-1], axis=1)[:, ::-1] - times).min(axis=2)
  return np.maximum((heads + times.sum(axis=2) + tails).max(axis=1), times.sum(axis=1).max(axis=1))


def evaluate(session: core.Session, number: int) -> core.Score:
  times = instances((TAILLARD[number][0],), JOBS, MACHINES)
  result = checks.array(session.call("construct", times[0].copy(), session.previous), (JOBS,), dtype=int, name="order")
  order = checks.permutations(result[None], 1, JOBS, name="order")
  idle = times.sum(axis=2)[0]
  value = float(makespans(times, order)[0])
  busy = ", ".join(f"{work / value:.2f}" for work in idle)
  return core.Score(value, artifacts={"load": f"machines 0 to 4 work for these shares of the makespan: {busy}"},
                    construction=order[0])


def evaluate_hidden(session: core.Session) -> core.Score:
  # Seeds of the generator lie between 1 and 2^31 - 2.
  seeds = PUBLIC + tuple(session.seeds("hidden", HIDDEN))
  times = instances(tuple(1 + 7919 * (seed + 1) % (2**31 - 3) for seed in seeds), *SIZES[session.fidelity])
  orders = checks.permutations(session.call("solve", times.copy()), len(times), times.shape[2], name="orders")
  values = bounds(times) / makespans(times, orders)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"flow_shop_taillard_{number}", family="flow_shop", domain="heuristic_optimization",
        statement=STATEMENT.format(number=number, best=best), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best), source="optimal, Taillard's published benchmarks",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, number=number))
    for number, (_, baseline, best) in TAILLARD.items()
] + [
    core.Task(
        name="flow_shop_hidden_own", family="flow_shop", domain="heuristic_optimization",
        statement=HIDDEN_STATEMENT.format(count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=HIDDEN_BRIEF, seed=pathlib.Path(__file__).with_name("seed.batch.py").read_text(), entry="solve",
        direction="max", baseline=0.9034, best_known=0.985, spread=0.047,
        source="our own reference: NEH rule and insertion search",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate_hidden)
]
