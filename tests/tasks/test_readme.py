"""The README's example of a new task is sound, and a search improves on its seed."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
  text = (ROOT / "README.md").read_text()
  text = text[text.index("**Add one**"):]
  path = re.search(r"`tasks/(\S+)/task.py`:", text)[1]
  task, seed = re.findall(r"```python\n(.*?)```", text, re.S)[:2]
  assert len(task.splitlines()) + len(seed.splitlines()) <= 25
  (tmp_path / path).mkdir(parents=True)
  (tmp_path / path / "task.py").write_text(task)
  (tmp_path / path / "seed.py").write_text(seed)
  (tmp_path / "held_out.txt").write_text("")
  return tmp_path, tmp_path / path


def test_the_example_passes_the_check(folder):
  command = [sys.executable, str(ROOT / "launch" / "tasks.py"), "--action=check", "--json", f"--tasks_root={folder[0]}"]
  done = subprocess.run(command, capture_output=True, text=True, timeout=300)
  assert done.returncode == 0, done.stderr
  (found,) = json.loads(done.stdout)
  assert found["problems"] == [] and abs(found["score"]) < 1e-3 and found["cheats"] > 40


def test_a_search_improves_on_the_example(folder, tmp_path):
  import eft_jax
  run = eft_jax.evolve(folder[1] / "task.py", steps=60, workdir=tmp_path / "run", progress=False)
  assert run.best.value > 0.07
