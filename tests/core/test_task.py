"""Task files are found by path, checked, versioned by content, and split by family."""

import dataclasses
import importlib
import pathlib

import pytest

from eft_jax import core
from eft_jax.core import task as task_lib

FILE = '''
from eft_jax import core

def evaluate(session):
  return core.Score(float(session.call("solve", 3)))

TASKS = [core.Task(name=f"toy_{{n}}", family="{family}", domain="systems", statement="s", brief="b",
                   seed="def solve(n): return n", entry="solve", direction="max", baseline=0.0, best_known=1.0,
                   source="definition", evaluate=evaluate) for n in (1, 2)]
'''


@pytest.fixture
def root(tmp_path):
  folder = tmp_path / "systems" / "toy"
  folder.mkdir(parents=True)
  (folder / "task.py").write_text(FILE.format(family="toy"))
  (folder / "seed.py").write_text("def solve(n): return n\n")
  (tmp_path / "held_out.txt").write_text("# none yet\n")
  return tmp_path


def test_load_by_name(root):
  task = core.load("toy_2", root)
  assert (task.name, task.split) == ("toy_2", "train")
  assert set(core.load_all(root)) == {"toy_1", "toy_2"}


def test_unknown_name_names_the_nearest(root):
  with pytest.raises(core.UnknownTask, match="'toy_3'.*toy_2"):
    core.load("toy_3", root)


def test_version_follows_the_files(root):
  before = core.load("toy_1", root).version
  (root / "systems" / "toy" / "seed.py").write_text("def solve(n): return n + 1\n")
  assert core.load("toy_1", root).version != before


def test_held_out_file_sets_the_split(root):
  (root / "held_out.txt").write_text("toy  # a reason\n")
  assert core.load("toy_1", root).split == "heldout"


def test_folder_and_family_must_agree(root):
  (root / "systems" / "toy" / "task.py").write_text(FILE.format(family="to"))
  with pytest.raises(ValueError, match="its folder says otherwise"):
    core.load("toy_1", root)


@pytest.mark.parametrize("changes, message", [
    (dict(name="Toy 1"), "snake_case"), (dict(domain="cooking"), "domain 'cooking'"),
    (dict(direction="up"), "neither"), (dict(best_known=-1.0), "not better than baseline"),
    (dict(best_known=float("nan")), "not better than baseline"),
])
def test_contradictions_are_refused(root, changes, message):
  with pytest.raises(ValueError, match=message):
    dataclasses.replace(core.load("toy_1", root), **changes)


def test_every_real_task_loads_and_the_split_is_by_family():
  tasks = core.load_all()
  split = {}
  for task in tasks.values():
    assert split.setdefault(task.family, task.split) == task.split
  assert {family for family, where in split.items() if where == "heldout"} == task_lib.held_out_families() & set(split)


def test_the_split_names_families_and_the_tasks_that_are_compared(root):
  (root / "held_out.txt").write_text("# a reason\ntoy: toy_1 toy_2  # both\n\nnear_toy:\n")
  assert task_lib.read_split(root) == {"toy": ("toy_1", "toy_2"), "near_toy": ()}
  assert task_lib.held_out_families(root) == {"toy", "near_toy"}
  assert task_lib.evaluation_tasks(root) == ("toy_1", "toy_2")


@pytest.mark.parametrize("shared", ["regression", "speed", "text"])
def test_the_version_changes_with_the_evaluation_that_it_shares(root, shared, monkeypatch, tmp_path):
  file = root / "systems" / "toy" / "task.py"
  file.write_text(FILE.format(family="toy").replace("import core", f"import core\nfrom eft_jax.core import {shared}"))
  before = core.load("toy_1", root).version
  module = importlib.import_module(f"eft_jax.core.{shared}")
  changed = tmp_path / "changed.py"
  changed.write_text(pathlib.Path(module.__file__).read_text() + "\n")
  assert core.load("toy_1", root).version == before
  monkeypatch.setattr(module, "__file__", str(changed))
  assert core.load("toy_1", root).version != before
