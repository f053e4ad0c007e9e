"""Oscillator regression: hidden laws are found, trajectories agree with scipy, and accelerations stay hidden."""

import numpy as np
import pytest
from scipy import integrate

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
def test_trajectories_agree_with_scipy(name, hidden_seeds):
  """Positions and velocities are integrated a second time from the accelerations that the law gives."""
  module = task(name).evaluate.func.__globals__
  law, centres, _ = module["LAWS"][name]
  seed = hidden_seeds(name, 1)[0]
  sets = module["data"](name, seed, 100)
  rng = np.random.default_rng(seed)
  constants = np.array(centres) * rng.uniform(0.85, 1.15, len(centres))
  for rows in sets:
    assert rows.shape == (100, 4) and np.isfinite(rows).all()
    x, v, t, a = rows.T
    np.testing.assert_allclose(a, [law(*row[:3], constants) for row in rows], rtol=1e-12)
    solution = integrate.solve_ivp(lambda t, s: (s[1], law(s[0], s[1], t, constants)), (t[0], t[-1]), (x[0], v[0]),
                                   t_eval=t, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(solution.y, (x, v), atol=2e-5)
  fitting, inside, outside = sets
  assert not set(fitting[:, 2]) & set(inside[:, 2]) and fitting[-1, 2] < 20 <= outside[0, 2]
  assert abs(outside[0, :2]).max() > abs(fitting[0, :2]).max()


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
