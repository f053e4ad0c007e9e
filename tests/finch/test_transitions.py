"""Labels follow the sign of the raw value's change, and every attempt ends in exactly one place."""

import dataclasses
import json

import pytest

from eft_jax import core
from eft_jax.core.settings import ConfigError
from eft_jax.finch import openevolve, transitions


def judged(attempts, tasks, minimum_gain=1e-9, keep_broken=False):
  return [t.label or t.dropped for t in transitions.joined(attempts, tasks, minimum_gain, keep_broken)]


@pytest.mark.parametrize("value,parent,direction,expected", [
    (2.0, 1.0, "max", "improved"), (2.0, 1.0, "min", "regressed"), (1.0, 2.0, "min", "improved"),
    (1.0, 2.0, "max", "regressed"), (1.0, 1.0, "max", "no_change"), (-1.0, -2.0, "max", "improved"),
    (1.0 + 1e-12, 1.0, "max", "no_change"), (1e-12, 0.0, "max", "improved"), (0.0, 0.0, "min", "no_change"),
])
def test_label_is_sign_aware(value, parent, direction, expected):
  assert transitions.label_of(value, parent, direction, 1e-9) == expected


def test_small_changes_of_a_timed_task_are_no_change(tasks, attempt, seed):
  timed = {name: dataclasses.replace(task, timed=True) for name, task in tasks.items()}
  stream = [seed(value=2.0), *(attempt(i, f"x = {i}\n", value)
                               for i, value in enumerate([2.6, 2.7, 1.6, 1.4, 2.0], start=2))]
  assert judged(stream, tasks) == ["seed", "improved", "improved", "regressed", "regressed", "no_change"]
  assert judged(stream, timed) == ["seed", "no_change", "improved", "no_change", "regressed", "no_change"]
  assert judged(stream, timed, minimum_gain=0.4) == ["seed", *["no_change"] * 5]


def test_labels_join_each_child_with_its_parent(tasks, attempt, seed):
  stream = [seed(value=1.0), attempt(1, "x = 2\n", 2.0), attempt(2, "x = 3\n", 1.5, parent=1, parent_source="x = 2\n"),
            attempt(3, "x = 4\n", 1.0)]
  assert judged(stream, tasks) == ["seed", "improved", "regressed", "no_change"]
  smaller_is_better = [seed(task="cost_2", family="cost"), attempt(1, "x = 2\n", 2.0, task="cost_2", family="cost")]
  assert judged(smaller_is_better, tasks) == ["seed", "regressed"]


def test_repair_of_a_broken_parent_is_an_improvement(tasks, attempt, seed):
  broken = attempt(1, "x = /\n", outcome="crash")
  stream = [seed(), broken, attempt(2, "x = 9\n", 0.1, parent=1, parent_source="x = /\n", edit="fix"),
            attempt(3, "y = /\n", outcome="timeout", parent=1, parent_source="x = /\n")]
  assert judged(stream, tasks) == ["seed", "child_invalid", "improved", "both_invalid"]
  assert judged(stream, tasks, keep_broken=True) == ["seed", "regressed", "improved", "both_invalid"]


@pytest.mark.parametrize("outcome", ["infra", "task_bug", "no_edit", "no_match", "no_change", "truncated", "too_long",
                                     "duplicate"])
def test_faults_of_reply_or_machine_are_dropped_by_name(outcome, tasks, attempt, seed):
  assert judged([seed(), attempt(1, None, outcome=outcome)], tasks, keep_broken=True) == ["seed", outcome]
  assert outcome in transitions.DROPPED


def test_systematic_errors(tasks, attempt, seed):
  stream = [seed(), attempt(1, "x = 2\n", 2.0, parent=7), attempt(2, "x = 2\n", 2.0, parent_source="other"),
            attempt(3, "x = 2\n", 2.0, task_version="v0"), attempt(4, "q", outcome="infra"),
            attempt(5, "x = 5\n", 2.0, parent=4, parent_source="q")]
  assert judged(stream, tasks) == ["seed", "parent_missing", "parent_missing", "task_changed", "infra",
                                   "parent_missing"]


def test_parents_are_looked_up_in_their_own_run(tasks, attempt, seed):
  stream = [seed("a", value=5.0), attempt(1, "x = 2\n", 6.0, run="a"), seed("b", value=8.0),
            attempt(1, "x = 2\n", 6.0, run="b")]
  assert judged(stream, tasks) == ["seed", "improved", "seed", "regressed"]


def test_a_retried_step_counts_its_failure_and_its_success(tasks, attempt, seed):
  stream = [seed(), attempt(1, None, outcome="infra"), attempt(1, "x = 2\n", 2.0, retry=1),
            attempt(2, "x = 3\n", 3.0, parent=1, parent_source="x = 2\n")]
  assert judged(stream, tasks) == ["seed", "infra", "improved", "improved"]


def test_unknown_task_names_itself(tasks, attempt, seed):
  with pytest.raises(ConfigError, match="step|unknown task 'gone_1'"):
    judged([seed(task="gone_1", family="gone")], tasks)


def test_row_holds_every_column(tasks, attempt, seed):
  stream = [seed(value=1.0), attempt(1, "x = 2\n", 3.0, reasoning="Because.", text="Make it 2.\n<<<<<<< SEARCH\n")]
  transition = list(transitions.joined(stream, tasks, 1e-9, False))[1]
  row = transitions.to_row(transition, tasks["ruler_4"], transitions.Lengths(1, 2, 3, 4, 12), "chars", "train")
  assert [message.role for message in row.trajectory] == ["system", "user", "assistant"]
  assert row.trajectory[2].content == "<think>\nBecause.\n</think>\nMake it 2.\n<<<<<<< SEARCH\n"
  assert json.loads(row.improvement_delta) == pytest.approx({"combined_score": 0.2, "value": 2.0, "size": 0.75})
  assert json.loads(row.parent_metrics) == {"combined_score": 0.1, "value": 1.0, "size": 0.25}
  assert json.loads(row.metadata) == {"changes": "Make it 2.", "iteration_time": 0.5}
  assert (row.parent_code, row.child_code) == ("x = 1\n", "x = 2\n")
  assert (row.child_id, row.parent_id, row.global_uid) == ("r1-000001", "r1-000000", "r1")
  assert row.instance_uid.startswith("r1-000001-") and row.token_length == 10
  assert (row.value, row.parent_value, row.score, row.parent_score) == (3.0, 1.0, 0.3, 0.1)
  assert (row.outcome, row.parent_outcome, row.proposer, row.weight_version) == ("ok", "ok", "scripted", "w7")
  assert row.prompt == stream[1].prompt and row.reply.text == stream[1].response.text


def test_broken_parent_has_no_metrics_and_no_score(tasks, attempt, seed):
  stream = [seed(), attempt(1, "x = /\n", outcome="crash"),
            attempt(2, "x = 9\n", 0.1, parent=1, parent_source="x = /\n", edit="fix")]
  transition = list(transitions.joined(stream, tasks, 1e-9, False))[2]
  row = transitions.to_row(transition, tasks["ruler_4"], transitions.Lengths(1, 1, 1, 1, 4), "chars", "train")
  assert (row.parent_metrics, row.improvement_delta, row.parent_score) == ("{}", "{}", None)
  assert row.parent_outcome == core.Outcome.CRASH.value and row.reasoning is None


def test_a_child_that_a_cascade_stopped_is_compared_at_its_own_fidelity(tasks, attempt, seed, measure):
  parent = seed(value=8.0, score=0.8, fidelity="full", metrics={"search_value": 2.0, "search_score": 0.2})
  child = attempt(1, "x = 2\n", 3.0, fidelity="search")
  (_, made) = transitions.joined([parent, child], tasks, 1e-9, False)
  assert made.label == "improved"
  row = transitions.to_row(made, tasks["ruler_4"], measure(child.prompt, child.response), "chars", "train")
  assert json.loads(row.improvement_delta) == pytest.approx({"value": 1.0, "combined_score": 0.1})
  assert json.loads(row.parent_metrics)["value"] == 2.0 == row.parent_value
  (record,) = openevolve.from_attempts([parent, child])
  assert record["improvement_delta"] == json.loads(row.improvement_delta)
