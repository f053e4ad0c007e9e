"""Adaptive filters: a changing signal followed sample by sample through noise, with little lag. Policy shape.

The goals are those of a well-known example of a real-time filter (few false turns, little lag, little error, here each
relative to the noise); signals and weights are ours, and values do not compare with published ones. The trusted side
hands out one sample at a time, so that no program can look ahead.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 48
LENGTH = {"search": 120, "full": 1500}
WINDOW = 16
KINDS = ("steps", "ramps", "waves", "walk")

STATEMENT = """Follow noisy signals in real time. The clean signals are steps, ramps, waves of changing frequency or \
random walks; noise levels differ and are not told.

Write `follow(windows)`. It is called once per time step, for B = {instances} signals at once. `windows` has shape \
(B, {window}): the latest samples of each signal, the newest last; before the start they repeat the first sample. \
Return an array of shape (B,), your estimate of the clean signals now. State may be kept between calls; a new set of \
signals begins where all entries of every row are equal.

Invalid: another shape, numbers that are not finite and real.

Score: the mean over hidden signals of 1 / (1 + J), J = 0.6 e + 0.2 l + 0.2 t: e is the root mean square error over \
the noise, l the same over the samples soon after fast changes, t the false turns (changes of direction of the output \
that the clean signal does not make) per sample; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all calls."""

BRIEF = ("Return the clean values (B,) now from windows (B, 16) of the latest noisy samples. Maximise 1 / (1 + J) "
         "of error, lag and false turns.")


@functools.lru_cache(maxsize=4)
def signals(seeds: tuple[int, ...], length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Clean and noisy signals [B, length] and deviations of the noise [B]; signal b is of kind b mod 4."""
  drawn = [np.random.default_rng(seed) for seed in seeds]
  clean = np.stack([draw(KINDS[i % len(KINDS)], rng, length) for i, rng in enumerate(drawn)])
  sigma = np.array([rng.uniform(0.1, 0.5) for rng in drawn])
  noisy = clean + sigma[:, None] * np.stack([rng.normal(size=length) for rng in drawn])
  for values in (clean, noisy, sigma):
    values.setflags(write=False)
  return clean, noisy, sigma


def draw(kind: str, rng: np.random.Generator, length: int) -> np.ndarray:
  """A clean signal [length]."""
  if kind == "waves":
    base, end = 2 * np.pi / rng.uniform(25, 60), rng.uniform(2, 6) * length / 120
    speed = base * (1 + 0.4 * np.sin(np.linspace(0, end, length)))
    return rng.uniform(0.7, 1.5) * np.sin(np.cumsum(speed) + rng.uniform(0, 6))
  if kind == "walk":
    return np.cumsum(rng.normal(0, 0.08, length))
  change = rng.random(length) < 1 / 25
  change[0] = True
  part = np.cumsum(change) - 1
  levels = rng.normal(0, 1 if kind == "steps" else 0.06, part[-1] + 1)[part]
  return levels if kind == "steps" else np.cumsum(levels)


def fast(clean: np.ndarray) -> np.ndarray:
  """Whether the clean signal [B, length] has moved more than usual within the last 6 samples."""
  move = np.abs(np.diff(clean, axis=1, prepend=clean[:, :1]))
  recent = np.stack([np.roll(move, k, axis=1) * (np.arange(clean.shape[1]) >= k) for k in range(6)]).sum(axis=0)
  return recent > 1.5 * recent.mean(axis=1, keepdims=True)


def turns(values: np.ndarray) -> np.ndarray:
  """Where [B, length - 2] a signal changes its direction."""
  step = np.diff(values, axis=1)
  return step[:, 1:] * step[:, :-1] < 0


def follow(session: core.Session, noisy: np.ndarray) -> np.ndarray:
  """The candidate's estimates [B, length]."""
  padded = np.concatenate([np.repeat(noisy[:, :1], WINDOW - 1, axis=1), noisy], axis=1)
  found = np.empty(noisy.shape)
  for k in range(noisy.shape[1]):
    result = session.call("follow", padded[:, k:k + WINDOW].copy())
    found[:, k] = checks.array(result, (len(noisy),), low=-1e6, high=1e6, name="follow")
  return found


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("signals", HIDDEN))
  clean, noisy, sigma = signals(seeds, LENGTH[session.fidelity])
  found = follow(session, noisy)
  square = ((found - clean) / sigma[:, None]) ** 2
  where = fast(clean)
  error = np.sqrt(square.mean(axis=1))
  lag = np.sqrt((square * where).sum(axis=1) / np.maximum(where.sum(axis=1), 1))
  false = (turns(found) & ~turns(clean)).mean(axis=1)
  values = 1 / (1 + 0.6 * error + 0.2 * lag + 0.2 * false)
  shown = values[:len(PUBLIC_SEEDS)]
  public, hidden = float(shown.mean()), float(values[len(PUBLIC_SEEDS):].mean())
  by_kind = ", ".join(f"{kind} {values[i::len(KINDS)].mean():.3f}" for i, kind in enumerate(KINDS))
  return core.Score(hidden, {"public": public, "gap": hidden - public, "error": float(error.mean()),
                             "lag": float(lag.mean()), "false_turns": float(false.mean())},
                    {"by kind of signal": by_kind}, instances=tuple(shown.tolist()))


TASKS = [
    core.Task(
        name="adaptive_filter_own", family="adaptive_filter", domain="signal_processing",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, window=WINDOW), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="follow", direction="max",
        baseline=0.456, spread=0.07, best_known=0.607,
        source="our own reference: a bank of filters weighed by their errors",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
