"""Prediction of noisy series of unknown dynamics, against the Kalman filter that knows them. Policy shape.

After AlgoTune's kalman_filter, scored by the error of predictions in the place of seconds. All series of one call
share nothing but the class of their laws, so that a program must estimate what the reference is told.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import numpy as np

from eft_jax import core
from eft_jax.core import checks

STEPS = {"search": 50, "full": 300}
FIRST = 10  # predictions that count begin here
PUBLIC_SEEDS = tuple(range(24))
HIDDEN = 104

STATEMENT = """Predict the next measurement of noisy series, one step ahead. {law} The noise levels differ from \
series to series and are unknown.

Write `predict(history)`. It is called for t = 1, 2, ... with an array of shape (B, t), all measurements of B series \
so far, oldest first. Return an array of shape (B,): predictions of measurement t + 1.

Invalid: another shape, numbers that are not finite, predictions beyond 1e9.

Score: mean squared error of the Kalman filter that knows dynamics and noise levels, over that of the program, for \
each series from prediction {first} on, averaged over {hidden} hidden series of length {search} ({full} at full \
fidelity); higher is better. About 1 is the best possible.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU for all calls."""

BRIEF = "Predict the next measurement of noisy series (B, t): {short}. Maximise the accuracy next to a Kalman filter."


@dataclasses.dataclass(frozen=True)
class Law:
  """A linear model: `draw(rng)` gives transition F [S, S], noise of the state Q [S, S] and of measurements R; the
  measurement is the first component."""

  text: str
  short: str
  draw: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray, float]]
  baseline: float
  best: float
  spread: float
  source: str


def _trend(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
  level, slope = 10 ** rng.uniform(-1.5, 0.3), 10 ** rng.uniform(-2, -0.3)
  return np.array([[1.0, 1.0], [0.0, 1.0]]), np.diag([level**2, slope**2]), 1.0


def _damped(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
  turn, keep = rng.uniform(0.3, 1.2), rng.uniform(0.9, 0.99)
  rotation = keep * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
  return rotation, np.eye(2) * 10 ** rng.uniform(-1, 0), 1.0


LAWS = {
    "trend": Law("A hidden level moves by a hidden slope at every step, both are disturbed by random steps, and the "
                 "measurement is the level with independent noise of variance 1.", "random level and slope", _trend,
                 0.327, 0.9, 0.08, "a bank of trackers, weighted by their errors so far"),
    "oscillation": Law("A hidden point in the plane turns around the origin by a fixed angle from 0.3 to 1.2 at every "
                       "step, shrinks by up to a tenth and is disturbed by random steps. The measurement is its first "
                       "coordinate with independent noise of variance 1.", "damped random oscillations", _damped,
                       0.6, 0.8, 0.06, "a linear recursion, fitted to each series"),
}


def filtered(z: np.ndarray, f: np.ndarray, q: np.ndarray, r: float) -> np.ndarray:
  """Predictions [T] of z [T] by the Kalman filter, each from what comes before it; the first is 0."""
  state, cover = np.zeros(len(f)), np.eye(len(f)) * 100.0
  made = []
  for value in z:
    made.append(state[0])
    gain = cover[:, 0] / (cover[0, 0] + r)
    state = f @ (state + gain * (value - state[0]))
    cover = f @ (cover - np.outer(gain, cover[0])) @ f.T + q
  return np.array(made)


@functools.lru_cache(maxsize=4)
def instances(name: str, seeds: tuple[int, ...], steps: int) -> tuple[np.ndarray, np.ndarray]:
  """Measurements [B, steps] and squared errors [B] of the Kalman filter from prediction FIRST on."""
  series, errors = [], []
  for seed in seeds:
    rng = np.random.default_rng(seed)
    f, q, r = LAWS[name].draw(rng)
    state, z = rng.normal(size=len(f)), []
    for _ in range(steps):
      z.append(state[0] + np.sqrt(r) * rng.normal())
      state = f @ state + np.sqrt(np.diag(q)) * rng.normal(size=len(f))
    series.append(z)
    errors.append(((filtered(np.array(z), f, q, r) - z)[FIRST:] ** 2).mean())
  return np.array(series), np.array(errors)


def evaluate(session: core.Session, name: str) -> core.Score:
  steps = STEPS[session.fidelity]
  seeds = PUBLIC_SEEDS + tuple(session.seeds(name, HIDDEN))
  series, right = instances(name, seeds, steps)
  off = np.zeros(len(seeds))
  for t in range(1, steps):
    result = session.call("predict", series[:, :t].copy())
    made = checks.array(result, (len(seeds),), low=-1e9, high=1e9, name="predict")
    if t >= FIRST:
      off += (made - series[:, t]) ** 2
  values = right / (off / (steps - FIRST) + 1e-12)
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(public.mean() - hidden.mean())},
                    instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name=f"kalman_filter_{name}_own", family="kalman_filter", domain="numerical_algorithms",
        statement=STATEMENT.format(law=law.text, first=FIRST, hidden=HIDDEN, **STEPS),
        brief=BRIEF.format(short=law.short),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="predict", direction="max",
        baseline=law.baseline, best_known=law.best, spread=law.spread, source=f"our own reference: {law.source}",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, name=name))
    for name, law in LAWS.items()
]
