"""Learning-rate schedule: rates and momenta for training small networks in a fixed number of steps. Policy shape.

The candidate returns the whole schedule once; the evaluation trains one small network on each of several data sets from
hidden seeds, all in step, and takes the loss on points that were not trained on.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

INPUTS, HIDDEN_UNITS, BATCH, TEST = 4, 12, 16, 64
LENGTHS = {"search": 1, "full": 8}  # times the steps
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 48
WORST = 10.0  # loss of a network that diverged
# steps: (value of the seed program, bound of its distance from that, best known value)
STEPS = {40: (-0.325, 0.13, -0.869), 100: (-0.531, 0.12, -1.194)}

STATEMENT = """Networks with one layer of 12 tanh units learn functions of 4 numbers (a noisy mix of waves, bumps and \
planes, variance 1) by stochastic gradient descent on the mean squared error, {steps} steps with 16 new points each. \
Choose learning rate and momentum of every step, the same for all data sets.

Write `schedule(steps)` with steps = {steps} ({full} at full fidelity). Return an array of shape (2, steps): row 0 the \
learning rates, from 0 to 100, row 1 the momenta m, from 0 to 0.999. In each step, velocity = m * velocity - rate * \
gradient, and velocity is added to the weights.

Invalid: another shape, a number out of range.

Score: log10 of the mean squared error on new points without noise, averaged over the last five steps; errors above 10 \
count as 10; then averaged over hidden data sets. Lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Return learning rates and momenta (2, steps) for SGD on small tanh networks. Minimise the test error after "
         "{steps} steps.")


def draw(seed: int, steps: int) -> tuple[np.ndarray, ...]:
  """Points [steps, BATCH, INPUTS], noisy targets [steps, BATCH], test points and targets, first weights."""
  rng = np.random.default_rng([seed, steps])
  count = steps * BATCH + TEST
  x = rng.standard_normal((count, INPUTS))
  a, b, c = rng.standard_normal((3, INPUTS))
  wave, bump = np.sin(1.5 * x @ b / np.linalg.norm(b)), np.exp(-((x @ c) ** 2))
  y = x @ a * rng.uniform(0, 1) + wave + 2 * bump * rng.uniform(0, 1)
  y = (y - y.mean()) / y.std()
  noisy = y + 0.1 * rng.standard_normal(count)
  first = rng.standard_normal((INPUTS + 1, HIDDEN_UNITS)) / np.sqrt(INPUTS + 1)
  second = rng.standard_normal(HIDDEN_UNITS + 1) / np.sqrt(HIDDEN_UNITS + 1)
  return (x[TEST:].reshape(steps, BATCH, INPUTS), noisy[TEST:].reshape(steps, BATCH), x[:TEST], y[:TEST], first, second)


@functools.lru_cache(maxsize=8)
def data(seeds: tuple[int, ...], steps: int) -> tuple[np.ndarray, ...]:
  """The same with a leading axis of instances, and a 1 appended to all points."""
  arrays = [np.array(part) for part in zip(*(draw(seed, steps) for seed in seeds), strict=True)]
  for i in (0, 2):
    arrays[i] = np.concatenate([arrays[i], np.ones((*arrays[i].shape[:-1], 1))], axis=-1)
  for a in arrays:
    a.setflags(write=False)
  return tuple(arrays)


def train(rates: np.ndarray, momenta: np.ndarray, points, targets, test, truth, first, second) -> np.ndarray:
  """Test error [B] over the last five steps; every network of the batch takes the same steps."""
  first, second = first.copy(), second.copy()
  v, w = np.zeros_like(first), np.zeros_like(second)
  losses = []
  with np.errstate(all="ignore"):
    for t in range(len(rates)):
      x, y = points[:, t], targets[:, t]
      units = np.tanh(x @ first)  # [B, BATCH, HIDDEN_UNITS]
      error = ((units @ second[:, :-1, None])[:, :, 0] + second[:, -1:] - y) * (2 / BATCH)
      back = error[:, :, None] * second[:, None, :-1] * (1 - units**2)
      w = momenta[t] * w
      w[:, :-1] -= rates[t] * (error[:, None] @ units)[:, 0]
      w[:, -1] -= rates[t] * error.sum(axis=1)
      v = momenta[t] * v - rates[t] * (x.transpose(0, 2, 1) @ back)
      first += v
      second += w
      if t >= len(rates) - 5:
        guess = (np.tanh(test @ first) @ second[:, :-1, None])[:, :, 0] + second[:, -1:]
        losses.append(((guess - truth) ** 2).mean(axis=1))
    losses = np.array(losses)
  return np.where(losses < WORST, losses, WORST).mean(axis=0)  # also where a weight is no number any more


def evaluate(session: core.Session, steps: int) -> core.Score:
  length = steps * LENGTHS[session.fidelity]
  sets = data(PUBLIC_SEEDS + tuple(session.seeds("data", HIDDEN)), length)
  plan = checks.array(session.call("schedule", length), (2, length), low=0, high=100, name="schedule")
  if plan[1].max() > 0.999:
    raise core.Invalid(f"momentum {plan[1].max():.6g} of step {plan[1].argmax()} is above 0.999")
  losses = train(plan[0], plan[1], *sets)
  values = np.log10(losses)
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "diverged": float((losses > 9).mean())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name=f"learning_rate_schedule_{steps}_own", family="learning_rate_schedule", domain="systems",
        statement=STATEMENT.format(steps=steps, full=steps * LENGTHS["full"]), brief=BRIEF.format(steps=steps),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="schedule", direction="min",
        baseline=baseline, spread=spread, best_known=best,
        source="our own reference: warm-up, cosine decay and high momentum with searched constants",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, steps=steps))
    for steps, (baseline, spread, best) in STEPS.items()
]
