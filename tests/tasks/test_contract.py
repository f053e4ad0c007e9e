"""What holds for every task: its texts, its seed program, its numbers."""

import ast
import contextlib
import dataclasses
import math
import random
import re
import signal
import time

import numpy as np
import pytest

from eft_jax import core

TASKS = core.load_all()
FAMILIES = {task.family: task for task in TASKS.values()}  # the last task of each

each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
each_family = pytest.mark.parametrize("task", FAMILIES.values(), ids=FAMILIES)


@each_task
def test_texts_are_compact_and_name_what_counts(task):
  assert len(task.statement.split()) <= 200 and len(task.brief) <= 160
  if task.language == "cpp":
    assert "standard input" in task.statement and "standard output" in task.statement
  else:
    assert f"`{task.entry}(" in task.statement
  assert "nvalid" in task.statement
  assert {"min": "ower is better", "max": "igher is better"}[task.direction] in task.statement
  assert {"min": "inimise", "max": "aximise"}[task.direction] in task.brief
  assert not {"{", "}"} & set(task.statement + task.brief) and task.source


@each_family
def test_seed_programs_are_short_and_every_line_is_unique(task):
  """Small models read and edit them within a few hundred tokens; a SEARCH text of one line must be enough."""
  lines = [line for line in task.seed.splitlines() if line.strip() and line.strip() not in ("{", "}")]
  assert max(map(len, lines)) <= 100
  if task.language == "cpp":
    assert len(lines) <= 40 and len(task.seed) <= 1050 and "bits/stdc++.h" not in task.seed
    assert len(re.findall(r"(?<![\w.])\d+(?:\.\d*)?", task.seed)) >= 5
    return
  assert len(lines) <= 20 and len(task.seed) <= 540
  for line in lines:
    assert task.seed.count(line) == 1 and task.seed.count(line.strip()) == 1, line
  tree = ast.parse(task.seed)
  assert task.entry in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
  assert sum(isinstance(n, ast.Constant) and isinstance(n.value, (int, float)) for n in ast.walk(tree)) >= 5


@each_task
def test_the_baseline_is_the_seed_programs_value(task, run):
  score, again = run(task), run(task)
  if task.spread:
    assert abs(score.value - task.baseline) <= task.spread
  else:
    assert score.value == pytest.approx(task.baseline, rel=1e-5)
  if not task.timed:
    assert (score.value, score.metrics, score.instances) == (again.value, again.metrics, again.instances)
    np.testing.assert_array_equal(score.construction, again.construction)
  if task.best_known is not None:
    assert task.score(score.value) < 0.2 and task.better(task.best_known, score.value)


@each_task
def test_metrics_and_artifacts_are_plain(task, run):
  score = run(task)
  assert all(type(v) in (int, float) and math.isfinite(v) for v in score.metrics.values())
  assert all(type(v) is str and len(v) < 1000 for v in score.artifacts.values())
  assert type(score.value) is float and all(type(v) is float for v in score.instances)
  dataclasses.asdict(score)


@each_task
def test_both_fidelities_are_cheap_enough(task, run):
  run(task)  # what is kept between evaluations
  start = time.process_time()
  run(task)
  assert time.process_time() - start < 0.2
  start = time.process_time()
  full = run(task, fidelity="full")
  assert time.process_time() - start < 8 and math.isfinite(full.value)
  assert task.limits.cpu_seconds <= 2 < task.full_limits.cpu_seconds


@each_task
def test_a_construction_comes_back_as_previous_and_scores_the_same(task, run):
  first = run(task)
  if first.construction is None:
    return
  echo = f"def {task.entry}(*args, previous=None):\n    return previous if previous is not None else args[-1]\n"
  again = run(task, echo, previous=first.construction)
  assert again.value == pytest.approx(first.value, rel=1e-9) and again.construction.nbytes <= 8 << 20


@each_task
def test_instances_are_the_same_ones_for_every_program(task, run):
  mark = "//" if task.language == "cpp" else "#"
  score, other = run(task), run(task, f"{task.seed}{mark} another\n")
  assert len(score.instances) == len(other.instances) != 1
  if not task.timed:
    assert score.instances == other.instances


@each_family
def test_single_edits_of_the_seed_move_the_value_both_ways(task, run):
  """A search that tweaks one literal finds better and worse programs: the seed is no optimum and no cliff."""
  if task.timed:
    pytest.skip("a speed that is measured moves on its own")
  start, better, worse = run(task).value, 0, 0
  edits = single_literal_edits(task.seed)
  random.Random(3).shuffle(edits)
  for program in edits[:40 if task.language == "cpp" else None]:
    try:
      with alarm(5):
        value = run(task, program).value
    except Exception:  # some edits break the program, as they should
      worse += 1
      continue
    better += task.better(value, start)
    worse += task.better(start, value)
    if min(better, worse) >= 3:
      return
  pytest.fail(f"{better} edits make it better, {worse} worse")


@contextlib.contextmanager
def alarm(seconds: int):
  """TimeoutError after so long: an edit may make a loop endless."""
  def ring(*_):
    raise TimeoutError
  before = signal.signal(signal.SIGALRM, ring)
  signal.alarm(seconds)
  try:
    yield
  finally:
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def single_literal_edits(source: str) -> list[str]:
  """The source with one number replaced: 0.5, 0.8, 1.25 and 2 times a float, and 1, 2 and 3 times more for an int."""
  edited = []
  for found in re.finditer(r"(?<![\w.])\d+(\.\d*)?(e-?\d+)?(?![\w.])", source):
    text = found.group()
    real = not text.isdigit()
    value = float(text) if real else int(text)
    new = [round(value * f, 6) for f in (0.5, 0.8, 1.25, 2)] if real else [value + 1, 2 * value + 1, 3 * value]
    edited += [source[:found.start()] + repr(v) + source[found.end():] for v in new]
  return edited
