"""Dispatching: a second simulation with events, the reference rule, and what the candidate sees."""

import numpy as np
import pytest

from eft_jax import core

TASKS = {kind: core.load(f"dispatching_rule_{kind}_own") for kind in ("tardiness", "flow")}
SHORTEST = "def priority(time, rest, slack, weight, waited):\n    return -time\n"
FIRST = "def priority(time, rest, slack, weight, waited):\n    return waited\n"
REFERENCE = """
import numpy as np

def priority(time, rest, slack, weight, waited):
    return weight / time * np.exp(-np.maximum(slack, 0) / 180.0)
"""


@pytest.fixture(scope="module")
def module(family):
  return family("dispatching_rule")


@pytest.mark.parametrize("kind", TASKS)
def test_the_reference_is_the_best_known_value(kind, run):
  values = [run(TASKS[kind], REFERENCE, key=f"key {i}").value for i in range(6)]
  assert np.mean(values) == pytest.approx(TASKS[kind].best_known, abs=0.06 if kind == "tardiness" else 0.03)
  assert min(values) > TASKS[kind].baseline + TASKS[kind].spread


@pytest.mark.parametrize("kind", TASKS)
def test_first_come_first_served_is_one(kind, run):
  assert run(TASKS[kind], FIRST).value == 1 and set(run(TASKS[kind], FIRST).instances) == {1.0}


def finish(machines, times, arrival) -> list[int]:
  """When jobs are done under the shortest operation first, minute by minute."""
  jobs, steps = times.shape
  step, free, end, busy = [0] * jobs, arrival.tolist(), [0] * jobs, [0] * steps
  clock = 0
  while min(step) < steps:
    for machine in range(steps):
      waits = [j for j in range(jobs) if step[j] < steps and machines[j, step[j]] == machine and free[j] <= clock]
      if waits and busy[machine] <= clock:
        job = min(waits, key=lambda j: times[j, step[j]])
        busy[machine] = free[job] = end[job] = clock + int(times[job, step[job]])
        step[job] += 1
    clock += 1
  return end


def test_schedules_equal_a_second_simulation(module):
  shops, _ = module.instances("flow", (0, 1, 2), 8, 3)
  done = module.simulate(shops, lambda time, rest, slack, weight, waited: -time)
  for b in range(3):
    assert done[b].tolist() == finish(shops.machines[b], shops.times[b], shops.arrival[b])
  weight, due, arrival = shops.weight[0].tolist(), shops.due[0].tolist(), shops.arrival[0].tolist()
  ends = done[0].tolist()
  late = sum(w * max(0, e - d) for w, e, d in zip(weight, ends, due, strict=True))
  flow = sum(w * (e - a) for w, e, a in zip(weight, ends, arrival, strict=True))
  assert module.costs("tardiness", shops, done)[0] == late + 1 and module.costs("flow", shops, done)[0] == flow + 1


def test_what_the_candidate_sees(judge):
  seen = []
  def priority(*given):
    seen.append([part.copy() for part in given])
    for part in given:
      part[:] = 0  # changing its copies changes nothing
    return np.zeros(given[0].shape)
  changed = judge(TASKS["flow"], priority).value
  assert len(seen) == 48
  for time, rest, _, weight, waited in seen:
    assert len({part.shape for part in (time, rest, weight, waited)}) == 1 and len(time) == 40
    assert (1 <= time).all() and (time <= rest).all() and (waited >= 0).all()
    assert (weight >= 1).all() and (weight <= 10).all()
  assert changed == judge(TASKS["flow"], lambda time, *rest: 0 * time).value
  assert max(part[0].shape[1] for part in seen) > 1


def test_messages_are_useful(judge):
  for wrong, message in (
      (lambda time, *_: time[:, :0] * 1.0, r"shape \(40, 0\), expected \(40, "),
      (lambda time, *_: time * np.nan, r"priority\[0, 0\] is nan"), (lambda time, *_: 3, "int|has"),
      (lambda time, *_: time > 5, "array of bool"), (lambda time, *_: None, "None")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS["flow"], wrong)
