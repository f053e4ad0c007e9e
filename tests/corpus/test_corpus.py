"""A tiny corpus from end to end: killed, gone on with, and the same rows as one that was left alone."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from eft_jax import finch, store
from eft_jax.corpus import CorpusSettings, workers
from eft_jax.corpus.plan import Job

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ("--config.tasks=('golomb_ruler_10','labs_merit_factor')", "--config.scale=0.0006", "--config.tokenizer=bytes",
         "--config.processes=2", "--config.hindsight=True", "--config.filters.validation=0.0")


def start(workdir, *flags):
  command = [sys.executable, str(ROOT / "launch" / "corpus.py"), f"--config={ROOT / 'configs' / 'finch_mini.py'}",
             f"--workdir={workdir}", *FLAGS, *flags]
  return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process):
  out, err = process.communicate(timeout=240)
  assert process.returncode == 0, err
  return out


def rows(workdir):
  return sorted((row.instance_uid, row.improvement_label, row.child_code) for row in finch.read(workdir, "train"))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
  """(one that was left alone, one that was killed twice, its report as printed)."""
  root = tmp_path_factory.mktemp("corpus")
  whole = start(root / "whole")
  finish(whole)
  for wanted in (1, 3):  # stores that stand when the kill comes
    killed, deadline = start(root / "killed"), time.monotonic() + 120
    while len(list((root / "killed").rglob("attempts.db"))) < wanted and time.monotonic() < deadline:
      time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)  # of the command alone: its processes must end by themselves
    killed.communicate(timeout=60)
  return root / "whole", root / "killed", finish(start(root / "killed"))


def test_killed_and_gone_on_with_gives_the_same_rows(corpora):
  whole, killed, _ = corpora
  assert rows(whole) == rows(killed) and len(rows(whole)) > 60
  assert json.loads((killed / "summary.json").read_text())["outcome"] == "ok"


def test_the_report_agrees_with_the_data_set(corpora):
  whole, _, printed = corpora
  found, every = json.loads((whole / "summary.json").read_text()), list(finch.read(whole, "train"))
  kept = [row for row in every if row.edit != "hindsight"]
  assert len(every) == len(kept) + found["hindsight"]
  assert found["rows"] == len(kept) >= found["wanted_rows"] == 97
  assert {row["task"]: row["rows"] for row in found["tasks"]} == {
      name: sum(row.task == name for row in kept) for name in
      ("golomb_ruler_10", "labs_merit_factor_30", "labs_merit_factor_60")}
  assert found["tasks_without_rows"] == [] and found["improved_trees"] >= found["wanted_improved"] > 0
  improved = [row for row in kept if row.improvement_label == "improved" and row.parent_outcome == "ok"]
  assert all(abs(row.value - row.parent_value) > 1e-6 * abs(row.parent_value) for row in improved)
  pairs = {(row.task, row.parent_code, row.child_code) for row in kept}
  assert len(pairs) == len(kept) and found["improved_trees"] <= len(improved)
  stores = list((whole / "search").rglob(store.FILE_NAME))
  attempts = sum(opened.count() for opened in store.open_all(whole / "search"))
  assert attempts == found["attempts"] and len(stores) == found["runs"] == sum(row["runs"] for row in found["tasks"])
  assert sum(found["dropped"].values()) + len(every) == attempts + found["hindsight_found"]
  for words in ("# Corpus", "## By domain", "| mathematical_discovery | 3 |", "## Left out", "duplicates dropped"):
    assert words in printed and words in (whole / "report.md").read_text()


def test_hindsight_rows_are_marked_and_lead_from_parent_to_child(corpora):
  found = [row for row in finch.read(corpora[0], "train") if row.edit == "hindsight"]
  assert len(found) == json.loads((corpora[0] / "summary.json").read_text())["hindsight"] > 0
  assert all(len(json.loads(row.metadata)["hindsight"]) > 1 and row.improvement_label == "improved" for row in found)


TASK = '''
"""How near to a sum of 4. Construction shape."""
from eft_jax.core import Score, Task

SEEDS = {"toy_good": "def solve(n):\\n  x = 0.25\\n  return [x * 0.5] * n\\n",
         "toy_bad": "def solve(n):\\n  return 1 / 0\\n"}
TASKS = [Task(name=name, family="toy", domain="mathematical_discovery", statement="Sum to 4.", brief="Sum.", seed=seed,
              entry="solve", direction="max", baseline=0.5, best_known=4.0, source="obvious",
              evaluate=lambda session: Score(float(sum(session.call("solve", 4))))) for name, seed in SEEDS.items()]
'''


def test_a_task_that_cannot_be_searched_stops_no_other(tmp_path):
  folder = tmp_path / "tasks" / "mathematical_discovery" / "toy"
  folder.mkdir(parents=True)
  (tmp_path / "tasks" / "held_out.txt").write_text("")
  (folder / "task.py").write_text(TASK)
  with workers.Workers(1, CorpusSettings(), tmp_path / "runs", tmp_path / "tasks") as pool:
    found = []
    for name in ("toy_bad", "toy_good"):
      pool.start(Job(name, 0, "compact_islands", 7, 24))
      found += pool.wait()
  (bad, why), (good, tally) = found
  assert bad.task == "toy_bad" and "The seed program of toy_bad is crash" in why
  assert tally == workers.read_tally(tmp_path / "runs" / good.folder) and tally.attempts == 24
  assert 0 < len(tally.trees) <= len(tally.rows) <= 24
  assert sum(tally.labels.values()) + sum(tally.dropped.values()) == 24
  assert tally.best_score > tally.initial_score == 0.0


@pytest.mark.parametrize("flag,words", [
    ("--config.tasks=('no_such',)", ("no_such", "--action=list")),
    ("--config.tasks=('circle_packing',)", ("circle_packing_26", "held-out")),
    ("--config.rows=0", ("config.rows is 0",))])
def test_bad_input_is_one_line(tmp_path, flag, words):
  process = start(tmp_path, flag)
  _, err = process.communicate(timeout=60)
  line = err.strip().splitlines()[-1]
  assert process.returncode == 2 and line.startswith("error: ") and all(word in line for word in words), err
