"""Learning-rate schedule: a training in plain loops, gradients by differences, the reference, and what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("learning_rate_schedule_40_own")
MODULE = TASK.evaluate.func.__globals__
REFERENCE = """
import numpy as np

def schedule(steps):
    t = np.arange(steps) / steps
    a, w, p, m, n, e = ((0.73, 0.87, 0.89, 0.645, 0.457, 0.028) if steps == 40 else
                        (0.2, 0.325, 0.325, 0.863, 0.625, 0.0013))
    rate = a * np.minimum(1, 0.2 + t / w) * (0.5 + 0.5 * np.cos(np.pi * t)) ** p + e
    return np.array([rate, m + (n - m) * t])
"""


def slow_train(rates, momenta, points, targets, test, truth, first, second):
  """One network; gradients by central differences of the loss."""
  def loss(weights, x, y):
    a, b = weights[:60].reshape(5, 12), weights[60:]
    return ((np.tanh(x @ a) @ b[:-1] + b[-1] - y) ** 2).mean()
  weights = np.concatenate([first.ravel(), second])
  velocity = np.zeros(73)
  tail = []
  for t in range(len(rates)):
    steps = 1e-5 * np.eye(73)
    gradient = np.array([loss(weights + s, points[t], targets[t]) - loss(weights - s, points[t], targets[t])
                         for s in steps]) / 2e-5
    velocity = momenta[t] * velocity - rates[t] * gradient
    weights = weights + velocity
    tail.append(loss(weights, test, truth))
  return np.mean(tail[-5:])


def test_training_equals_plain_loops_with_numerical_gradients():
  sets = MODULE["data"]((5, 6), 12)
  rates, momenta = np.linspace(0.1, 0.02, 12), np.linspace(0.5, 0.8, 12)
  fast = MODULE["train"](rates, momenta, *sets)
  slow = [slow_train(rates, momenta, *(part[b] for part in sets)) for b in range(2)]
  np.testing.assert_allclose(fast, slow, rtol=1e-5)


@pytest.mark.parametrize("steps", MODULE["STEPS"])
def test_the_reference_is_the_best_known_value(steps, run):
  task = core.load(f"learning_rate_schedule_{steps}_own")
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(8)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.08)


def test_divergence_is_bounded_and_no_training_has_variance_one(judge):
  wild = judge(TASK, np.array([[100.0] * 40, [0.99] * 40]))
  assert wild.value == pytest.approx(1, abs=1e-6) and wild.metrics["diverged"] == 1
  assert judge(TASK, np.zeros((2, 40))).value > TASK.baseline


def test_rates_and_momenta_are_checked(judge):
  for rate, momentum, message in ((-0.1, 0.5, "at least 0"), (0.1, 1.5, "momentum 1.5 of step 0 is above 0.999"),
                                  (np.nan, 0.5, "is nan"), (1e6, 0.5, "at most 100")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, np.array([[rate] * 40, [momentum] * 40]))
  with pytest.raises(core.Invalid, match="shape"):
    judge(TASK, np.zeros((2, 39)))
