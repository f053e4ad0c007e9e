"""The tasks command, run as a user runs it."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TASK = '''
"""How near to a sum of 4."""
from eft_jax.core import Invalid, Score, Task

calls = []


def careless(session):
  x = session.call("solve", 4)
  if not (isinstance(x, list) and all(isinstance(v, float) and 0 <= v <= 1 for v in x)):
    raise Invalid("expected floats in [0, 1]")
  return Score(sum(x), metrics={"count": float(len(x))})


def evaluate(session):
  score = careless(session)
  if not 0 < score.metrics["count"] <= 4:
    raise Invalid("expected one to four floats")
  return score


def forgetful(session):
  calls.append(1)
  return Score(float(len(calls)))


def task(name, evaluate, baseline, best):
  return Task(name=name, family="toy", domain="mathematical_discovery", statement="Sum to 4.", brief="Sum.",
              seed=SEED, entry="solve", direction="max", baseline=baseline, best_known=best, source="obvious",
              evaluate=evaluate)


SEED = "def solve(n):\\n  return [0.5] * n\\n"
TASKS = [task("toy_4", evaluate, 1.0, 4.0), task("toy_forgetful", forgetful, 0.0, 100.0),
         task("toy_solved", evaluate, 0.0, 2.0), task("toy_unbounded", careless, 1.0, 4.0)]
'''


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  root = tmp_path_factory.mktemp("tasks")
  folder = root / "mathematical_discovery" / "toy"
  folder.mkdir(parents=True)
  (root / "held_out.txt").write_text("toy\n")
  (folder / "task.py").write_text(TASK)
  return root


def command(root, *arguments):
  return subprocess.run([sys.executable, str(ROOT / "launch" / "tasks.py"), f"--tasks_root={root}", *arguments],
                        capture_output=True, text=True, timeout=120)


def test_list_is_one_json_array_of_task_fields(root):
  done = command(root, "--action=list", "--json")
  assert done.returncode == 0, done.stderr
  tasks = json.loads(done.stdout)
  assert [task["name"] for task in tasks] == ["toy_4", "toy_forgetful", "toy_solved", "toy_unbounded"]
  assert {"family", "domain", "statement", "seed", "entry", "direction", "baseline", "best_known", "source", "language",
          "limits", "full_limits", "version", "split", "brief"} <= set(tasks[0]) and "evaluate" not in tasks[0]
  assert tasks[0]["split"] == "heldout" and tasks[0]["limits"]["cpu_seconds"] > 0


def test_list_and_show_for_people(root):
  listed = command(root, "--action=list")
  assert listed.returncode == 0 and "toy_4" in listed.stdout and "heldout" in listed.stdout
  shown = command(root, "--action=show", "--task=toy_4")
  assert "Sum to 4." in shown.stdout and "def solve(n):" in shown.stdout


def test_run_evaluates_a_file_and_the_seed(root, tmp_path):
  program = tmp_path / "program.py"
  program.write_text("def solve(n):\n  print('hello')\n  return [1.0] * n\n")
  done = command(root, "--action=run", "--task=toy_4", f"--program={program}", "--json")
  assert done.returncode == 0, done.stderr
  result = json.loads(done.stdout)
  assert (result["outcome"], result["value"], result["score"], result["metrics"]) == ("ok", 4.0, 1.0, {"count": 4.0})
  assert result["message"] == "" and result["stdout"] == "hello\n"
  seed = json.loads(command(root, "--action=run", "--task=toy_4", "--json", "--fidelity=full").stdout)
  assert seed["value"] == 2.0 and seed["fidelity"] == "full"


def test_run_of_an_invalid_program_is_a_result_not_a_failure(root, tmp_path):
  program = tmp_path / "program.py"
  program.write_text("def solve(n):\n  return [2.0]\n")
  done = command(root, "--action=run", "--task=toy_4", f"--program={program}")
  assert done.returncode == 0 and "outcome: invalid" in done.stdout and "[0, 1]" in done.stdout


def test_check_names_each_problem_and_fails(root):
  done = command(root, "--action=check", "--json", "--workers=1")
  assert done.returncode == 1
  found = {entry["task"]: entry for entry in json.loads(done.stdout)}
  assert found["toy_4"]["problems"] == [] and found["toy_4"]["full_score"] == found["toy_4"]["score"]
  assert "two runs differ" in found["toy_forgetful"]["problems"][0]
  assert "head-room" in found["toy_solved"]["problems"][0]
  assert found["toy_unbounded"]["problems"] == [
      "cheat '60 times': has the value 120, better than the best known"] and found["toy_unbounded"]["cheats"] > 40
  good = command(root, "--action=check", "--task=toy_4", "--fidelity=search")
  assert good.returncode == 0 and "1 of 1 tasks pass (families: 1" in good.stdout


def test_sandbox_report(root):
  done = command(root, "--action=sandbox", "--json")
  report = json.loads(done.stdout)
  assert report["sufficient"] and report["missing"] == [] and all(report["held"].values()), report
  assert len(report["secret_id"]) == 12 and done.returncode == 0


@pytest.mark.parametrize("arguments, message", [
    (["--action=run", "--task=toy_5"], "Unknown task 'toy_5'. Nearest: toy_4"),
    (["--action=run"], "needs --task=NAME"),
    (["--action=run", "--task=toy_4", "--program=/no/such/file.py"], "--program=/no/such/file.py cannot be read"),
    (["--action=dance"], "list|show|check|run|export|catalogue|sandbox"),
    (["--action=export", "--task=toy_4"], "--action=export needs --out=DIR"),
    (["--action=catalogue", "--task=toy_4"], "--task has no effect with --action=catalogue"),
    (["--action=show", "--task=/no/such/folder"], "The task folder /no/such/folder does not exist"),
    (["--action=list", "--config.sandbox.tmp=4"], "Unknown key in a --config flag"),
    (["--action=list", "--config.sandbox.tmp_mb=-4"], "sandbox.tmp_mb is -4"),
    (["--action=list", "--tasks_root=/no/such"], "--tasks_root=/no/such"),
])
def test_bad_input_is_one_line_and_exit_code_2(root, arguments, message):
  done = command(root, *arguments)
  assert done.returncode == 2 and done.stdout == ""
  assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
