"""Traffic lights: common cycle, green shares and offsets along a road with traffic both ways. Solver shape.

Vehicles are a fluid in steps of one second: queues leave at saturation rate while it is green, and reach the next light
after the travel time, so that offsets decide whether a platoon meets green. Roads come from hidden seeds.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

LIGHTS, SATURATION, LOST = 5, 0.5, 3  # vehicles a second, seconds of a change without flow
SECONDS = {"search": 240, "full": 3000}
SHORTEST, LONGEST = 20.0, 150.0
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 64

STATEMENT = """Traffic enters a road at both ends and passes five lights; a street crosses at each. All share one \
cycle of T seconds. Light j is green for the road during the share g[j] of the cycle that begins offset[j] seconds \
(modulo T) after the cycle does, and for the cross street in the rest; nothing moves in the first 3 seconds of either. \
Queues leave at up to 0.5 vehicles a second while it is green, and reach the next light travel seconds later.

Write `plan(flow, cross, travel)`. It is called once for B = {instances} roads: flow has shape (B, 2), vehicles a \
second that enter at the first and at the last light; cross (B, 5), those of each cross street; travel (B, 4), whole \
seconds between neighbouring lights. Return an array of shape (B, 11): T (20 to 150), five green shares (0.1 to 0.9), \
five offsets.

Invalid: another shape, a number out of range or not finite.

Score: mean waiting seconds per vehicle in {search} seconds ({full} at full fidelity), averaged over hidden roads. \
Lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Return cycle, 5 green shares and 5 offsets (B, 11) of traffic lights along roads, given flows and travel "
         "times. Minimise waiting time.")


@functools.lru_cache(maxsize=4)
def roads(seeds: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Flows [B, 2] and [B, LIGHTS] in vehicles a second, travel seconds [B, LIGHTS - 1]; loads of 50 to 85 %."""
  drawn = []
  for seed in seeds:
    rng = np.random.default_rng(seed)
    flow = SATURATION * rng.uniform(0.12, 0.45, 2)
    rest = SATURATION * rng.uniform(0.5, 0.85, LIGHTS) - flow.max()
    drawn.append((flow, np.maximum(rest, 0.04), rng.integers(6, 40, LIGHTS - 1)))
  arrays = tuple(np.array(part) for part in zip(*drawn, strict=True))
  for a in arrays:
    a.setflags(write=False)
  return arrays


def waiting(plan: np.ndarray, flow: np.ndarray, cross: np.ndarray, travel: np.ndarray, seconds: int) -> np.ndarray:
  """Mean waiting seconds per vehicle [B]."""
  cycle, share, offset = plan[:, :1], plan[:, 1:1 + LIGHTS], plan[:, 1 + LIGHTS:]
  clock = np.mod(np.arange(seconds)[:, None, None] - offset, cycle)  # [seconds, B, LIGHTS]
  green = share * cycle
  open_road = (clock >= LOST) & (clock < green)
  open_cross = clock >= green + LOST
  rows, lights = np.arange(len(plan)), np.arange(LIGHTS)
  # What is on its way: arrivals[t, b, direction, light]; beyond the end nobody waits any more.
  arrivals = np.zeros((seconds + travel.max() + 1, len(plan), 2, LIGHTS))
  arrivals[:, :, 0, 0], arrivals[:, :, 1, -1] = flow[:, 0], flow[:, 1]
  queue, side, total = np.zeros((len(plan), 2, LIGHTS)), np.zeros_like(cross), np.zeros(len(plan))
  for t in range(seconds):
    queue += arrivals[t]
    side += cross
    out = np.minimum(queue, SATURATION * open_road[t][:, None])
    queue -= out
    side -= np.minimum(side, SATURATION * open_cross[t])
    later = t + travel
    arrivals[later, rows[:, None], 0, lights[1:]] += out[:, 0, :-1]
    arrivals[later, rows[:, None], 1, lights[:-1]] += out[:, 1, 1:]
    total += queue.sum(axis=(1, 2)) + side.sum(axis=1)
  return total / (seconds * (flow.sum(axis=1) + cross.sum(axis=1)))


def evaluate(session: core.Session) -> core.Score:
  flow, cross, travel = roads(PUBLIC_SEEDS + tuple(session.seeds("roads", HIDDEN)))
  result = session.call("plan", flow.copy(), cross.copy(), travel.copy())
  plan = checks.array(result, (len(flow), 1 + 2 * LIGHTS), name="plan")
  checks.array(plan[:, 0], (len(flow),), low=SHORTEST, high=LONGEST, name="cycle")
  checks.array(plan[:, 1:1 + LIGHTS], (len(flow), LIGHTS), low=0.1, high=0.9, name="green share")
  checks.array(plan[:, 1 + LIGHTS:], (len(flow), LIGHTS), low=-1e6, high=1e6, name="offset")
  values = waiting(plan, flow, cross, travel, SECONDS[session.fidelity])
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "worst": float(hidden.max())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="traffic_lights_own", family="traffic_lights", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, **SECONDS), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="plan", direction="min",
        baseline=24.97, spread=1.3, best_known=10.68,
        source="our own reference: shares by flow ratio, then offsets, shares and cycle searched on the same model",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
