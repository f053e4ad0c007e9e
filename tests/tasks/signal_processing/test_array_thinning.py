"""Thinned arrays: the known ones are re-scored, the pattern equals a sum written out, doubled places are named."""

import cmath
import math

import numpy as np
import pytest

from eft_jax import core

TASKS = [task for task in core.load_all().values() if task.family == "array_thinning"]


def peak(places, edge: float) -> float:
  """The score by plain sums."""
  grid = [edge + (1 - edge) * i / 1499 for i in range(1500)]
  lobes = [abs(sum(cmath.exp(1j * math.pi * p * u) for p in places)) for u in grid]
  return 20 * math.log10(max(lobes) / len(places))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_known_array_is_the_best_known_value(task, known, judge):
  places = known(task.name)
  score = judge(task, places)
  assert score.value == pytest.approx(task.best_known, abs=1e-5)
  assert score.value == pytest.approx(peak(places, task.evaluate.keywords["edge"]), abs=1e-9)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_mirrored_places_have_the_same_value_and_neighbours_a_bad_one(task, known, judge):
  places, n = known(task.name), task.evaluate.keywords["n"]
  assert judge(task, n - 1 - places).value == pytest.approx(judge(task, places).value, abs=1e-9)
  assert judge(task, np.arange(len(places))).value > -8


def test_the_grid_is_fine_enough(known):
  for task in TASKS:
    places, edge = known(task.name), task.evaluate.keywords["edge"]
    fine = np.abs(np.exp(1j * np.pi * np.linspace(edge, 1, 30_000)[:, None] * places).sum(axis=1)).max() / len(places)
    assert 20 * np.log10(fine) < task.best_known + 0.02


@pytest.mark.parametrize("change, message", [
    (lambda p: [*p[:-1], p[0]], "is filled twice"), (lambda p: [*p[:-1], 1000], "at most"),
    (lambda p: p[:-1], "expected"), (lambda p: [*p[:-1], 3.5], "expected an integer"),
    (lambda p: [-1, *p[1:]], "at least 0")])
def test_messages(change, message, known, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS[0], change(known(TASKS[0].name).tolist()))
