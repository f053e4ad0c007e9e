"""Register allocation: variables with live intervals and spill costs share a few registers. Solver shape.

Which variables stay in registers at least spill cost is, on interval graphs, a flow problem with an integral linear
program, so that the optimum is known exactly. Programs are ours, with nested loops that raise costs, from hidden seeds.
"""

import functools
import pathlib

import numpy as np
from scipy import optimize

from eft_jax import core
from eft_jax.core import checks

VARIABLES = {"search": 30, "full": 250}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 48
REGISTERS = {3: 10.2, 5: 9.9, 8: 9.35}  # mean value of the seed program over hidden seeds

STATEMENT = """A compiler keeps variables in {registers} registers. Variable v is alive from start[v] up to, not \
including, end[v]; two variables that are alive at the same time need different registers. A variable without a \
register is spilled, which costs cost[v]. Spill as little cost as possible.

Write `allocate(start, end, cost, registers)`. It is called once for B = {instances} programs: three integer arrays of \
shape (B, V), times and costs, and registers = {registers}. Costs are high inside of loops, times run from 0 to 4 V. \
Return integers of shape (B, V): the register of each variable, 0 to {last}, or -1 where it is spilled. V = {search} \
({full} at full fidelity).

Invalid: another shape, a register that does not exist, one register for two variables that are alive at the same \
time.

Score: spilled cost minus the least possible one, in percent of the cost of all variables, averaged over hidden \
programs; lower is better, 0 is the optimum.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Give variables (start, end, cost, arrays (B, V)) one of {registers} registers, or -1: spilled. No overlap "
         "in a register. Minimise spilled cost.")


def draw(seed: int, count: int, registers: int) -> np.ndarray:
  """Start, end and cost [3, count]: many short intervals, some long ones, costs by loop depth and number of uses."""
  rng = np.random.default_rng([seed, count])
  horizon = 4 * count
  depth = np.zeros(horizon, int)
  for _ in range(max(3, count // 8)):
    at, length = rng.integers(horizon), rng.integers(8, 40)
    depth[at:at + length] += 1
  # Mean length such that about twice as many variables are alive as there are registers.
  length = 1 + rng.gamma(0.7, 2 * registers * horizon / count / 0.7, count).astype(int)
  start = rng.integers(0, horizon - 1, count)
  end = np.minimum(start + length, horizon)
  uses = 1 + rng.poisson(1.5 + 0.02 * (end - start))
  heat = np.array([depth[s:e].max() for s, e in zip(start, end, strict=True)])
  return np.array([start, end, uses * 3 ** np.minimum(heat, 3)])


def least_spill(start: np.ndarray, end: np.ndarray, cost: np.ndarray, registers: int) -> float:
  """Least spilled cost of one program; the constraint matrix has consecutive ones, so that its vertices are whole."""
  alive = (start <= start[:, None]) & (end > start[:, None])  # at each start: who is alive
  kept = optimize.linprog(-cost, A_ub=alive, b_ub=np.full(len(start), registers), bounds=(0, 1), method="highs")
  return float(cost.sum() + np.rint(kept.fun))


@functools.lru_cache(maxsize=8)
def programs(seeds: tuple[int, ...], count: int, registers: int) -> tuple[np.ndarray, np.ndarray]:
  """Starts, ends and costs [instances, 3, count], and least spilled costs [instances]."""
  drawn = np.array([draw(seed, count, registers) for seed in seeds])
  best = np.array([least_spill(*program, registers) for program in drawn])
  drawn.setflags(write=False), best.setflags(write=False)
  return drawn, best


def check(where: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
  """Raises Invalid where two variables that are alive at the same time share a register; arrays [B, V]."""
  for b in range(len(where)):
    # In one register, sorted by start, each interval must end before the next one starts.
    order = np.lexsort((start[b], where[b]))
    order = order[where[b, order] >= 0]
    one, two = order[:-1], order[1:]
    bad = np.flatnonzero((where[b, one] == where[b, two]) & (end[b, one] > start[b, two]))
    if len(bad):
      u, v = one[bad[0]], two[bad[0]]
      raise core.Invalid(f"program {b}: variables {u} [{start[b, u]}, {end[b, u]}) and {v} [{start[b, v]}, "
                         f"{end[b, v]}) share register {where[b, u]}")


def evaluate(session: core.Session, registers: int) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("programs", HIDDEN))
  drawn, best = programs(seeds, VARIABLES[session.fidelity], registers)
  start, end, cost = (drawn[:, i].copy() for i in range(3))
  result = session.call("allocate", start.copy(), end.copy(), cost.copy(), registers)
  where = checks.array(result, start.shape, dtype=int, low=-1, high=registers - 1, name="register")
  check(where, start, end)
  spilled = (cost * (where < 0)).sum(axis=1)
  values = 100 * (spilled - best) / cost.sum(axis=1)
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "spilled_variables": float((where < 0).mean())},
                    instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name=f"register_allocation_{registers}_own", family="register_allocation", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, registers=registers, last=registers - 1,
                                   **VARIABLES),
        brief=BRIEF.format(registers=registers),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="allocate", direction="min",
        baseline=baseline, spread=2.7, best_known=0.0, source="the optimum, by an integral linear program",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, registers=registers))
    for registers, baseline in REGISTERS.items()
]
