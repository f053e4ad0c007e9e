"""Conserved quantities: a function of the state that stays constant along every hidden trajectory. Solver shape.

States of many trajectories come in one shuffled list with only a few of each, so that trajectories cannot be told
apart by their neighbourhood.
"""

import functools
import math
import pathlib
from collections.abc import Callable

import numpy as np

from eft_jax import core
from eft_jax.core import checks

TRAJECTORIES = {"search": 60, "full": 600}
SAMPLES = 6  # states of each trajectory that the candidate sees
FLOOR = 1e-6

# name: (motion (x', y') at (x, y), box of the first states, the conserved quantity, words, value of the seed program)
Motion = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
SYSTEMS: dict[str, tuple[Motion, tuple[tuple[float, float], ...], Callable, str, float]] = {
    "spring": (lambda x, y: (y, -0.7 * x - 1.2 * x**3 + 0.5 * x**2), ((-1.2, 1.2), (-1.2, 1.2)),
               lambda x, y: y**2 / 2 + 0.35 * x**2 + 0.3 * x**4 - x**3 / 6,
               "x is the place and y the velocity of a point on a line, which a force pulls back", 0.28),
    "pendulum": (lambda x, y: (y / (1 + 0.5 * np.cos(x)), -1.4 * np.sin(x) - 0.25 * np.sin(x) * (
        y / (1 + 0.5 * np.cos(x)))**2), ((-1.8, 1.8), (-1.5, 1.5)),
                 lambda x, y: y**2 / (2 * (1 + 0.5 * np.cos(x))) - 1.4 * np.cos(x),
                 "x is the angle and y the angular momentum of a pendulum whose inertia depends on the angle", 0.54),
    "predators": (lambda x, y: (x * (1.1 - 0.8 * y), y * (0.6 * x - 0.9)), ((0.5, 3.0), (0.4, 2.5)),
                  lambda x, y: 0.6 * x - 0.9 * np.log(x) + 0.8 * y - 1.1 * np.log(y),
                  "x and y are the numbers of prey and predators, both positive", 0.1),
}

STATEMENT = """Find a quantity that an unknown system conserves. A state has two numbers: {words}. Along every \
trajectory some function of x and y stays constant; trajectories differ in its value.

Write `invariant(x, y)`. x and y are arrays of shape (N,), states of many trajectories in random order, {samples} of \
each. Return an array of shape (N,): the quantity at each state, computed elementwise.

Invalid: another shape, numbers that are not finite and real, values beyond 1e9 in size, or values that are all the \
same up to one part in a million.

Score: -log10(drift + 1e-6), where drift is the mean variance of the quantity within a trajectory over its variance \
over all states; higher is better, 6 is exact. A function of a conserved quantity is as good as the quantity.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return a function of the states x, y, shape (N,), that stays constant along hidden trajectories. "
         "Maximise -log10 of its drift.")


@functools.lru_cache(maxsize=8)
def states(name: str, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
  """States [count * SAMPLES, 2] in random order, and the trajectory [count * SAMPLES] of each."""
  motion, box, _, _, _ = SYSTEMS[name]
  rng = np.random.default_rng(seed)
  low, high = np.transpose(box)
  state = rng.uniform(low, high, (count, 2)).T
  step, steps = 0.02, 600
  taken = np.sort(rng.random((count, steps)).argsort(axis=1)[:, :SAMPLES], axis=1)
  path = np.empty((steps, 2, count))
  for k in range(steps):
    path[k] = state
    state = rk4(motion, state, step)
  found = path[taken, :, np.arange(count)[:, None]].reshape(-1, 2)
  order = rng.permutation(len(found))
  result = found[order], np.repeat(np.arange(count), SAMPLES)[order]
  for values in result:
    values.setflags(write=False)
  return result


def rk4(motion: Motion, state: np.ndarray, step: float) -> np.ndarray:
  """One step of the classical Runge-Kutta method for states [2, count]."""
  a = np.stack(motion(*state))
  b = np.stack(motion(*(state + step / 2 * a)))
  c = np.stack(motion(*(state + step / 2 * b)))
  d = np.stack(motion(*(state + step * c)))
  return state + step / 6 * (a + 2 * b + 2 * c + d)


def drift(values: np.ndarray, owner: np.ndarray) -> float:
  """Mean variance within a trajectory over the variance of all."""
  values = (values - values.mean()) / values.std()
  count = owner.max() + 1
  mean = np.bincount(owner, values, count) / SAMPLES
  return float(((values - mean[owner]) ** 2).mean())


def evaluate(session: core.Session, name: str) -> core.Score:
  count = TRAJECTORIES[session.fidelity]
  sets = [states(name, seed, count) for seed in (0, session.seeds(name, 1)[0])]
  both = np.concatenate([found for found, _ in sets])
  result = session.call("invariant", both[:, 0].copy(), both[:, 1].copy())
  values = checks.array(result, (len(both),), low=-1e9, high=1e9, name="invariant")
  scores = []
  for part, (_, owner) in zip(np.split(values, 2), sets, strict=True):
    if not part.std() > 1e-6 * np.abs(part).max():
      raise core.Invalid(f"the quantity is about {part.mean():.4g} at every state, which is conserved but says nothing")
    scores.append(-math.log10(drift(part, owner) + FLOOR))
  public, hidden = scores
  return core.Score(hidden, {"public": public, "gap": hidden - public})


TASKS = [
    core.Task(
        name=f"conserved_quantity_{name}", family="conserved_quantity", domain="symbolic_regression",
        statement=STATEMENT.format(words=words, samples=SAMPLES), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="invariant", direction="max",
        baseline=baseline, spread=0.15, best_known=-math.log10(FLOOR), source="the exact conserved quantity",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, name=name))
    for name, (_, _, _, words, baseline) in SYSTEMS.items()
]
