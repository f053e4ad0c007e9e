"""Spot instances: a second simulation of single jobs, the reference policy, and what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("spot_instances_own")
MODULE = TASK.evaluate.__globals__
# The optimal policy of one market, in which spot stays for 14 ticks and is away for 7 on average.
REFERENCE = """
import numpy as np

def decide(work, time, spot, running):
    W, T = work.shape[0] - 1, time.shape[1] - 1
    stay = np.array([[1 - 1 / 7, 1 / 7], [1 / 14, 1 - 1 / 14]])
    choice = np.zeros(work.shape, int)
    value = np.full((W + 4, 2, 3), 50.0)
    value[0] = 0
    w = np.arange(W + 1)
    for t in range(1, T + 1):
        new = np.full_like(value, 50.0)
        for s in range(2):
            for r in range(3):
                now = 0 if r == 1 and s == 0 else r
                costs = []
                for a in range(3):
                    act = 0 if a == 1 and s == 0 else a
                    after = np.minimum(w + 3 * (act > 0 and act != now) - (act > 0), W + 3)
                    later = (value[np.maximum(after, 0), :, act] * stay[s]).sum(axis=1)
                    costs.append((0, 0.3, 1.0)[act] + later)
                costs = np.array(costs)
                slack = t - 1 - w
                costs[0, slack < 3] = 1e9
                costs[1, slack < 2 + 3 * (now != 1)] = 1e9
                choice[:, t, s, r] = costs.argmin(axis=0)
                new[:W + 1, s, r] = costs.min(axis=0)
        new[0] = 0
        value = new
    return choice
"""


def slow_cost(decide, trace, work, deadline):
  """One job, tick by tick."""
  left, running, cost = work, 0, 0.0
  for t, spot in enumerate(trace):
    if left == 0:
      break
    if running == 1 and not spot:
      running = 0
    time = deadline - t
    action = int(decide(*(np.array(v) for v in (min(left, work + 3), time, spot, running))))
    if action == 1 and not spot:
      action = 0
    rest = left - 1 + 3 * (action != running) if action else left
    if rest > 0 and action != 2 and time - 1 < rest + 3:
      action = 2
    if action and action != running:
      left += 3
    if action:
      left -= 1
      cost += {1: 0.3, 2: 1.0}[action]
    running = action
  assert left == 0
  return cost / work


def test_the_value_equals_a_second_simulation(run):
  names = {}
  exec(TASK.seed, names)
  spot = MODULE["markets"](MODULE["PUBLIC_SEEDS"], 80, 4)
  expected = [np.mean([slow_cost(names["decide"], trace, 40, 80) for trace in market]) for market in spot]
  assert list(run(TASK).instances) == pytest.approx([-value for value in expected])


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.03)


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_every_constant_policy_meets_the_deadline(choice, judge):
  score = judge(TASK, lambda work, time, spot, running: 0 * work + choice)
  assert score.value > TASK.best_known
  if choice == 2:
    assert score.value == pytest.approx(43 / 40)


def test_choices_are_checked(judge):
  for value, message in ((3, "at most 2"), (-1, "at least 0"), (0.5, "an integer")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, lambda work, time, spot, running, value=value: 0 * work + value)
  with pytest.raises(core.Invalid, match="shape"):
    judge(TASK, np.zeros((44, 80, 2, 3)))
