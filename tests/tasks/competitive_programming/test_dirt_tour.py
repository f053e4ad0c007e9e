"""Dirt tour: looking ahead reaches the best known value; steps through walls are named."""

import types

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("dirt_tour_own")
FILE = types.SimpleNamespace(**TASK.evaluate.__globals__)


def test_the_reference_reaches_the_best_known_value(native, reference):
  score, _ = native(TASK, reference("dirt_tour.cpp"))
  assert score.value == pytest.approx(TASK.best_known, abs=0.06)


def test_dirt_agrees_with_a_simulation(native):
  score, session = native(TASK)
  found, given = FILE.instances(FILE.PUBLIC_SEEDS + tuple(session.seeds("rooms", 8)), 7, 400)
  assert given == session.given
  values = []
  for (rates, _), line in zip(found, session.written.splitlines(), strict=True):
    floor, i, j, seen = np.zeros((7, 7)), 0, 0, []
    for step in line:
      floor += rates
      i += (step == "D") - (step == "U")
      j += (step == "R") - (step == "L")
      floor[i, j] = 0
      seen.append(floor.sum())
    values.append((np.sqrt(rates).sum() ** 2 - rates.sum()) / 2 / np.mean(seen[200:]))
  assert score.value == pytest.approx(np.mean(values[8:])) and score.instances == pytest.approx(values[:8])


def test_rooms_are_connected_and_ways_go_both_ways(hidden_seeds):
  for seed in hidden_seeds("rooms", 4):
    _, ways = FILE.draw(seed, 7)
    up, down, left, right = (ways >> bit & 1 for bit in range(4))
    assert (down[:-1] == up[1:]).all() and (right[:, :-1] == left[:, 1:]).all()
    assert not up[0].any() and not down[-1].any() and not left[:, 0].any() and not right[:, -1].any()
    reached = np.zeros((7, 7), bool)
    reached[0, 0] = True
    for _ in range(49):
      reached[1:] |= reached[:-1] & (down[:-1] == 1)
      reached[:-1] |= reached[1:] & (up[1:] == 1)
      reached[:, 1:] |= reached[:, :-1] & (right[:, :-1] == 1)
      reached[:, :-1] |= reached[:, 1:] & (left[:, 1:] == 1)
    assert reached.all()


def test_the_yardstick_is_the_least_mean_dirt_of_free_visits():
  """Two rooms of rates 1 and 4: no cycle of visits without walls is below the bound."""
  rates = np.array([[1, 4]])
  bound = (np.sqrt(rates).sum() ** 2 - rates.sum()) / 2
  ways = np.array([[8, 4]])
  assert bound <= FILE.dirt(rates, ways, "RL" * 50) == pytest.approx(2.5)


@pytest.mark.parametrize("line, message", [
    ("U" * 400, "instance 1: step 1: there is a wall U of room 0"), ("UDLR", "line 1 has 4 letters, expected 400"),
    ("N" * 400, "line 1 holds 'N', expected letters of UDLR"), ("L" * 399 + " ", "line 1 has 399 letters"),
])
def test_messages_name_the_step(judge, line, message):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, "\n".join([line, *["R" * 400] * 15]))
