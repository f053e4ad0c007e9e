"""Oscillator regression: hidden laws are found, data follow them, and accelerations stay hidden."""

import math

import numpy as np
import pytest

from eft_jax import core

LAWS = {
    "driven": "params[0] * np.sin(params[1] * t) + params[2] * v + params[3] * x**3 + params[4] * x * v",
    "exponential": "params[0] * (1 - x * x) * v + params[1] * (np.exp(params[2] * x) - 1)",
    "duffing": "params[0] * np.cos(params[1] * t) + params[2] * x + params[3] * x**3 + params[4] * v**3",
}
ABLATED = {
    "driven": "params[0] * np.sin(params[1] * t) + params[2] * v + params[3] * x**3",
    "exponential": "params[0] * (1 - x * x) * v + params[1] * x",
    "duffing": "params[0] * np.cos(params[1] * t) + params[2] * x + params[3] * x**3 + params[4] * v",
}
each_law = pytest.mark.parametrize("name", LAWS)


def task(name: str) -> core.Task:
  return core.load(f"oscillator_regression_{name}")


def program(expression: str) -> str:
  return f"import numpy as np\n\ndef model(x, v, t, params):\n    return {expression}\n"


@each_law
@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_the_law_itself_is_the_best_known_value(name, key, run):
  exact, ablated = (run(task(name), program(forms[name]), key=key) for forms in (LAWS, ABLATED))
  assert exact.value == pytest.approx(task(name).best_known, abs=1e-3)
  assert run(task(name), key=key).value < ablated.value < 4
  assert exact.value == sum(exact.metrics.values()) / 2
  assert exact.artifacts["constants"].startswith("fitted constants: ")


@each_law
def test_full_fidelity_agrees(name, run):
  seed, full = run(task(name)), run(task(name), fidelity="full")
  assert full.value == pytest.approx(seed.value, abs=0.1)
  assert run(task(name), program(LAWS[name]), fidelity="full").value == pytest.approx(9, abs=1e-3)


@each_law
def test_the_data_follow_the_law_written_a_second_time(name, hidden_seeds):
  module = task(name).evaluate.func.__globals__
  seed = hidden_seeds(name, 1)[0]
  fitting, inside, outside = module["data"](name, seed, 100)
  centres = module["LAWS"][name][1]
  constants = np.array(centres) * np.random.default_rng(seed).uniform(0.92, 1.08, len(centres))
  for rows in (fitting, inside, outside):
    assert rows.shape == (100, 4)
    for x, v, t, a in rows:
      f, w, p, q, r = (*constants, 0, 0)[:5]
      assert a == pytest.approx({
          "driven": f * math.sin(w * t) - p * v - q * x**3 - r * x * v,
          "exponential": f * v - f * x**2 * v + w - w * math.exp(p * x),
          "duffing": f * math.cos(w * t) - p * x - q * x**3 - r * v**3}[name], abs=1e-12)
  assert abs(fitting[:, :2]).max() <= 1.5 >= abs(inside[:, :2]).max() and inside[:, 2].max() <= 20
  assert (abs(outside[:, :2]).max(axis=1) > 1.5).all() and outside[:, 2].min() >= 20
  assert not set(fitting[:, 0]) & set(inside[:, 0])


@each_law
def test_accelerations_cannot_be_read_from_differences(name, run):
  """Sorted by time, neighbouring states have nothing to do with each other."""
  slopes = ("import numpy as np\n\ndef model(x, v, t, params):\n    order = np.argsort(t)\n    a = np.empty(len(t))\n"
            "    a[order] = np.gradient(v[order], t[order])\n    return params[0] * a + params[1]\n")
  assert run(task(name), slopes).value < 0.1


def test_the_candidate_never_sees_accelerations(run, hidden_seeds):
  name = "driven"
  a = task(name).evaluate.func.__globals__["data"](name, hidden_seeds(name, 1)[0], 100)[0][:, 3]
  seen = []
  class Session:
    fidelity, previous = "search", None
    seeds = staticmethod(hidden_seeds)
    def call(self, entry, *args):
      seen.extend(args)
      return args[0] * args[3][0]
  task(name).evaluate(Session())
  for given in seen:
    if given.shape == a.shape:
      assert abs(np.corrcoef(given, a)[0, 1]) < 0.999


def test_constants_start_at_the_stated_values_and_calls_are_few(judge):
  starts, calls = [], []
  def model(x, v, t, params):
    assert x.shape == v.shape == t.shape == (100,) and params.shape[0] == 8 and params.shape[2] == 1
    calls.append(params.shape[1])
    if (params[:, 0, 0] == params[0, 0, 0]).all() and params.shape[1] > 1:
      starts.append(float(params[0, 0, 0]))
    return params[0] * x + params[1] * v
  judge(task("driven"), model)
  assert set(starts) == {0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0} and len(calls) < 120


@pytest.mark.parametrize("result, message", [
    (lambda x, v, t, params: params[0] * x * np.nan, "model is nan at x = .*, v = .*, t = "),
    (lambda x, v, t, params: params[0] * x + np.inf, "model is inf at x"),
    (lambda x, v, t, params: params[0] * x + 1e200, "model reaches 1e.200"),
    (lambda x, v, t, params: x[:-1] * params[0], r"shape \(9, 99\), expected \(P, N\) = \(9, 100\)"),
    (lambda x, v, t, params: (params[0] * x)[None], r"shape \(1, 9, 100\)"),
    (lambda x, v, t, params: params[0] * x + 0j, "array of complex128"),
    (lambda x, v, t, params: params[0] * x > 0, "array of bool"),
    (lambda x, v, t, params: "x", "model holds a str"),
    (lambda x, v, t, params: None, "model holds None"),
    (lambda x, v, t, params: [[1.0] * 100], "model holds a list"),
])
def test_bad_results_are_invalid(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(task("driven"), result)


def test_a_constant_and_a_blow_up_have_honest_low_values(run):
  assert run(task("duffing"), program("0.0")).value == pytest.approx(0, abs=0.5)
  assert run(task("duffing"), program("params[0] * 1e30 * x**9 + 1e40")).value < -70
