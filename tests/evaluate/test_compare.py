"""Runs become rows: what counts as valid, improved and best, for both directions."""

import json

import pytest

from eft_jax import core
from eft_jax.core import Outcome
from eft_jax.evaluate import compare, plots


def task(direction):
  best = {"max": 2.0, "min": -1.0}[direction]
  return core.Task(name="toy", family="toy", domain="systems", statement="s", brief="b", seed="x", entry="f",
                   direction=direction, baseline=0.5, best_known=best, source="definition", evaluate=print)


def attempt(step, outcome, value=None, parent=0, retry=0):
  return core.Attempt(run="r", step=step, batch=step, group=0, member=0, task="toy", family="toy", task_version="v",
                      outcome=outcome, value=value, parent=None if step == 0 else parent, retry=retry,
                      edit="diff" if step else "seed")


def test_measure_counts_replies_edits_and_improvements():
  attempts = [
      attempt(0, Outcome.OK, 0.5), attempt(1, Outcome.NO_MATCH), attempt(2, Outcome.OK, 1.0), attempt(3, Outcome.CRASH),
      attempt(4, Outcome.OK, 0.75, parent=2), attempt(5, Outcome.INFRA),
      attempt(5, Outcome.OK, 1.25, parent=2, retry=1), attempt(6, Outcome.NO_CHANGE), attempt(7, Outcome.INFRA)]
  result = compare.measure("m", task("max"), 0, attempts)
  assert (result.replies, result.valid, result.improved) == (6, 4, 2)
  assert result.best_value == 1.25 and result.best_score == pytest.approx(0.5)
  assert result.curve == pytest.approx((0.0, 0.0, 1 / 3, 1 / 3, 1 / 3, 0.5, 0.5))
  assert result.outcomes == {"crash": 1, "no_change": 1, "no_match": 1, "ok": 3}


def test_smaller_is_better_where_the_task_says_so():
  result = compare.measure("m", task("min"), 0, [attempt(0, Outcome.OK, 0.5), attempt(1, Outcome.OK, 0.8),
                                                 attempt(2, Outcome.OK, -0.25)])
  assert (result.improved, result.best_value) == (1, -0.25)
  assert result.best_score == pytest.approx(0.5)


def test_a_broken_seed_is_repaired():
  result = compare.measure("m", task("max"), 0, [attempt(0, Outcome.CRASH), attempt(1, Outcome.OK, 0.25)])
  assert (result.improved, result.best_value, result.initial_score) == (1, 0.25, 0.0)


def results():
  out = []
  for model, step in (("base", 0.0), ("eft", 0.5)):
    for seed in (0, 1):
      attempts = [attempt(0, Outcome.OK, 0.5), attempt(1, Outcome.OK if step else Outcome.NO_EDIT,
                                                       0.5 + step + seed if step else None)]
      out.append(compare.measure(model, task("max"), seed, attempts))
  return out


def test_table_summary_and_picture(tmp_path):
  rows = results()
  text = compare.table(rows, ["base", "eft"])
  assert "eft - base: mean gain in best score 0.667" in text and "valid edits 1.000" in text
  summary = json.loads(json.dumps(compare.as_json(rows, ["base", "eft"])))
  assert summary["models"]["eft"]["toy"]["valid"] == 2 and summary["models"]["base"]["toy"]["valid"] == 0
  assert summary["gain_over_base"]["eft"]["estimate"] == pytest.approx(2 / 3)
  picture = plots.curves(rows, ["base", "eft"], tmp_path / "curves.png")
  assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 10_000
