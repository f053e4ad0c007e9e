"""Online knapsack: a second simulation, the reference policies, and the bound over brute force."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = {kind: core.load(f"online_knapsack_{kind}_own") for kind in ("free", "alike", "rising")}
# Takes what is worth more, by size, than the items to come that would just fill the room.
FREE = """
import numpy as np

def accept(value, size, room, left):
    # The rate at which items like those to come would just fill the room.
    rates = np.linspace(0.01, 20, 400)
    u = np.arange(1, 101)
    share = np.clip((100 - rates[:, None] * u) / 99, 0, 1)
    load = (share * u).mean(1)
    need = room / np.maximum(left + 0.6, 0.6)
    wanted = np.interp(-need, -load, rates)
    return value / size - 0.97 * wanted + (left < 1) * 99
"""
ALIKE = """
import numpy as np

def accept(value, size, room, left):
    rates = np.linspace(1, 31, 600)
    u = np.arange(1, 101)
    share = np.clip((30 + u - rates[:, None] * u) / 30, 0, 1)
    load = (share * u).mean(1)
    need = room / np.maximum(left + 0.6, 0.6)
    wanted = np.interp(-need, -load, rates)
    return value / size - 0.97 * wanted + (left < 1) * 99
"""
RISING = """
import numpy as np

COUNT = 60
U = np.arange(1, 101)
RATES = np.linspace(0.01, 30, 500)
FACTORS = np.linspace(0.5, 1.5, 60)
# Load of one item of each place at each rate, summed over the places to come.
LOADS = [(np.clip((100 - RATES[:, None] * U / f) / 99, 0, 1) * U).mean(1) for f in FACTORS]
AHEAD = np.cumsum(LOADS[::-1], axis=0)

def accept(value, size, room, left):
    k = int(left[0])
    if k == 0 or k >= COUNT:
        return np.ones(len(value))
    wanted = np.interp(-room, -(AHEAD[k - 1] + 0.6 * LOADS[-1 - k]), RATES)
    return value / size - 0.97 * wanted
"""
REFERENCES = {"free": FREE, "alike": ALIKE, "rising": RISING}
ALL = "import numpy as np\n\ndef accept(value, size, room, left):\n    return np.ones(len(value))\n"


@pytest.mark.parametrize("kind", TASKS)
def test_the_reference_is_the_best_known_value(kind, run):
  values = [run(TASKS[kind], REFERENCES[kind], key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASKS[kind].best_known, abs=0.012) and max(values) < 1


@pytest.mark.parametrize("kind", TASKS)
def test_values_equal_a_second_simulation(kind, judge):
  """Greed, and the bound by filling unit by unit."""
  offers = []
  def accept(value, size, room, left):
    offers.append((value, size, room, left))
    return np.ones(len(value))
  score = judge(TASKS[kind], accept)
  assert len(offers) == 60 and [int(left[0]) for *_, left in offers] == list(range(59, -1, -1))
  for b in range(8):
    room, total, items = 606, 0.0, []
    for value, size, seen, _ in offers:
      assert seen[b] == room and 1 <= size[b] <= 100
      items.append((float(value[b]), int(size[b])))
      if size[b] <= room:
        room -= int(size[b])
        total += float(value[b])
    units = sorted((v / s for v, s in items for _ in range(s)), reverse=True)[:606]
    assert score.instances[b] == pytest.approx(total / sum(units), rel=1e-9)


def test_the_bound_is_over_every_choice(family):
  rng = np.random.default_rng(0)
  for _ in range(3):
    values, sizes = rng.uniform(1, 100, 10), rng.integers(1, 101, 10)
    best = max(values @ taken for taken in itertools.product((0, 1), repeat=10) if sizes @ taken <= 101)
    assert best <= family("online_knapsack").fractional(values, sizes, 101) <= best + 100


def test_what_does_not_fit_is_not_taken(run, judge):
  score = run(TASKS["free"], ALL)
  assert 0 < score.value < 1 and 0 <= score.metrics["room_left"] < 0.1
  assert judge(TASKS["free"], lambda value, *_: -value).value == 0


def test_messages_are_useful(judge):
  for wrong, message in (
      (lambda value, *_: value[:-1], r"shape \(39,\), expected \(40,\)"), (lambda value, *_: value * np.inf, "inf"),
      (lambda value, *_: value > 50, "array of bool"), (lambda value, *_: 1.0, "float"), (lambda *_: None, "None")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS["free"], wrong)
