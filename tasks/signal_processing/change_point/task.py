"""Change points: where the level of a noisy signal jumps. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 24
LENGTH = {"search": 200, "full": 2000}
TOLERANCE = 3

STATEMENT = """A signal is constant between change points, where its level jumps. Noise is added: Gaussian in most \
signals, with heavy tails in others; its deviation differs from signal to signal. Find the change points.

Write `detect(signal)`. `signal` is an array of {search} numbers ({full} at full fidelity). Return a list of the \
positions of the changes: position p means that signal[p] is the first sample of a new level. It is called once per \
signal.

Invalid: positions that are not integers from 1 to the length - 1, or more than a quarter of the length of them. \
Repeated positions count once.

Score: the mean over hidden signals of F1 = 2 hits / (found + true), where true and found positions are paired one to \
one, at most {tolerance} apart; 1 where both are empty. Higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all {instances} signals."""

BRIEF = "Return the positions where the level of a noisy piecewise constant signal jumps. Maximise the mean F1."


@functools.lru_cache(maxsize=128)
def draw(seed: int, length: int) -> tuple[np.ndarray, np.ndarray]:
  """A signal [length] and its change points; segments are 8 to 60 samples long, jumps 1.2 to 5 deviations."""
  rng = np.random.default_rng(seed)
  changes, level, levels = [], 0.0, np.zeros(length)
  place = int(rng.integers(15, 60))
  while place < length - 8:
    level += rng.choice((-1, 1)) * rng.uniform(1.2, 5)
    levels[place:] = level
    changes.append(place)
    place += int(rng.integers(8, 60))
  noise = rng.normal(size=length)
  if rng.random() < 0.3:
    noise = np.clip(rng.standard_t(3, length) / np.sqrt(3), -8, 8)
  signal = 10 ** rng.uniform(-1, 1) * (levels + noise + rng.uniform(-10, 10))
  found = signal, np.array(changes, np.int64)
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
  total = len(found) + len(true)
  return 2 * hits / total if total else 1.0


def evaluate(session: core.Session) -> core.Score:
  length = LENGTH[session.fidelity]
  values, missed, extra = [], 0, 0
  for seed in PUBLIC_SEEDS + tuple(session.seeds("signals", HIDDEN)):
    signal, true = draw(seed, length)
    result = session.call("detect", signal.copy())
    found = np.unique(checks.array(result, (range(0, length // 4 + 1),), dtype=int, low=1, high=length - 1,
                                   name="positions"))
    values.append(f1(found, true, TOLERANCE))
    hits = values[-1] * (len(found) + len(true)) / 2
    missed, extra = missed + len(true) - hits, extra + len(found) - hits
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  return core.Score(hidden, {"public": public, "gap": hidden - public, "missed_per_signal": missed / len(values),
                             "extra_per_signal": extra / len(values)}, instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="change_point_own", family="change_point", domain="signal_processing",
        statement=STATEMENT.format(**LENGTH, tolerance=TOLERANCE, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="detect", direction="max",
        baseline=0.555, spread=0.08, best_known=0.95,
        source="our own reference: optimal partition with a robust noise estimate",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
