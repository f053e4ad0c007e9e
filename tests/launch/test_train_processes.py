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

FLAGS = ("--config.steps=60", "--config.checkpoint.every=3", "--config.data.batch_size=4", "--config.mesh.data=2",
         "--config.mesh.fsdp=2")


def start(folder, workdir, count):  # noqa: F811
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
    running.append(subprocess.Popen(test_train.command(folder, workdir, *FLAGS), env=environment,
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


def stopped(running, workdir, at, numbers):
  """Steps that are recorded when a signal to some of the processes at about step `at` has stopped all of them."""
  deadline = time.monotonic() + 240
  while len(losses(workdir)) < at:
    assert all(process.poll() is None for process in running) and time.monotonic() < deadline
    time.sleep(0.005)
  for number in numbers:
    os.kill(running[number].pid, signal.SIGTERM)
  (code, error), (other, _) = ends(running)
  assert code == other == 143, error
  assert json.loads((workdir / "summary.json").read_text())["outcome"] == "stopped"
  assert len(losses(workdir)) >= at
  return len(losses(workdir))


@pytest.mark.slow
def test_two_processes_are_one_run_and_a_signal_to_any_stops_both_after_the_same_step(folder, tmp_path):  # noqa: F811
  (code, error), = ends(start(folder, tmp_path / "one", 1))
  assert code == 0, error
  parts = tmp_path / "two"
  made = stopped(start(folder, parts, 2), parts, 5, [1])  # not the one that writes
  again = stopped(start(folder, parts, 2), parts, made + 5, [0, 1])
  assert made < again < 60
  first, second = ends(start(folder, parts, 2))
  assert first[0] == second[0] == 0, first[1] + second[1]
  assert f"resumed at step {again} of 60" in first[1] and "4 cpu devices" in first[1] and "[train]" not in second[1]
  assert len(losses(parts)) == 60 and losses(parts)[-1] < losses(parts)[0]
  np.testing.assert_allclose(losses(parts), losses(tmp_path / "one"), rtol=2e-5)
  one, two = (json.loads((path / "summary.json").read_text()) for path in (tmp_path / "one", parts))
  assert one["steps"] == two["steps"] == 60 and two["outcome"] == "ok"
  np.testing.assert_allclose(two["validation_loss_last"], one["validation_loss_last"], rtol=2e-5)
  tables = [models.load(path / "export").params["embed"]["table"] for path in (tmp_path / "one", parts)]
  np.testing.assert_allclose(*tables, atol=1e-5)
  assert len(list((parts / "tensorboard").iterdir())) == 3  # one file for each start, not for each process


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
