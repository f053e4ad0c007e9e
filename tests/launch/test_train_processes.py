"""launch/train.py as two processes on CPU: the losses of one process, one set of files, one step to stop after."""

import json
import os
import signal
import socket
import subprocess
import time

import numpy as np
import pytest

from eft_jax import models
from eft_jax.core.settings import ConfigError
from launch import processes
from tests.launch import test_train
from tests.launch.test_train import folder  # noqa: F401

FLAGS = ("--config.steps=8", "--config.checkpoint.every=3", "--config.data.batch_size=4", "--config.mesh.data=2",
         "--config.mesh.fsdp=2")


def start(folder, workdir, count, *flags):  # noqa: F811
  """`count` processes with four devices between them."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  running = []
  for index in range(count):
    environment = test_train.environment(folder) | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={4 // count}"}
    if count > 1:
      environment |= {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": str(count),
                      "JAX_PROCESS_ID": str(index)}
    running.append(subprocess.Popen(test_train.command(folder, workdir, *FLAGS, *flags), env=environment,
                                    stderr=subprocess.PIPE, text=True))
  return running


def ends(running):
  """(exit code, stderr) of each."""
  try:
    return [(process.returncode, error) for process in running for error in [process.communicate(timeout=300)[1]]]
  finally:
    for process in running:
      process.kill()


def losses(workdir):
  return [event["loss"] for event in test_train.trace(workdir) if "loss" in event]


@pytest.mark.slow
def test_two_processes_are_one_run(folder, tmp_path):  # noqa: F811
  (code, error), = ends(start(folder, tmp_path / "one", 1))
  assert code == 0, error
  first, second = ends(start(folder, tmp_path / "two", 2))
  assert first[0] == second[0] == 0, first[1] + second[1]
  assert "8/8 steps" in first[1] and "4 cpu devices" in first[1] and "[train]" not in second[1]
  one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
  assert len(one) == 8
  np.testing.assert_allclose(two, one, rtol=2e-5)
  summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("one", "two")]
  assert summaries[0]["steps"] == summaries[1]["steps"] == 8 and summaries[1]["outcome"] == "ok"
  np.testing.assert_allclose(summaries[1]["validation_loss_last"], summaries[0]["validation_loss_last"], rtol=2e-5)
  exported = [models.load(tmp_path / name / "export").params for name in ("one", "two")]
  np.testing.assert_allclose(exported[1]["embed"]["table"], exported[0]["embed"]["table"], atol=1e-5)
  assert len(list((tmp_path / "two" / "tensorboard").iterdir())) == 1


@pytest.mark.slow
def test_a_signal_to_one_process_stops_all_after_the_same_step_and_they_go_on(folder, tmp_path):  # noqa: F811
  flags = ("--config.steps=40", "--config.export=False", "--config.tensorboard=False")
  whole = ends(start(folder, tmp_path / "whole", 2, *flags))
  assert [code for code, _ in whole] == [0, 0], whole
  running = start(folder, tmp_path / "parts", 2, *flags)
  deadline = time.monotonic() + 240
  while len(losses(tmp_path / "parts")) < 5:
    assert all(process.poll() is None for process in running) and time.monotonic() < deadline
    time.sleep(0.005)
  os.kill(running[1].pid, signal.SIGTERM)  # not the one that writes
  (code, error), (other, _) = ends(running)
  assert code == other == 143, error
  assert json.loads((tmp_path / "parts" / "summary.json").read_text())["outcome"] == "stopped"
  made = len(losses(tmp_path / "parts"))
  assert 5 <= made < 40
  again = ends(start(folder, tmp_path / "parts", 2, *flags))
  assert [code for code, _ in again] == [0, 0], again
  assert f"resumed at step {made} of 40" in again[0][1]
  assert test_train.trace(tmp_path / "parts") == test_train.trace(tmp_path / "whole")


def test_what_the_environment_says():
  three = {"JAX_COORDINATOR_ADDRESS": "host:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}
  assert processes.arguments({}) is None and processes.arguments({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}) is None
  assert processes.arguments(three) == {"coordinator_address": "host:1", "num_processes": 2, "process_id": 1}
  assert processes.arguments({"SLURM_STEP_NUM_TASKS": "4"}) == {}
  assert processes.arguments({"SLURM_STEP_NUM_TASKS": "1"}) is None
  assert processes.arguments({"TPU_WORKER_HOSTNAMES": "t-0,t-1"}) == {}
  assert processes.arguments({"TPU_WORKER_HOSTNAMES": "localhost"}) is None
  for name in three:
    with pytest.raises(ConfigError, match=f"not {name}"):
      processes.arguments({other: value for other, value in three.items() if other != name})
  with pytest.raises(ConfigError, match="from 0 to N - 1"):
    processes.arguments(three | {"JAX_PROCESS_ID": "2"})
