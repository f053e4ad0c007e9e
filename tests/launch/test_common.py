"""What launchers share: a work directory has one configuration, progress counts, exit codes and summaries."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from eft_jax.core import settings
from eft_jax.core.settings import ConfigError
from launch import common

LAUNCHER = '''
import sys
sys.path.insert(0, {root!r})
import dataclasses, errno, time
from eft_jax.core.settings import ConfigError
from launch import common

@dataclasses.dataclass(frozen=True)
class Settings:
  seed: int = 3
  do: str = "ok"

def run(settings, workdir, progress):
  if settings.do == "config":
    raise ConfigError("two\\nlines of reason")
  if settings.do == "disk":
    raise OSError(errno.ENOSPC, "No space left on device", "attempts.db")
  if settings.do == "bug":
    raise ZeroDivisionError("a bug")
  if settings.do == "diverge":
    raise FloatingPointError("Step 3 has loss nan")
  if settings.do == "wait":
    progress.say("waiting")
    time.sleep(30)
  return {{"answer": 42}}

common.launch(run, Settings, {config!r})
'''
CONFIG = "import ml_collections\ndef get_config(): return ml_collections.ConfigDict(dict(seed=3, do='ok'))\n"


@pytest.fixture
def command(tmp_path):
  root = str(pathlib.Path(__file__).resolve().parents[2])
  (tmp_path / "config.py").write_text(CONFIG)
  (tmp_path / "stage.py").write_text(LAUNCHER.format(root=root, config=str(tmp_path / "config.py")))
  return [sys.executable, str(tmp_path / "stage.py"), f"--workdir={tmp_path / 'run'}"]


def summary(tmp_path):
  return json.loads((tmp_path / "run" / "summary.json").read_text())


def test_success_leaves_config_and_summary(command, tmp_path):
  done = subprocess.run(command, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  assert summary(tmp_path)["answer"] == 42 and summary(tmp_path)["seed"] == 3
  assert summary(tmp_path)["outcome"] == "ok" and "stage.py" in summary(tmp_path)["command"]
  assert json.loads((tmp_path / "run" / "config.json").read_text()) == {"seed": 3, "do": "ok"}


@pytest.mark.parametrize("flags, words", [
    (["--config.do=config"], "two lines of reason"),
    (["--config.do=disk"], "No space left on device"),
    (["--config.dont=1"], "dont"),
    (["--config.seed=many"], "many"),
    (["stray"], "unexpected argument 'stray'"),
    (["--workdir="], "--workdir=DIR is required"),
])
def test_bad_input_is_one_line_and_exit_code_2(command, flags, words):
  done = subprocess.run([*command, *flags], capture_output=True, text=True)
  assert done.returncode == 2 and words in done.stderr, done.stderr
  assert len(done.stderr.strip().splitlines()) == 1


def test_our_own_bug_is_exit_code_1_with_a_traceback(command):
  done = subprocess.run([*command, "--config.do=bug"], capture_output=True, text=True)
  assert done.returncode == 1 and "ZeroDivisionError: a bug" in done.stderr


def test_a_run_that_diverged_is_one_line_and_exit_code_1(command, tmp_path):
  done = subprocess.run([*command, "--config.do=diverge"], capture_output=True, text=True)
  assert (done.returncode, done.stderr) == (1, "error: Step 3 has loss nan\n")
  assert summary(tmp_path)["outcome"] == "failed"


def test_another_configuration_does_not_get_the_folder(command):
  assert subprocess.run(command, capture_output=True).returncode == 0
  done = subprocess.run([*command, "--config.seed=4"], capture_output=True, text=True)
  assert done.returncode == 2 and "config.seed: 3 -> 4" in done.stderr


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_the_run_with_a_summary(command, tmp_path, number, code):
  process = subprocess.Popen([*command, "--config.do=wait"], stderr=subprocess.PIPE, text=True)
  assert "waiting" in process.stderr.readline()
  os.kill(process.pid, number)
  _, error = process.communicate(timeout=10)
  assert process.returncode == code and "the same command continues" in error
  assert summary(tmp_path)["outcome"] == "stopped"


def test_progress_shows_rate_and_counts_anew(capsys):
  progress = common.Progress("stage", every=0.0)
  for _ in range(2):
    for done in range(3):
      progress(done, 2, text=f"loss {done}")
      time.sleep(0.01)
    progress(2, 2, text="loss 2", force=True)
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 6 and lines[0] == "[stage] 0/2 steps  0 steps/s  0.0s  loss 0"
  assert "1/2 steps" in lines[4] and lines[4].endswith("left  loss 1")


@dataclasses.dataclass(frozen=True)
class Settings:
  steps: int = settings.changeable(1)
  name: str = "a"


def test_a_directory_in_which_nothing_happened_is_free_again(tmp_path):
  folder = tmp_path / "x"
  common.claim_workdir(Settings, Settings(), folder)
  common.release_workdir(folder)
  common.claim_workdir(Settings, Settings(name="b"), folder)
  (folder / "results").touch()
  common.release_workdir(folder)
  with pytest.raises(ConfigError, match="another configuration"):
    common.claim_workdir(Settings, Settings(), folder)


def test_claim_workdir(tmp_path):
  common.claim_workdir(Settings, Settings(), tmp_path / "x")
  common.claim_workdir(Settings, Settings(steps=2), tmp_path / "x")
  with pytest.raises(ConfigError, match="config.name: 'a' -> 'b'"):
    common.claim_workdir(Settings, Settings(name="b"), tmp_path / "x")
  (tmp_path / "x" / "config.json").write_text("{")
  with pytest.raises(ConfigError, match="not JSON"):
    common.claim_workdir(Settings, Settings(), tmp_path / "x")
  (tmp_path / "file").write_text("")
  with pytest.raises(ConfigError, match="cannot be used"):
    common.claim_workdir(Settings, Settings(), tmp_path / "file")
