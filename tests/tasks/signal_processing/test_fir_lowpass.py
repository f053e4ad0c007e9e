"""Low-pass filters: linear programs and Remez exchange give the stated optimum; whole taps are re-scored."""

import numpy as np
import pytest
from scipy import optimize, signal

from eft_jax import core

REAL = [core.load("fir_lowpass_21"), core.load("fir_lowpass_31")]
WHOLE = core.load("fir_lowpass_31_bits6")


def frequencies() -> tuple[np.ndarray, np.ndarray]:
  """The frequencies of the statement and the wanted gain, written a second time."""
  passing = [0.2 * i / 189 for i in range(190)]
  stopping = [0.28 + 0.22 * i / 209 for i in range(210)]
  return np.array(passing + stopping), np.array([1.0] * 190 + [0.0] * 210)


def optimum(taps: int) -> tuple[np.ndarray, float]:
  """Best symmetric taps and their peak error, by linear programming."""
  f, wanted = frequencies()
  k = np.arange((taps + 1) // 2) - (taps - 1) // 2
  rows = np.cos(2 * np.pi * f[:, None] * k) * np.where(k == 0, 1, 2)
  bound = -np.ones((len(f), 1))
  found = optimize.linprog([*np.zeros(len(k)), 1], np.block([[rows, bound], [-rows, bound]]), [*wanted, *-wanted],
                           bounds=[(None, None)] * (len(k) + 1))
  half = found.x[:-1]
  return np.concatenate([half, half[-2::-1]]), found.fun


@pytest.mark.parametrize("task", REAL, ids=lambda task: task.name)
def test_the_linear_program_is_the_best_known_value(task, judge):
  taps, error = optimum(task.evaluate.keywords["taps"])
  assert judge(task, taps).value == pytest.approx(task.best_known, abs=1e-5)
  assert 20 * np.log10(error) == pytest.approx(task.best_known, abs=1e-5)


@pytest.mark.parametrize("task", REAL, ids=lambda task: task.name)
def test_remez_exchange_comes_to_the_same(task, judge):
  taps = signal.remez(task.evaluate.keywords["taps"], [0, 0.2, 0.28, 0.5], [1, 0], fs=1, grid_density=64)
  assert task.best_known <= judge(task, taps).value < task.best_known + 0.02


@pytest.mark.parametrize("task", REAL, ids=lambda task: task.name)
def test_taps_without_symmetry_are_no_better(task, judge):
  """The error is convex and the mirrored taps have the same one, so that symmetric taps are optimal."""
  taps = optimum(task.evaluate.keywords["taps"])[0] + 0.003 * np.random.default_rng(0).normal(
      size=task.evaluate.keywords["taps"])
  whole, half = judge(task, taps), judge(task, (taps + taps[::-1]) / 2)
  assert half.value < whole.value == pytest.approx(judge(task, taps[::-1]).value, abs=1e-9)


def test_the_errors_equal_those_of_freqz(judge):
  taps = signal.firwin(31, 0.24, fs=1)
  f, wanted = frequencies()
  response = signal.freqz(taps, worN=f, fs=1)[1]
  error = np.abs(response - wanted * np.exp(-2j * np.pi * f * 15))
  score = judge(REAL[1], taps)
  assert score.value == pytest.approx(20 * np.log10(error.max()), abs=1e-9)
  assert score.metrics["stop_error"] == pytest.approx(error[190:].max())


def test_known_whole_taps_have_the_best_known_value(known, judge):
  taps = known("fir_lowpass_31_bits6")
  assert judge(WHOLE, taps).value == pytest.approx(WHOLE.best_known, abs=1e-5)
  assert REAL[1].best_known < WHOLE.best_known
  assert judge(WHOLE, judge(WHOLE, taps).construction).value == judge(WHOLE, taps).value


@pytest.mark.parametrize("taps, message", [
    ([0.5] * 31, "expected an integer"), ([32] * 31, "at most 31"), ([1, -1] * 15 + [0], "add up to 0"),
    ([1] * 30, "30 entries where 31")])
def test_messages(taps, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(WHOLE, taps)
