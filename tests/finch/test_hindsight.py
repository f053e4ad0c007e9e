"""Hindsight: one edit from a program to its best descendant, which applies, and whose row is marked."""

import dataclasses
import json
import random

import pytest

from eft_jax.core import Prompt, Response
from eft_jax.finch import FilterSettings, hindsight, select, transitions
from eft_jax.search import edits, replies

LINES = ["import numpy as np", "", "def f(n):", "    x = 1", "    y = 2", "    x = 1", "    for i in range(n):",
         "        x = x + i", "    return x + y"]


def source(changes=()):
  lines = list(LINES)
  for line, text in changes:
    lines[line] = text
  return "\n".join(lines) + "\n"


def chain(attempt, seed, values=(1.0, 2.0, 1.5, 4.0, 3.0), kind="diff"):
  """seed -> 1 -> 2 -> 3 -> 4, each changing one line more; step 3 is the best."""
  sources = [source([(3, "    x = 7"), (4, "    y = 3"), (7, "        x = x + 2 * i"), (5, "    x = 9")][:n])
             for n in range(5)]
  stream = [dataclasses.replace(seed(value=values[0]), program=attempt(1, sources[0]).program)]
  for step in range(1, 5):
    stream.append(attempt(step, sources[step], values[step], parent=step - 1, parent_source=sources[step - 1],
                          reasoning=f"Reason {step}.\nMore words.", edit=kind))
  return stream, sources


def made(stream, tasks):
  joined = transitions.joined(stream, tasks, 1e-9, False)
  return [t for t in hindsight.added(joined, tasks, 1e-9) if t.path]


def test_from_each_ancestor_to_the_best_of_its_line(tasks, attempt, seed):
  stream, sources = chain(attempt, seed)
  found = made(stream, tasks)
  assert [(t.parent.step, t.path) for t in found] == [(0, (1, 2, 3)), (1, (2, 3))]
  first = found[0].attempt
  assert first.prompt == stream[1].prompt and first.value == 4.0 and found[0].label == "improved"
  assert first.response.reasoning == "Reason 1. Then: Reason 2. Then: Reason 3."
  child = edits.apply(sources[0], first.response.text, "diff", "python")
  assert child.outcome is None and child.source == sources[3] == first.program.source


def test_none_where_no_line_is_longer_than_a_step_or_better(tasks, attempt, seed):
  assert made(chain(attempt, seed, (1.0, 5.0, 4.0, 3.0, 2.0))[0], tasks) == []
  assert made(chain(attempt, seed, (9.0, 5.0, 4.0, 3.0, 2.0))[0], tasks) == []
  assert made(chain(attempt, seed, kind="fix")[0], tasks) == []


def test_whole_programs_where_those_were_asked_for(tasks, attempt, seed):
  stream, sources = chain(attempt, seed, kind="rewrite")
  text = made(stream, tasks)[0].attempt.response.text
  assert edits.apply(sources[0], text, "rewrite", "python").source == sources[3]


def test_rows_are_marked_counted_and_optional(tasks, attempt, seed, measure):
  stream, sources = chain(attempt, seed)
  stream += [dataclasses.replace(a, run="r2") for a in stream]
  plain = select(lambda: stream, tasks, FilterSettings(validation=0.0, unique_edits=True), measure)
  result = select(lambda: stream, tasks, FilterSettings(validation=0.0, unique_edits=True), measure,
                  with_hindsight=True)
  report = result.report
  assert report.hindsight == 4 and report.kept_hindsight == 2 and report.attempts == len(stream)
  assert report.attempts + report.hindsight == sum(report.dropped.values()) + sum(report.kept.values())
  rows = {row.edit: row for row in result.rows("train")}
  row = next(row for row in result.rows("train") if row.edit == "hindsight" and row.parent_step == 0)
  assert json.loads(row.metadata)["hindsight"] == [1, 2, 3] and (row.parent_code, row.child_code) == (
      sources[0], sources[3]) and (row.parent_value, row.value) == (1.0, 4.0)
  assert set(rows) == {"diff", "hindsight"} and sum(plain.report.kept.values()) == 4
  assert len({row.instance_uid for row in result.rows("train")}) == 6


def test_the_markers_are_those_that_replies_are_read_by():
  assert (hindsight._SEARCH, hindsight._DIVIDER, hindsight._REPLACE) == (
      replies.SEARCH, replies.DIVIDER, replies.REPLACE)


@pytest.mark.parametrize("language", ["python", "cpp"])
def test_blocks_apply_whatever_changed(language):
  draw, whole = random.Random(language), 0
  for _ in range(300):
    lines = [draw.choice(["a = 1", "b = 2", "c = a + b", "", "d = 4"]) for _ in range(draw.randrange(1, 14))]
    new = list(lines)
    for _ in range(draw.randrange(1, 5)):
      place = draw.randrange(len(new) + 1)
      new[place:place + draw.randrange(3)] = [f"e = {draw.randrange(9)}" for _ in range(draw.randrange(3))]
    before, after = "\n".join(lines) + "\n", "\n".join(new) + "\n"
    text = hindsight.blocks(before, after)
    if text:
      whole += 1
      child = edits.apply(before, text, "diff", language)
      assert child.outcome is None and child.source.rstrip("\n") == after.rstrip("\n"), (before, after, text)
  assert whole > 250


def test_a_prompt_of_a_kept_parent_is_not_kept_twice(tasks, attempt, seed):
  found = made(chain(attempt, seed)[0], tasks)
  assert all(t.parent.prompt == Prompt("", "") and t.parent.response == Response("") for t in found)
