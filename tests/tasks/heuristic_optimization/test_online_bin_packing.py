"""Online bin packing: a second simulation with a list of bins, the reference policy, and the hidden instances."""

import bisect

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("online_bin_packing_weibull_own")
UNIFORM = core.load("online_bin_packing_uniform_own")
ITEMS = {"search": 250, "full": 5000}
BEST_FIT = "def priority(item, space):\n    return item - space\n"
# Keeps bins out of the range of space that few items fill, and gives that up towards the end of the instances.
REFERENCE = """
import numpy as np

arrivals = 0

def priority(item, space):
    global arrivals
    arrivals += 1
    phase = (arrivals > 145) + (arrivals > 215)
    low, high, new = [(1, 24, 0.45), (3, 19, -0.69), (26, 22, 17.76)][phase]
    left = space - item
    score = -0.01 * left - 10.0 * ((left > low) & (left < high)) - new * (space > 99)
    if phase < 2:
        score = score - 0.08 * np.abs(left - 45.36) * (left >= high)
    return score
"""
# A value for each amount of space that is left, early and late; found by a search.
UNIFORM_REFERENCE = """
import numpy as np

arrivals = 0
LEVELS = [0, 2, 5, 9, 14, 19.5, 20, 30, 40, 50, 60, 70, 80, 100, 130]
EARLY = [1.82, 0.93, -4.05, -3.7, -8.65, -4.89, -0.7, -0.37, -0.37, -2.0, -0.17, -0.58, -1.5, -1.3, -2.48]
LATE = [2.81, 1.04, 0.02, 0.05, -0.17, -0.31, -0.22, -0.24, -0.59, -0.4, -0.03, -3.25, -6.31, -2.01, -6.69]

def priority(item, space):
    global arrivals
    arrivals += 1
    return np.interp(space - item, LEVELS, EARLY if arrivals < 187 else LATE)
"""


def draw(seed: int, count: int) -> list[int]:
  """The generator, written a second time."""
  sizes = np.random.default_rng(seed).weibull(3.0, count) * 45.0
  return [int(min(100, max(1, round(size)))) for size in sizes]


def best_fit(items: list[int]) -> int:
  spaces: list[int] = []
  for item in items:
    place = bisect.bisect_left(spaces, item)
    space = spaces.pop(place) if place < len(spaces) else 100
    bisect.insort(spaces, space - item)
  return len(spaces)


def excess(seeds, count: int) -> float:
  instances = [draw(seed, count) for seed in seeds]
  return float(np.mean([100 * (best_fit(items) / -(-sum(items) // 100) - 1) for items in instances]))


@pytest.mark.parametrize("fidelity", ITEMS)
def test_best_fit_equals_a_second_simulation(fidelity, run, hidden_seeds):
  score = run(TASK, BEST_FIT, fidelity=fidelity)
  assert score.value == pytest.approx(excess(hidden_seeds("weibull", 16), ITEMS[fidelity]), abs=1e-9)
  assert score.metrics["public"] == pytest.approx(excess(range(8), ITEMS[fidelity]), abs=1e-9)
  assert -np.mean(score.instances) == pytest.approx(score.metrics["public"]) and len(score.instances) == 8
  assert score.metrics["gap"] == pytest.approx(score.value - score.metrics["public"], abs=1e-9)


def test_published_rates_of_best_fit_hold_on_our_instances(run):
  """Best fit needs about 4 % more than the bound at 5,000 items (3.98 % on the published instances)."""
  assert run(TASK, BEST_FIT, fidelity="full").value == pytest.approx(4.0, abs=0.3)


def test_the_reference_policy_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(8)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.2) and max(values) < 3.5


def test_uniform_items_by_a_second_simulation(run, hidden_seeds):
  """Best fit with sizes from 20 to 100 and bins of 150."""
  values = []
  for seed in hidden_seeds("uniform", 16):
    items = np.random.default_rng(seed).integers(20, 101, 250).tolist()
    spaces: list[int] = []
    for item in items:
      place = bisect.bisect_left(spaces, item)
      bisect.insort(spaces, (spaces.pop(place) if place < len(spaces) else 150) - item)
    values.append(100 * (len(spaces) / -(-sum(items) // 150) - 1))
  assert run(UNIFORM, BEST_FIT).value == pytest.approx(np.mean(values), abs=1e-9)


def test_the_reference_policy_for_uniform_items_is_the_best_known_value(run):
  values = [run(UNIFORM, UNIFORM_REFERENCE, key=f"key {i}").value for i in range(8)]
  assert np.mean(values) == pytest.approx(UNIFORM.best_known, abs=0.3) and max(values) < 5


def test_the_instances_depend_on_the_key_alone(run):
  assert run(TASK).value == run(TASK).value != run(TASK, key="another").value
  assert run(TASK).metrics["public"] == run(TASK, key="another").metrics["public"]


def test_what_the_candidate_sees(judge):
  seen = []
  def priority(item, space):
    seen.append((item.copy(), space.copy()))
    item[:], space[:] = 0, 0  # changing its copies changes nothing
    return np.zeros(space.shape)
  judge(TASK, lambda item, space: priority(item.copy(), space.copy()))
  assert len(seen) == 250
  for item, space in seen:
    assert item.shape == (24, 1) and len(space) == 24 and item.dtype == space.dtype == np.int64
    assert (space >= item).all() and (space <= 100).all() and (space[:, -1] == 100).all()
    steps = np.diff(space, axis=1)
    assert ((steps > 0) | (space[:, 1:] == 100)).all()
    full = (space == 100).sum(axis=1)
    assert full.min() == 1  # as wide as the longest row needs


def test_the_first_of_equal_priorities_wins(run):
  equal = "def priority(item, space):\n    return 0.0 * space\n"
  assert run(TASK, equal).value == run(TASK, BEST_FIT).value


def test_messages_are_useful(judge):
  for wrong, message in (
      (lambda item, space: space[:, :-1] * 1.0, r"has shape \(24, 0\), expected \(24, 1\)"),
      (lambda item, space: np.where(space == 100, np.nan, 0.0), r"priority\[0, 0\] is nan"),
      (lambda item, space: -np.inf * space, r"priority\[0, 0\] is -inf"),
      (lambda item, space: 3, "has|is of type int"),
      (lambda item, space: space > 5, "array of bool"),
  ):
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, wrong)
