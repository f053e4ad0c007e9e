"""Update rule: an optimiser's step from gradient and memory, judged on six kinds of losses. Policy shape.

The evaluation keeps the parameters and sends gradients of all problems in step. Problems (six kinds, with their own
scales and noise) come from hidden seeds, so that a rule must do without constants of one problem.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZE = 8
STEPS = {"search": 40, "full": 400}
KINDS = ("ellipse", "noisy", "valley", "absolute", "logistic", "waves")
PUBLIC_SEEDS = tuple(range(12))
HIDDEN = 60
LOWEST, HIGHEST = -4.0, 1.0  # decades of loss that count

STATEMENT = """Find an update rule for gradient descent: how parameters change, given the gradient and a memory of the \
past.

Write `update(gradient, state, step)`. It is called {search} times ({full} at full fidelity) for B = {instances} \
problems at once, with 8 parameters each. gradient has shape (B, 8). state has shape (B, 2, 8): two memories, zero at \
the start. step counts from 0. Return an array of shape (B, 3, 8): first the change that is added to the parameters, \
then the two new memories.

The problems, from hidden seeds: ill-conditioned quadratics, quadratics with noisy gradients, curved valleys, sums of \
absolute values, logistic regressions, wavy bowls. The scales of loss and parameters differ by a factor of up to ten; \
parameters start about 1 (in these units) from the minimum.

Invalid: another shape, a number that is not finite and real.

Score: log10 of (loss - minimum) / (loss at the start - minimum), held between -4 and 1, averaged over all steps and \
hidden problems. Lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = ("Given gradient (B, 8) and two memories, return the change of the parameters and new memories (B, 3, 8). "
         "Minimise the log loss over all steps.")


@functools.lru_cache(maxsize=4)
def problems(seeds: tuple[int, ...], steps: int) -> dict[str, np.ndarray]:
  """Constants of problems [B, ...]; problem i is of kind i modulo 6, so that all are equally frequent."""
  made = []
  for seed in seeds:
    rng = np.random.default_rng([seed, steps])
    rotation = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0]
    curve = 10 ** rng.uniform(-1.5, 0, SIZE)
    made.append({"matrix": rotation * np.sqrt(curve)[:, None], "wave": rng.uniform(2, 4, SIZE),
                 "points": rng.standard_normal((20, SIZE)), "scale": 10 ** rng.uniform(-0.5, 0.5),
                 "unit": 10 ** rng.uniform(-0.5, 0.5), "start": rng.standard_normal(SIZE),
                 "noise": rng.standard_normal((steps, SIZE))})
  arrays = {name: np.array([m[name] for m in made]) for name in made[0]}
  for a in arrays.values():
    a.setflags(write=False)
  return arrays


def losses(z: np.ndarray, kind: str, matrix, points, wave) -> tuple[np.ndarray, np.ndarray]:
  """Loss [B] above its minimum, which is 0 at z = 0, and gradient [B, SIZE], of problems of one kind at z [B, SIZE]."""
  if kind == "valley":  # the rest of each pair follows the square of its first number
    a, b = z[:, ::2], z[:, 1::2]
    gap = b - a**2
    gradient = np.empty_like(z)
    gradient[:, ::2], gradient[:, 1::2] = 0.2 * a - 4 * gap * a, 2 * gap
    return (0.1 * a**2 + gap**2).sum(axis=1), gradient
  if kind == "absolute":
    root = np.sqrt(z**2 + 1e-4)
    return (root - 0.01).sum(axis=1), z / root
  if kind == "logistic":  # even, convex, and flat far away as the loss of a margin is
    margin = (points @ z[:, :, None])[:, :, 0]
    loss = np.logaddexp(margin, -margin) - np.log(2)
    return loss.mean(axis=1), (np.tanh(margin)[:, None] @ points)[:, 0] / points.shape[1]
  if kind == "waves":
    sin, cos = np.sin(wave * z), np.cos(wave * z)
    return (z**2 / 2 + 0.1 * (1 - cos)).sum(axis=1), z + 0.1 * wave * sin
  y = (matrix @ z[:, :, None])[:, :, 0]
  return (y**2).sum(axis=1) / 2, (matrix.transpose(0, 2, 1) @ y[:, :, None])[:, :, 0]


def evaluate_all(z: np.ndarray, p: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
  """Loss [B] and gradient [B, SIZE] of all problems, in their own units."""
  value, gradient = np.empty(len(z)), np.empty_like(z)
  with np.errstate(all="ignore"):
    x = z / p["unit"][:, None]
    for i, kind in enumerate(KINDS):
      part = slice(i, None, len(KINDS))
      value[part], gradient[part] = losses(x[part], kind, p["matrix"][part], p["points"][part], p["wave"][part])
    return value * p["scale"], gradient * (p["scale"] / p["unit"])[:, None]


def evaluate(session: core.Session) -> core.Score:
  steps = STEPS[session.fidelity]
  p = problems(PUBLIC_SEEDS + tuple(session.seeds("problems", HIDDEN)), steps)
  z = p["start"] * p["unit"][:, None]
  state = np.zeros((len(z), 2, SIZE))
  first, gradient = evaluate_all(z, p)
  total = np.zeros(len(z))
  for step in range(steps):
    gradient[1::len(KINDS)] += 0.3 * (p["scale"] / p["unit"])[1::len(KINDS), None] * p["noise"][1::len(KINDS), step]
    gradient = np.clip(np.nan_to_num(gradient), -1e9, 1e9)  # a run that has left all bounds goes on with numbers
    result = checks.array(session.call("update", gradient, state.copy(), step), (len(z), 3, SIZE), name="update")
    z = np.clip(z + result[:, 0], -1e6, 1e6)
    state = result[:, 1:].copy()
    value, gradient = evaluate_all(z, p)
    ratio = np.where(value < 10**HIGHEST * first, value / first, 10**HIGHEST)
    total += np.log10(np.maximum(ratio, 10**LOWEST))
  values = total / steps
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  kinds = {kind: float(hidden[i::len(KINDS)].mean()) for i, kind in enumerate(KINDS)}  # 12 public ones: a multiple of 6
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           **kinds}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="update_rule_own", family="update_rule", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, **STEPS), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="update", direction="min",
        baseline=-0.289, spread=0.12, best_known=-2.4,
        source="our own reference: Adam with look-ahead, bias correction, decay and searched constants",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
