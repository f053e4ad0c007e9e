"""Speed-ups from given clocks: alternation, median, quantisation, the cap, and what a wrong answer is."""

import dataclasses
import signal

import numpy as np
import pytest

from eft_jax import core
from eft_jax.core import speed


@dataclasses.dataclass
class Session:
  """Answers with `answer(x)`; each call takes the next of `costs` seconds, each pause the next of `idle`."""

  costs: list
  answer: object = staticmethod(lambda x: x + 1)
  used: float = 0.0
  log: list = dataclasses.field(default_factory=list)

  def call(self, entry, x):
    self.log.append("candidate")
    self.used += self.costs.pop(0)
    return self.answer(x)

  def cpu_seconds(self):
    return self.used


def run(session, clock, seconds, count=3, plausible=100.0):
  def reference(x):
    session.log.append("reference")
    clock.now += seconds
    return x + 1

  instances = [(np.arange(4.0) + i,) for i in range(count)]
  return speed.race(session, "f", (np.arange(4.0),), instances, reference,
                    lambda result, expected: speed.close(result, expected, 1e-9), plausible)


@pytest.fixture
def clock(monkeypatch):
  class Clock:
    now = 0.0
  monkeypatch.setattr(speed, "_clock", lambda: Clock.now)
  return Clock


def test_the_value_is_the_median_ratio_and_the_first_call_does_not_count(clock):
  session = Session([50.0, 0.1, 0.2, 5.0])
  score = run(session, clock, 0.4)
  assert score.metrics["speedup"] == pytest.approx(2.0) and score.value == pytest.approx(2.0, rel=0.025)
  assert score.metrics["speedup_low"] == pytest.approx(0.08) and score.metrics["speedup_high"] == pytest.approx(4.0)
  assert score.metrics["implausible"] == 0
  assert session.log[2:] == ["candidate", "reference", "reference", "candidate", "candidate", "reference"]


def test_work_between_calls_counts(clock):
  class Busy(Session):
    def cpu_seconds(self):
      self.used += 0.1  # a thread of the candidate goes on
      return self.used
  score = run(Busy([0.1] * 4), clock, 0.4)
  assert score.metrics["speedup"] == pytest.approx(2.0)


def test_beyond_what_is_plausible_there_is_no_gain_but_a_flag(clock):
  score = run(Session([0.0] * 4), clock, 0.4, plausible=20.0)
  assert score.value == speed.quantised(20.0) and score.metrics["implausible"] == 1
  assert score.metrics["speedup"] > 1e5


def test_fast_calls_are_repeated_and_slow_ones_are_not(clock):
  slow, fast = Session([0.1] * 30), Session([1e-4] * 30)
  run(slow, clock, 0.4, count=12)
  run(fast, clock, 4e-4, count=12)
  assert slow.log.count("candidate") == 1 + 5 and fast.log.count("candidate") == 1 + 12


def test_values_are_coarse():
  assert {speed.quantised(r) for r in (0.971, 1.0, 1.029)} == {1.0}
  assert speed.quantised(1.05) == 1.05 and speed.quantised(0.5) == pytest.approx(0.5, rel=0.025)
  rng = np.random.default_rng(0)
  assert len({speed.quantised(2.0 * r) for r in rng.uniform(0.99, 1.01, 100)}) <= 2


def test_a_wrong_answer_is_wrong_in_any_round(clock):
  class Late(Session):
    def call(self, entry, x):
      return super().call(entry, x) + (1e-6 if len(self.costs) == 0 else 0)
  with pytest.raises(core.Wrong, match=r"result\[0\] is 3.000001, the right answer is 3 .allowed difference 7e-09"):
    run(Late([0.1] * 4), clock, 0.1)
  with pytest.raises(core.Invalid, match="shape"):
    run(Session([0.1] * 4, answer=lambda x: x[:2]), clock, 0.1)
  with pytest.raises(core.Invalid, match="nan"):
    run(Session([0.1] * 4, answer=lambda x: x * np.nan), clock, 0.1)


def test_the_own_clock_is_fine_under_a_profiling_timer():
  """The worker that runs evaluations has such a timer, under which time.process_time() moves in steps of a tick."""
  def reference(x):
    sum(range(20_000))
    return x + 1

  old = signal.setitimer(signal.ITIMER_PROF, 60)
  try:
    score = speed.race(Session([1.0] * 22), "f", (np.zeros(2),), [(np.ones(2),)] * 21, reference,
                       lambda result, expected: None, 10.0)
  finally:
    signal.setitimer(signal.ITIMER_PROF, *old)
  assert 0.05 < score.metrics["reference_ms"] < 2
