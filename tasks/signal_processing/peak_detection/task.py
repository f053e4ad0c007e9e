"""Peak detection: heart beats in noisy recordings with drift, other waves and bursts of noise. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16
LENGTH = {"search": 1000, "full": 10_000}
RATE = 100  # samples per second
TOLERANCE = 5

STATEMENT = """Find the beats in recordings of a heart, {rate} samples per second. Every beat is a sharp peak (about \
40 ms wide, either sign within a recording), with a small wave before it and a broad one after it. Intervals vary \
around 0.45 to 1.2 seconds; some beats come early and are lower. There are a drifting base line, hum, noise, and \
short bursts of strong noise.

Write `beats(signal)`. `signal` is an array of {search} samples ({full} at full fidelity). Return a list of the \
positions of the sharp peaks. It is called once per recording.

Invalid: positions that are not integers from 0 to the length - 1, or more than a tenth of the length of them. \
Repeated positions count once.

Score: the mean over hidden recordings of F1 = 2 hits / (found + true), where found and true positions are paired one \
to one, at most {tolerance} samples apart; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all {instances} recordings."""

BRIEF = ("Return the positions of the sharp heart-beat peaks in a noisy signal with drift and other waves. "
         "Maximise the mean F1.")


def _bump(time: np.ndarray, centre: float, width: float) -> np.ndarray:
  return np.exp(-0.5 * ((time - centre) / width) ** 2)


@functools.lru_cache(maxsize=64)
def recording(seed: int, length: int) -> tuple[np.ndarray, np.ndarray]:
  """A signal [length] and the positions of its beats."""
  rng = np.random.default_rng(seed)
  time = np.arange(length) / RATE
  mean, sign = rng.uniform(0.45, 1.2), rng.choice((-1, 1))
  before, after = rng.uniform(0.05, 0.25), rng.uniform(0.15, 0.55)
  signal, beats, at = np.zeros(length), [], rng.uniform(0.1, 0.5)
  while at < time[-1] - 0.05:
    early = rng.random() < 0.08
    height = rng.uniform(0.45, 0.8) if early else rng.uniform(0.85, 1.2)
    signal += sign * height * (_bump(time, at, 0.016) - 0.25 * _bump(time, at + 0.04, 0.014))
    signal += before * _bump(time, at - 0.16, 0.03) + after * _bump(time, at + 0.25, 0.06)
    beats.append(round(at * RATE))
    at += mean * (rng.uniform(0.55, 0.7) if rng.random() < 0.08 else rng.uniform(0.9, 1.1))
  signal += rng.uniform(0.2, 1.0) * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * time + rng.uniform(0, 6))
  signal += rng.uniform(0, 0.15) * np.sin(2 * np.pi * rng.uniform(18, 25) * time + rng.uniform(0, 6))
  noise = rng.uniform(0.05, 0.2) * np.ones(length)
  for start in rng.integers(0, length, max(1, length // 700)):
    noise[start:start + int(rng.integers(20, 80))] *= rng.uniform(2, 4)
  found = 10 ** rng.uniform(-1, 1) * (signal + noise * rng.normal(size=length)), np.array(beats, np.int64)
  for values in found:
    values.setflags(write=False)
  return found


def f1(found: np.ndarray, true: np.ndarray, tolerance: int) -> float:
  """F1 of two sorted lists of distinct positions; pairing in order is the largest pairing on a line."""
  hits = i = j = 0
  while i < len(found) and j < len(true):
    if abs(int(found[i]) - int(true[j])) <= tolerance:
      hits, i, j = hits + 1, i + 1, j + 1
    elif found[i] < true[j]:
      i += 1
    else:
      j += 1
  return 2 * hits / (len(found) + len(true))


def evaluate(session: core.Session) -> core.Score:
  length = LENGTH[session.fidelity]
  values, missed, extra = [], 0.0, 0.0
  for seed in PUBLIC_SEEDS + tuple(session.seeds("recordings", HIDDEN)):
    signal, true = recording(seed, length)
    result = session.call("beats", signal.copy())
    found = np.unique(checks.array(result, (range(0, length // 10 + 1),), dtype=int, low=0, high=length - 1,
                                   name="positions"))
    values.append(f1(found, true, TOLERANCE))
    hits = values[-1] * (len(found) + len(true)) / 2
    missed, extra = missed + len(true) - hits, extra + len(found) - hits
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  return core.Score(hidden, {"public": public, "gap": hidden - public, "missed_per_recording": missed / len(values),
                             "extra_per_recording": extra / len(values)}, instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="peak_detection_own", family="peak_detection", domain="signal_processing",
        statement=STATEMENT.format(**LENGTH, rate=RATE, tolerance=TOLERANCE, instances=len(PUBLIC_SEEDS) + HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="beats", direction="max",
        baseline=0.72, spread=0.13, best_known=0.93,
        source="our own reference: matched filter, and the rhythm by dynamic programming",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
