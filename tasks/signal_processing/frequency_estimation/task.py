"""Frequency estimation: one tone in noise, judged against the Cramer-Rao bound. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 64
LENGTH = {"search": 48, "full": 512}
DECIBELS = (0.0, 15.0)  # of the tone's power over the noise's
CEILING = 1e4

STATEMENT = """Estimate the frequency of a tone: x[k] = A cos(2 pi f k + phase) + Gaussian noise, k = 0, 1, ... \
Amplitude, phase and noise are unknown; f lies between 0.05 and 0.45 cycles per sample, the power of the tone 0 to 15 \
dB above the noise.

Write `estimate(signals)`. `signals` has shape (B, N), B = {instances} independent signals of N = {search} samples \
({full} at full fidelity). Return an array of shape (B,), the estimates of f.

Invalid: another shape, numbers that are not finite and real.

Score: the mean over hidden signals of -log10((estimate - f)^2 / bound), where bound is the Cramer-Rao bound of the \
signal; the ratio is kept between 0.1 and 10,000. Higher is better; an efficient estimator has about 0.3.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Estimate the frequency of one noisy tone per row of signals (B, N), shape (B,). Maximise -log10 of the "
         "squared error.")


@functools.lru_cache(maxsize=4)
def data(seeds: tuple[int, ...], length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Signals [B, length], frequencies [B], and Cramer-Rao bounds of their variance [B]."""
  draws = [np.random.default_rng(seed) for seed in seeds]
  frequency, phase = np.array([rng.uniform((0.05, 0), (0.45, 2 * np.pi)) for rng in draws]).T
  ratio = 10 ** (np.array([rng.uniform(*DECIBELS) for rng in draws]) / 10)
  noise = np.stack([rng.normal(size=length) for rng in draws])
  scale = np.array([10 ** rng.uniform(-1, 1) for rng in draws])
  k = np.arange(length)
  tone = np.sqrt(2 * ratio)[:, None] * np.cos(2 * np.pi * frequency[:, None] * k + phase[:, None])
  found = scale[:, None] * (tone + noise), frequency, bounds(frequency, phase, ratio, length)
  for values in found:
    values.setflags(write=False)
  return found


def bounds(frequency: np.ndarray, phase: np.ndarray, ratio: np.ndarray, length: int) -> np.ndarray:
  """Exact Cramer-Rao bounds of the frequency where amplitude and phase are unknown (Kay 1993, section 3.11)."""
  k = np.arange(length)
  angle = 2 * np.pi * frequency[:, None] * k + phase[:, None]
  amplitude = np.sqrt(2 * ratio)[:, None]
  slopes = np.stack([np.cos(angle), -amplitude * np.sin(angle), -amplitude * 2 * np.pi * k * np.sin(angle)], axis=1)
  return np.linalg.inv(slopes @ slopes.transpose(0, 2, 1))[:, 2, 2]


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("tones", HIDDEN))
  signals, frequency, bound = data(seeds, LENGTH[session.fidelity])
  estimate = checks.array(session.call("estimate", signals.copy()), frequency.shape, name="estimate")
  with np.errstate(over="ignore"):
    ratio = (estimate - frequency) ** 2 / bound
  values = -np.log10(np.clip(ratio, 0.1, CEILING))
  shown = values[:len(PUBLIC_SEEDS)]
  public, hidden = float(shown.mean()), float(values[len(PUBLIC_SEEDS):].mean())
  return core.Score(hidden, {"public": public, "gap": hidden - public, "far_off": int((ratio > 100).sum())},
                    instances=tuple(shown.tolist()))


TASKS = [
    core.Task(
        name="frequency_estimation_own", family="frequency_estimation", domain="signal_processing",
        statement=STATEMENT.format(**LENGTH, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="estimate", direction="max",
        baseline=-0.8, spread=0.25, best_known=0.33,
        source="our own reference: maximum likelihood by a fine grid and Newton steps",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
