"""kill -9 at any time, several times over: the same call goes on, and ends as if nothing had happened."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time

import pytest

from eft_jax import core, store
from eft_jax.core import settings as settings_lib
from eft_jax.train import metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = """
import json, pathlib, sys
from eft_jax.core import settings
from eft_jax.rl import RlSettings, loop
from tests.rl.conftest import Quiet
values, workdir, tasks = sys.argv[1:]
loop.run_rl(settings.from_mapping(RlSettings, json.loads(values)), pathlib.Path(workdir), Quiet(),
            tasks_root=pathlib.Path(tasks))
"""


def start(settings, workdir, tasks_root, compile_cache):
  values = json.dumps(settings_lib.to_dict(settings))
  return subprocess.Popen([sys.executable, "-c", RUN, values, str(workdir), str(tasks_root)], cwd=ROOT,
                          env=os.environ | compile_cache | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)


def record(workdir):
  return [{name: value for name, value in event.items() if not name.endswith("seconds")}
          for event in metrics.read(workdir)]


def attempts(workdir):
  with store.Store(workdir / "attempts.db", read_only=True) as found:
    return [core.attempt.to_json(attempt, times=False) for attempt in found.read()]


@pytest.mark.slow
def test_kills_at_any_time_change_nothing(settings, tasks_root, tmp_path, compile_cache):
  chosen = settings(epochs=5)
  process = start(chosen, tmp_path / "whole", tasks_root, compile_cache)
  assert process.wait(600) == 0, process.stderr.read()
  dice, killed = random.Random(0), tmp_path / "killed"
  for epochs in (0, 1, 2, 3):
    process = start(chosen, killed, tasks_root, compile_cache)
    deadline = time.monotonic() + 300
    while len(metrics.read(killed)) < epochs or not (killed / "attempts.db").exists():
      assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
      time.sleep(0.002)
    time.sleep(dice.uniform(0, 0.5))  # anywhere from the checkpoint to the next epoch's rollouts
    process.kill()
    process.wait()
  process = start(chosen, killed, tasks_root, compile_cache)
  assert process.wait(600) == 0, process.stderr.read()
  assert record(tmp_path / "killed") == record(tmp_path / "whole")
  assert attempts(tmp_path / "killed") == attempts(tmp_path / "whole")
