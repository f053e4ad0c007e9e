"""Scaling laws: the law fitted to the same runs is the best known value, other forms extrapolate worse."""

import numpy as np
import pytest

from eft_jax import core
from eft_jax.core import regression

TASKS = {name: core.load(f"scaling_law_{name}_own") for name in ("additive", "joint")}
MODULE = TASKS["joint"].evaluate.func.__globals__
FORMS = {
    "additive": "p[0] + p[1] * n ** -p[2] + p[3] * d ** -p[4]",
    "joint": "p[0] + np.abs(p[1] * n ** (-p[2] / p[4]) + p[3] / d) ** p[4]",
}


def program(form: str) -> str:
  return f"import numpy as np\n\ndef model(n, d, p):\n    return {form}\n"


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("name", FORMS)
def test_the_law_is_the_best_known_value_and_the_other_one_is_worse(name, run):
  task, other = TASKS[name], FORMS["joint" if name == "additive" else "additive"]
  values = [run(task, program(FORMS[name]), key=f"key {i}").value for i in range(6)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.15)
  assert run(task, program(other)).value < task.best_known - 0.4
  assert run(task, program("p[0] - p[1] * np.log(n) - p[2] * np.log(d)")).value < 0.4
  assert run(task, program(FORMS[name]), fidelity="full").value > task.best_known  # more runs, same noise


def test_runs_follow_the_law_with_the_stated_noise():
  small, large = MODULE["places"](400)
  measured, wanted = MODULE["runs"]("additive", 3, 400)
  (low, high) = np.transpose(MODULE["LAWS"]["additive"][1])
  a, b, c, d, e = np.random.default_rng(3).uniform(low, high)
  np.testing.assert_allclose(wanted, [a + b / n**c + d / t**e for n, t in large.T], rtol=1e-12)
  error = measured / [a + b / n**c + d / t**e for n, t in small.T] - 1
  assert error.std() == pytest.approx(0.002, rel=0.1) and abs(error.mean()) < 0.0004
  assert small[0].max() <= 5 and small[1].max() <= 10 and large[0].min() >= 20 and large[1].min() >= 40


def test_fits_in_step_equal_fits_one_by_one():
  space: dict = {}
  exec(program(FORMS["additive"]), space)

  class Session:
    calls = 0

    def call(self, entry, *args):
      self.calls += 1
      return space[entry](*args)

  small = MODULE["places"](40)[0]
  targets = np.stack([MODULE["runs"]("additive", seed, 40)[0] for seed in range(4)])
  session = Session()
  together = regression.fit_all(session, small, targets)
  assert session.calls <= 31
  for params, target in zip(together, targets, strict=True):
    alone = regression.fit(Session(), np.column_stack([*small, target]))
    costs = [((space["model"](*small, p) - target) ** 2).sum() for p in (params, alone)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


def test_values_are_kept_in_their_bounds(judge, run):
  assert judge(TASKS["joint"], lambda n, d, p: p[0] * n**5 * d**5).value == -1
  assert judge(TASKS["joint"], lambda n, d, p: 1e300 * n + p[0]).value == -1


@pytest.mark.parametrize("result, message", [
    (lambda n, d, p: p[0] * np.nan * n, "model is nan at n = .*, d = "),
    (lambda n, d, p: n[:-1] * p[0], r"shape \(1152, 39\)"),
    (lambda n, d, p: "x", "model holds a str")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASKS["additive"], result)
