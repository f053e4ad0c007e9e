"""The catalogue of tasks: the committed file has them all, and says of each what the task says."""

import re
import subprocess
import sys

import pytest

from eft_jax import core
from eft_jax.core import task as task_lib
from launch import catalogue, common


@pytest.fixture(scope="module")
def made():
  return catalogue.markdown(list(core.load_all().values()), task_lib.TASKS_ROOT)


def names(text):
  """Task -> family, of all rows of tasks."""
  return dict(re.findall(r"^\| ([a-z0-9_]+) \| ([a-z0-9_]+) \| (?:construction|solver|policy) \|", text, re.M))


def test_the_committed_file_has_every_task_by_its_domain():
  text = (task_lib.TASKS_ROOT / catalogue.FILE_NAME).read_text()
  assert names(text) == {task.name: task.family for task in core.load_all().values()}, (
      "tasks/CATALOGUE.md is not current: python launch/tasks.py --action=catalogue")


def test_every_family_declares_its_shape_and_counts_add_up(made):
  tasks = core.load_all().values()
  undeclared = sorted({task.family for task in tasks if catalogue.shape(task, task_lib.TASKS_ROOT) == "-"})
  assert not undeclared, f"the docstring of task.py says no shape: {undeclared}"
  (total,) = re.findall(r"^\| all \| (.+) \|$", made, re.M)
  families, count, train, held_out, python, cpp, *shapes = map(int, total.split(" | "))
  assert families == len({task.family for task in tasks}) and count == len(tasks) == train + held_out == python + cpp
  assert sum(shapes) == count and all(shapes)


def test_a_row_says_what_the_task_says(made):
  task = core.load("thomson_energy_12")
  (row,) = [line for line in made.splitlines() if line.startswith("| thomson_energy_12 |")]
  cells = row.strip("| ").split(" | ")
  assert cells[:6] == ["thomson_energy_12", "thomson_energy", "construction", "python", "train", "min"]
  assert float(cells[6]) == pytest.approx(task.baseline) and float(cells[7]) == pytest.approx(task.best_known)
  assert made.index("## mathematical_discovery") < made.index(row)


def test_the_command_writes_the_file_of_its_tasks(tmp_path, made):
  for path in ("held_out.txt", "mathematical_discovery/labs_merit_factor"):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).symlink_to(task_lib.TASKS_ROOT / path)
  done = subprocess.run([sys.executable, str(common.ROOT / "launch" / "tasks.py"), "--action=catalogue",
                         f"--tasks_root={tmp_path}"], capture_output=True, text=True, timeout=60)
  assert done.returncode == 0, done.stderr
  written = (tmp_path / catalogue.FILE_NAME).read_text()
  assert set(names(written)) == {"labs_merit_factor_30", "labs_merit_factor_60"}
  assert [line for line in written.splitlines() if line.startswith("| labs")] == [
      line for line in made.splitlines() if line.startswith("| labs")]
