"""Uncapacitated facility location: which sites to open, against a dual bound. Solver shape.

The bound is the value of a feasible dual solution of the linear relaxation, found by dual ascent (Erlenkotter 1978).
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (20, 40), "full": (60, 150)}  # sites and clients
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (words, value of the seed program, value of our reference, spread of the seed's value over keys)
KINDS = {
    "plane": ("distances in the plane, in units of 1/1000", 0.7868, 0.997, 0.054),
    "random": ("uniform from 1 to 1000", 0.752, 0.942, 0.069),
}

STATEMENT = """Facility location: open some of F sites; every client is then served by the open site that is cheapest \
for it. Keep the total of opening and service costs small.

Write `solve(opening, service)` for {count} instances at once. `opening` has shape ({count}, F), the cost to open each \
site; `service` has shape ({count}, F, C), the cost to serve client c from site f, {words}. All are whole numbers; F = \
20 and C = 40 (60 and 150 at full fidelity). Return an array (or lists) of shape ({count}, F) of 0 and 1: 1 where the \
site is open.

Invalid: another shape, an entry that is neither 0 nor 1, an instance without an open site.

Score: a lower bound of the total cost over the total cost, averaged over {hidden} hidden instances; {public} are \
public. Higher is better, at most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Choose sites to open so that opening and service cost little, many instances. Maximise lower bound over cost."


def draw(kind: str, seed: int, sites: int, clients: int) -> tuple[np.ndarray, np.ndarray]:
  """Opening costs [sites] and service costs [sites, clients], whole numbers."""
  rng = np.random.default_rng(seed)
  opening = rng.integers(500, 2001, sites) * clients // 40
  if kind == "random":
    return opening, rng.integers(1, 1001, (sites, clients))
  places, homes = rng.random((sites, 2)), rng.random((clients, 2))
  gaps = np.linalg.norm(places[:, None] - homes, axis=2)
  return opening, np.ceil(1000 * gaps).astype(np.int64)


def dual_ascent(opening: np.ndarray, service: np.ndarray) -> int:
  """Value of a feasible dual solution: what clients pay, at most a site's opening cost beyond its service costs.

  Each client's price rises from one of its service costs to the next for as long as no site is paid for in full.
  """
  sites, clients = service.shape
  levels = np.sort(service, axis=0)
  price, level = levels[0].copy(), np.ones(clients, np.int64)
  slack = opening.copy()
  moving = True
  while moving:
    moving = False
    for c in np.argsort(price - levels[0], kind="stable"):
      reached = service[:, c] <= price[c]
      room = int(slack[reached].min())
      rise = int(levels[level[c], c] - price[c]) if level[c] < sites else room
      step = min(room, rise)
      if step > 0:
        price[c] += step
        slack[reached] -= step
        moving = True
      if step == rise and level[c] < sites:
        level[c] += 1
        moving = moving or room > step
  return int(price.sum())


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], sites: int, clients: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Opening costs [B, sites], service costs [B, sites, clients] and lower bounds [B]."""
  drawn = [draw(kind, seed, sites, clients) for seed in seeds]
  bounds = np.array([dual_ascent(*each) for each in drawn])
  opening, service = (np.stack(part) for part in zip(*drawn, strict=True))
  opening.setflags(write=False)
  service.setflags(write=False)
  return opening, service, bounds


def evaluate(session: core.Session, kind: str) -> core.Score:
  seeds = PUBLIC + tuple(session.seeds(kind, HIDDEN))
  opening, service, bounds = instances(kind, seeds, *SIZES[session.fidelity])
  result = session.call("solve", opening.copy(), service.copy())
  opened = checks.array(result, opening.shape, dtype=int, low=0, high=1, name="opened")
  empty = np.flatnonzero(~opened.any(axis=1))
  if len(empty):
    raise core.Invalid(f"instance {empty[0]}: no site is open, so that no client is served")
  served = np.where(opened[:, :, None] == 1, service, 1 << 40).min(axis=1).sum(axis=1)
  paid = (opening * opened).sum(axis=1)
  values = bounds / (paid + served)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden,
                             "opening_share": float((paid / (paid + served)).mean())},
                    instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"facility_location_{kind}_own", family="facility_location", domain="heuristic_optimization",
        statement=STATEMENT.format(words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread, source="our own reference: local search by flips and swaps",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (words, baseline, best, spread) in KINDS.items()
]
