"""Expert placement: experts of a mixture model are copied and put on devices so that the next window's load is even.

The idea is that of the expert-parallel load balancer (EPLB): more slots than experts, the load of an expert is shared
by its copies, and the placement rests on past windows. Traces are ours, from hidden seeds. The work of a placement is
counted in copies that devices must load, never timed. Policy shape: all traces in step, one call per window.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (16, 6, 4), "full": (128, 16, 10)}  # experts, devices, slots of a device
PAST, WINDOWS = 4, 4  # windows that are known at first, placements
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 40
MOVE_COST = 0.1

STATEMENT = """A mixture-of-experts layer runs on D devices with S slots each; every slot holds one copy of one of E \
experts (E < D S). The load of an expert (tokens of a window) is shared equally by its copies. Loads drift. Keep the \
devices evenly loaded.

Write `place(history, current)`. It is called {windows} times, once per coming window, for B = {instances} layers at \
once. `history` has shape (B, W, E): token counts of the past windows, oldest first. `current`, shape (B, D, S), is \
the placement in force. Return integers of the same shape (B, D, S), the expert in each slot. E, D, S = {search} \
({full} at full fidelity).

Invalid: another shape, a number that is no expert, an expert without a copy.

Score: mean over hidden layers and windows of the balance, average load of a device over the largest one in the \
coming window, minus {cost} times the share of slots whose expert the device did not hold before (from the second \
window on). Higher is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Copy E experts into D x S device slots, given past loads (B, W, E). Maximise the evenness of device loads in "
         "the next window, with few moves.")


def draw(seed: int, experts: int) -> np.ndarray:
  """Token counts [PAST + WINDOWS, experts] of one layer: skewed popularity, slow drift and sudden bursts."""
  rng = np.random.default_rng(seed)
  skew = rng.uniform(0.5, 1.1)
  level = skew * rng.standard_normal(experts)
  drift = np.zeros(experts)
  counts = []
  for _ in range(PAST + WINDOWS):
    drift = 0.85 * drift + 0.18 * rng.standard_normal(experts)
    burst = 0.4 * rng.standard_normal(experts) * (rng.random(experts) < 0.1)  # of one window
    weight = np.exp(level + drift + burst)
    counts.append(rng.poisson(1000 * experts * weight / weight.sum()))
  return np.array(counts)


@functools.lru_cache(maxsize=4)
def traces(seeds: tuple[int, ...], experts: int) -> np.ndarray:
  """Token counts [instances, PAST + WINDOWS, experts]."""
  counts = np.stack([draw(seed, experts) for seed in seeds])
  counts.setflags(write=False)
  return counts


def copies(placement: np.ndarray, experts: int) -> np.ndarray:
  """Copies [B, D, E] of each expert on each device, for a placement [B, D, S]."""
  held = np.zeros((*placement.shape[:2], experts), np.int64)
  b, d, _ = np.indices(placement.shape)
  np.add.at(held, (b, d, placement), 1)
  return held


def read(result: object, shape: tuple[int, int, int], experts: int) -> np.ndarray:
  """The placement as copies [B, D, E]. Raises Invalid."""
  placement = checks.array(result, shape, dtype=int, low=0, high=experts - 1, name="placement")
  held = copies(placement, experts)
  missing = np.argwhere(held.sum(axis=1) == 0)
  if len(missing):
    raise core.Invalid(f"layer {missing[0][0]}: expert {missing[0][1]} has no copy; {len(missing)} are missing in all")
  return held


def balance(held: np.ndarray, load: np.ndarray) -> np.ndarray:
  """Average over largest device load [B], for copies [B, D, E] and loads [B, E]."""
  devices = (held * (load / held.sum(axis=1))[:, None]).sum(axis=2)
  return load.sum(axis=1) / (devices.shape[1] * devices.max(axis=1))


def evaluate(session: core.Session) -> core.Score:
  experts, devices, slots = SIZES[session.fidelity]
  counts = traces(PUBLIC_SEEDS + tuple(session.seeds("traces", HIDDEN)), experts)
  shape = (len(counts), devices, slots)
  placement = np.broadcast_to(np.arange(devices * slots).reshape(devices, slots) % experts, shape).copy()
  before = copies(placement, experts)
  even, moved = np.zeros((2, WINDOWS, len(counts)))
  for window in range(WINDOWS):
    result = session.call("place", counts[:, :PAST + window].copy(), placement.copy())
    held = read(result, shape, experts)
    placement = np.asarray(result, np.int64).copy()
    even[window] = balance(held, counts[:, PAST + window])
    moved[window] = np.maximum(held - before, 0).sum(axis=(1, 2)) / (devices * slots) if window else 0
    before = held
  values = (even - MOVE_COST * moved).mean(axis=0) - checks.MARGIN
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):].mean()
  return core.Score(
      float(hidden), {"public": float(public.mean()), "gap": float(public.mean() - hidden),
                      "balance": float(even[:, len(PUBLIC_SEEDS):].mean()),
                      "moved": float(moved[1:, len(PUBLIC_SEEDS):].mean())}, instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="expert_placement_own", family="expert_placement", domain="systems",
        statement=STATEMENT.format(windows=WINDOWS, instances=len(PUBLIC_SEEDS) + HIDDEN, cost=MOVE_COST, **SIZES),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="place", direction="max",
        baseline=0.793, spread=0.013, best_known=0.851,
        source="our own reference: forecast, greedy copies, packing with exchanges",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
