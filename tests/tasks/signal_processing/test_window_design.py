"""Windows: the Dolph-Chebyshev window of scipy has the stated optimum, and no linear program finds a lower one."""

import numpy as np
import pytest
from scipy import optimize
from scipy.signal import windows

from eft_jax import core

TASKS = [task for task in core.load_all().values() if task.family == "window_design"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_published_window_is_the_best_known_value(task, judge):
  n, edge = task.evaluate.keywords["n"], task.evaluate.keywords["edge"]
  score = judge(task, windows.chebwin(n, -task.best_known))
  assert score.value == pytest.approx(task.best_known, abs=1e-6) and task.score(score.value) == pytest.approx(1)
  f = np.linspace(edge, 0.5, 20_000)
  assert 20 * np.log10(abs(np.exp(-2j * np.pi * f[:, None] * np.arange(n)) @ score.construction).max()) < (
      score.value + 1e-6)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_symmetric_window_is_better_on_these_frequencies(task):
  """What the grid leaves out between its points is worth less than a thousandth of a decibel."""
  n, edge = task.evaluate.keywords["n"], task.evaluate.keywords["edge"]
  f = np.linspace(edge, 0.5, 4000)
  k = np.arange((n + 1) // 2) - (n - 1) / 2
  rows = np.cos(2 * np.pi * f[:, None] * k) * np.where(k == 0, 1, 2)
  bound = -np.ones((4000, 1))
  found = optimize.linprog([*np.zeros(len(k)), 1], np.block([[rows, bound], [-rows, bound]]), np.zeros(8000),
                           A_eq=[[*np.where(k == 0, 1, 2), 0]], b_eq=[1], bounds=[(None, None)] * (len(k) + 1))
  assert task.best_known - 1e-3 < 20 * np.log10(found.fun) < task.best_known + 1e-3


def test_scale_does_not_matter_and_equal_weights_have_the_value_of_the_textbook(judge):
  task = TASKS[0]
  window = windows.chebwin(24, 30.0)
  assert judge(task, 1e5 * window).value == pytest.approx(judge(task, window).value, abs=1e-9)
  f = np.linspace(0.08, 0.5, 4000)
  kernel = np.abs(np.sin(24 * np.pi * f) / (24 * np.sin(np.pi * f))).max()  # Dirichlet's
  assert judge(task, windows.boxcar(24)).value == pytest.approx(20 * np.log10(kernel), abs=1e-9)


@pytest.mark.parametrize("weights, message", [
    (np.resize([1, -1], 24), "add up to 0, which is not above"), (-np.ones(24), "add up to -24"),
    (np.zeros(24), "add up to 0"), (np.full(24, 1e7), "at most 1000000"), (np.ones(23), "shape"),
    ([np.inf] * 24, "is inf")])
def test_messages(weights, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], weights)
