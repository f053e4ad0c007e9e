"""launch/train.py: kill -9 and the same command give the same run; bad input is one line and exit code 2."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import pytest

from eft_jax import finch, models, text
from eft_jax.finch import schema
from eft_jax.train import metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A tiny byte-level model and a data set."""
  path = tmp_path_factory.mktemp("launch_train")
  config = models.tiny(models.PRESETS["smollm2_135m"])
  models.export_hf(config, models.init(config, jax.random.key(0)), path / "model", text.Tokenizer.bytes())
  base = dict.fromkeys(schema.PUBLIC, "") | {name: 0 for name in schema.PUBLIC if schema._HINTS[name] is int}
  first = schema.Row(**(base | {"trajectory": (), "improvement_label": "improved"}))
  rows = [dataclasses.replace(first, instance_uid=str(i), user_prompt=f"n = {i}", response=f"n = {i + 1}")
          for i in range(32)]
  finch.write({"train": lambda: rows[:28], "validation": lambda: rows[28:]}, path / "dataset")
  return path


def command(folder, workdir, *flags):
  return [sys.executable, str(ROOT / "launch" / "train.py"), f"--config.model={folder / 'model'}",
          f"--config.data.path={folder / 'dataset'}", "--config.data.row_length=96", "--config.data.batch_size=2",
          f"--workdir={workdir}", *flags]


def environment(folder):
  return os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"), "JAX_PLATFORMS": "cpu",
                       "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                       "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def run(folder, workdir, *flags, **variables):
  return subprocess.run(command(folder, workdir, *flags), capture_output=True, text=True,
                        env=environment(folder) | variables, timeout=600)


def trace(workdir):
  """The record without times, a line that the kill cut short left out."""
  path = workdir / "metrics.jsonl"
  events = []
  for line in path.read_text().splitlines(keepends=True) if path.exists() else ():
    if line.endswith("\n"):
      events.append(metrics.repeatable(json.loads(line)))
  return events


@pytest.mark.slow
def test_kill_9_then_the_same_command_is_the_same_run_to_the_bit(folder, tmp_path):
  flags = ("--config.steps=60", "--config.checkpoint.every=2", "--config.tensorboard=False")
  done = run(folder, tmp_path / "whole", *flags)
  assert done.returncode == 0, done.stderr
  process = subprocess.Popen(command(folder, tmp_path / "killed", *flags), env=environment(folder),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  try:
    deadline = time.monotonic() + 300
    while not any(event["step"] >= 7 for event in trace(tmp_path / "killed")):
      assert process.poll() is None and time.monotonic() < deadline
      time.sleep(0.005)
  finally:
    process.send_signal(signal.SIGKILL)
    process.wait()
  assert not (tmp_path / "killed" / "summary.json").exists()
  again = run(folder, tmp_path / "killed", *flags)
  assert again.returncode == 0, again.stderr
  assert "resumed at step" in again.stderr
  assert trace(tmp_path / "killed") == trace(tmp_path / "whole")
  for file in ("model.safetensors", "config.json", "tokenizer.json"):
    exported = [(tmp_path / name / "export" / file).read_bytes() for name in ("whole", "killed")]
    assert exported[0] == exported[1]
  summary = json.loads((tmp_path / "killed" / "summary.json").read_text())
  assert summary["outcome"] == "ok" and summary["steps"] == 60 and summary["loss_last"] < summary["loss_first"]
  assert summary["validation_loss_last"] < summary["validation_loss_first"]
  assert {"command", "seed", "seconds", "tokens_per_second"} <= summary.keys()
  assert "60/60 steps" in again.stderr and "loss" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("flag,words", [
    ("--config.data.path=/nowhere", "Data set /nowhere does not exist"),
    ("--config.model=smollm9", "'smollm9'"),
    ("--config.data.row_lenght=5", "row_lenght"),
    ("--config.accumulate=3", "accumulate 3"),
    ("--config.mesh.fsdp=2", "mesh.data=1, mesh.fsdp=2"),
    ("--config.data.batch_size=3", "3 rows is not divisible by mesh.data * mesh.fsdp = 2"),
    ("--config.data.row_length=513", "made for 512 positions"),
])
def test_bad_input_is_one_line_and_code_2(folder, tmp_path, flag, words):
  devices = 2 if "divisible" in words else 1
  done = run(folder, tmp_path / "run", flag, XLA_FLAGS=f"--xla_force_host_platform_device_count={devices}")
  assert done.returncode == 2, (done.returncode, done.stderr)
  line = done.stderr.strip().splitlines()[-1]
  assert line.startswith("error: ") and words in line and "Traceback" not in done.stderr
