"""Cart and pole: a controller keeps poles of unknown mass and length upright and brings the carts back. Policy shape.

The evaluation keeps the state of all carts and sends it in step; masses, lengths, friction and starts come from hidden
seeds, so that gains must be robust.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

STEPS = {"search": 60, "full": 400}
TICK, SUBSTEPS, GRAVITY, LIMIT = 0.05, 2, 9.81, 10.0
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 40

STATEMENT = """A pole stands on a cart that is pushed along a line by a force from -10 to 10 N. Keep the pole upright \
and bring the cart to 0. Masses (cart 0.5 to 2 kg, pole 0.05 to 0.5 kg), pole length (0.5 to 1.5 m) and friction \
differ and are not known.

Write `force(state)`. It is called {search} times ({full} at full fidelity), every 0.05 s, for B = {instances} carts \
at once. state has shape (B, 4): position of the cart, velocity, angle of the pole from upright (radians, positive to \
the right), angular velocity. Carts start up to 1 m from 0 with poles up to 0.35 off upright. Return the forces, shape \
(B,), positive to the right.

Invalid: another shape, a number that is not finite and real.

Score: mean over hidden carts and steps of the cost min(1, 4 angle^2 + 0.25 position^2 + 0.002 force^2), where a cart \
whose pole has once fallen (angle above 1) or that is more than 4 m away costs 1 from then on. Lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Return forces (B,) for carts with poles, state (B, 4): position, velocity, angle, angular velocity. "
         "Minimise angle, distance and force.")


@functools.lru_cache(maxsize=4)
def carts(seeds: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
  """Constants [5, B] (cart, pole, half length, friction of cart and of pole) and first states [B, 4]."""
  constants, starts = [], []
  for seed in seeds:
    rng = np.random.default_rng(seed)
    constants.append(rng.uniform((0.5, 0.05, 0.25, 0.0, 0.0), (2.0, 0.5, 0.75, 0.3, 0.01)))
    starts.append(rng.uniform((-1, -0.5, -0.35, -0.5), (1, 0.5, 0.35, 0.5)))
  arrays = np.array(constants).T, np.array(starts)
  for a in arrays:
    a.setflags(write=False)
  return arrays


def slope(state: np.ndarray, push: np.ndarray, constants: np.ndarray) -> np.ndarray:
  """Time derivative of states [B, 4] (Florian 2007, uniform pole, without the sign of the normal force)."""
  cart, pole, half, rub, hinge = constants
  _, v, angle, spin = state.T
  sin, cos = np.sin(angle), np.cos(angle)
  drive = (-push - pole * half * spin**2 * sin + rub * v) / (cart + pole)
  turn = ((GRAVITY * sin + cos * drive - hinge * spin / (pole * half))
          / (half * (4 / 3 - pole * cos**2 / (cart + pole))))
  go = (push + pole * half * (spin**2 * sin - turn * cos) - rub * v) / (cart + pole)
  return np.array([v, go, spin, turn]).T


def advance(state: np.ndarray, push: np.ndarray, constants: np.ndarray) -> np.ndarray:
  """States after one tick of constant force, by the classical Runge-Kutta method."""
  h = TICK / SUBSTEPS
  for _ in range(SUBSTEPS):
    a = slope(state, push, constants)
    b = slope(state + h / 2 * a, push, constants)
    c = slope(state + h / 2 * b, push, constants)
    d = slope(state + h * c, push, constants)
    state = state + h / 6 * (a + 2 * b + 2 * c + d)
  return state


def evaluate(session: core.Session) -> core.Score:
  constants, state = carts(PUBLIC_SEEDS + tuple(session.seeds("carts", HIDDEN)))
  fallen = np.zeros(len(state), bool)
  total = np.zeros(len(state))
  for _ in range(STEPS[session.fidelity]):
    push = checks.array(session.call("force", state.copy()), (len(state),), name="force")
    push = np.clip(push, -LIMIT, LIMIT)
    state = np.where(fallen[:, None], state, advance(state, push, constants))  # the fallen stay where they are
    fallen |= ~((np.abs(state[:, 2]) <= 1) & (np.abs(state[:, 0]) <= 4))
    cost = np.minimum(1, 4 * state[:, 2] ** 2 + 0.25 * state[:, 0] ** 2 + 0.002 * push**2)
    total += np.where(fallen, 1, cost)
  values = total / STEPS[session.fidelity]
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "fallen": float(fallen[len(PUBLIC_SEEDS):].mean())},
                    instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="cart_pole_own", family="cart_pole", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, **STEPS), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="force", direction="min",
        baseline=0.679, spread=0.11, best_known=0.127,
        source="our own reference: linear feedback with gains of the linear-quadratic regulator, then searched",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
