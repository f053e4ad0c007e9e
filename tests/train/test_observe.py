"""A run tells where its time goes; a profile and the views of its metrics are there when asked for."""

import gzip
import importlib.util
import json
import pathlib
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from eft_jax import models, train
from eft_jax.core.settings import ConfigError
from eft_jax.train import metrics, observe


def test_clock_splits_the_time_between_laps():
  clock = observe.Clock()
  with clock("data"):
    time.sleep(0.02)
  with clock("data"), clock("checkpoint"):
    time.sleep(0.01)
  first, second = clock.lap(), clock.lap()
  assert first.keys() == {"seconds", "data_seconds", "device_seconds", "checkpoint_seconds"}
  assert 0.03 <= first["data_seconds"] <= first["seconds"] and 0.01 <= first["checkpoint_seconds"] < 0.03
  assert first["device_seconds"] == 0 and second["data_seconds"] == 0 and second["seconds"] < first["seconds"]


def test_memory_is_of_this_process_where_devices_cannot_tell(monkeypatch):
  before = observe.memory_bytes()
  assert 50e6 < before < 1e12
  held = np.ones(40_000_000)
  assert observe.memory_bytes() >= max(before, held.nbytes)

  class Device:
    def __init__(self, peak):
      self.memory_stats = lambda: {"peak_bytes_in_use": peak}

  monkeypatch.setattr(jax, "local_devices", lambda: [Device(5), Device(7)])
  assert observe.memory_bytes() == 7


def test_mfu_counts_the_rule_over_the_peak_of_all_devices(settings, tiny):
  class Device:
    device_kind = "NVIDIA H100 80GB HBM3"

  class Mesh:
    devices, size = np.array([[Device(), Device()]]), 2

  config = tiny[0]
  speed = observe.speed(settings(), config, [100, 300], 7, Mesh)
  assert speed(10, {"seconds": 1.0}) == {"tokens_per_second": 10, "mfu": pytest.approx(
      10 * models.flops.training(config, 250) / (2 * 989e12))}  # 250: (100 * 100 + 300 * 300) / 400
  assert speed.mean()["tokens_per_second"] is None  # that one compiled
  assert speed(3000, {"seconds": 2.0, "data_seconds": 0.5})["mfu"] == speed.mean()["mfu"]
  speed(3000, {"seconds": 1.0, "data_seconds": 0.25})
  assert speed.mean()["tokens_per_second"] == 2000
  assert speed.mean()["step_times"] == {"seconds": 1.5, "data_seconds": 0.375}
  assert observe.shown({"tokens_per_second": 10.0, "mfu": 0.41}, 12_340_000_000) == "10 tokens/s  MFU 41.0%  12.3 GB"
  adapters = observe.speed(settings(lora={"rank": 2}), config, [100], 7, Mesh)(10, {"seconds": 1.0})["mfu"]
  assert adapters == pytest.approx(10 * models.flops.training(config, 100, adapters=7) / (2 * 989e12))
  assert "mfu" not in observe.speed(settings(frozen=("embed",)), config, [100], 7, Mesh)(10, {"seconds": 1.0})
  Device.device_kind = "TPU v99"
  assert "mfu" not in observe.speed(settings(), config, [100], 7, Mesh)(10, {"seconds": 1.0})


@pytest.mark.slow
def test_a_run_with_a_profile_and_weights_and_biases(settings, quiet, tmp_path):
  progress, installed = quiet(), importlib.util.find_spec("wandb")
  views = {"wandb": {"project": "eft", "mode": "offline"}} if installed else {}
  run = settings(steps=6, tensorboard=True, profile=True, checkpoint={"every": 2}, **views)
  results = train.run_train(run, tmp_path, progress)
  steps = [event for event in metrics.read(tmp_path) if "loss" in event]
  for event in steps:
    assert 0 < event["device_seconds"] + event["data_seconds"] + event["checkpoint_seconds"] <= event["seconds"]
    assert event["tokens_per_second"] == pytest.approx(event["tokens"] / event["seconds"])
    assert event["memory_bytes"] > 50e6 and 0 < event["packing"] <= 1 and event["grad_norm"] > 0
    assert "mfu" not in event  # the peak of a CPU is not known
  assert [event["checkpoint_seconds"] > 0 for event in steps] == [False, False, True, False, True, False]
  assert results["tokens_per_second"] > 0 and results["memory_bytes"] > 50e6
  assert results["step_times"].keys() == {"seconds", "data_seconds", "device_seconds", "checkpoint_seconds"}
  assert results["packing"] == pytest.approx(np.mean([event["packing"] for event in steps]))
  assert "tokens/s" in progress.shown[-1][3] and "MFU" not in progress.shown[-1][3]
  (trace,) = (tmp_path / "profile").rglob("*.trace.json.gz")
  (planes,) = (tmp_path / "profile").rglob("*.xplane.pb")
  shown = [event for event in json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
           if event.get("name") == "train"]
  assert planes.stat().st_size > 10_000 and len(shown) == observe.PROFILED
  if installed:
    (log,) = (tmp_path / "wandb").rglob("*.wandb")
    assert log.stat().st_size > 1000 and b"data_seconds" in log.read_bytes()
  assert b"data_seconds" in b"".join(file.read_bytes() for file in (tmp_path / "tensorboard").iterdir())


def test_weights_and_biases_that_is_not_installed_is_said(monkeypatch, tmp_path):
  monkeypatch.setitem(sys.modules, "wandb", None)
  with pytest.raises(ConfigError, match=r"pip install 'eft_jax\[wandb\]'"):
    metrics.Writer(tmp_path, 0, tensorboard=False, wandb=train.WandbSettings(project="eft"))
  with pytest.raises(ConfigError, match="need wandb.project"):
    train.WandbSettings(mode="offline")


def test_tensorboard_does_not_load_torch(tmp_path):
  code = ("import sys, pathlib\nfrom eft_jax.train import metrics\n"
          f"writer = metrics.Writer(pathlib.Path({str(tmp_path)!r}), 0, tensorboard=True)\nwriter(1, loss=1.0)\n"
          "writer.close()\nassert not sys.modules.get('torch')\n")
  done = subprocess.run([sys.executable, "-c", code], cwd=pathlib.Path(__file__).resolve().parents[2],
                        capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  (events,) = (tmp_path / "tensorboard").iterdir()
  assert b"loss" in events.read_bytes()
