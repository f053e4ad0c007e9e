"""Dishonest results in the place of every task's honest one: none scores more than it is worth."""

import dataclasses
import time
import traceback

import numpy as np
import pytest

from eft_jax import core
from eft_jax.core import CandidateError
from eft_jax.sandbox.cheats import Rule, cheats

TASKS = core.load_all()
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@pytest.fixture(autouse=True)
def clocks(monkeypatch):
  """Puts back what a cheat patches, which in the sandbox ends with its process."""
  for name in ("time", "perf_counter", "process_time", "monotonic", "perf_counter_ns", "time_ns"):
    monkeypatch.setattr(time, name, getattr(time, name))


@each_task
def test_no_cheat_scores(task, run):
  honest = run(task).value
  faults = {}
  for cheat in cheats(task):
    try:
      value = run(task, cheat.program.source).value
    except (core.Invalid, CandidateError) as error:
      assert 5 < len(str(error)) < 2500, cheat.name
      value = None
    except Exception as error:
      if "candidate" not in {frame.filename for frame in traceback.extract_tb(error.__traceback__)}:
        faults[cheat.name] = f"the evaluation raised {error!r}"
      value = None
    fault = cheat.fault(task, value, None if task.timed else honest)
    if fault:
      faults[cheat.name] = fault
  assert not faults


def test_the_corpus_tells_a_careless_task_from_a_careful_one(run):
  """A judge that takes any number at its word is caught by every rule."""
  def believe(session):
    with np.errstate(all="ignore"):
      return core.Score(float(np.nan_to_num(np.asarray(session.call("construct", 10, None), float).sum())))

  task = dataclasses.replace(core.load("golomb_ruler_10"), evaluate=believe)
  caught = set()
  for cheat in cheats(task):
    try:
      value = run(task, cheat.program.source).value
    except Exception:
      continue
    if cheat.fault(task, value, run(task).value):
      caught.add(cheat.rule)
  assert {Rule.REFUSED, Rule.WORTHLESS, Rule.HONEST} <= caught


@each_task
def test_a_failing_candidate_is_no_score(task, run):
  source = ("int main() { return 3; }" if task.language == "cpp" else f"def {task.entry}(*args, **kw):\n    1 / 0\n")
  with pytest.raises((ZeroDivisionError, CandidateError)):
    run(task, source)


@pytest.mark.parametrize("task", [t for t in TASKS.values() if t.entry == "construct"], ids=lambda task: task.name)
def test_the_returned_array_is_copied(task, run, judge):
  """What the candidate keeps a hand on is not what is stored."""
  found = run(task).construction
  if found is None:
    return
  given = found.copy()
  score = judge(task, given)
  given[...] = 0
  assert not np.shares_memory(score.construction, given)
