"""A run that is stopped continues on another mesh with the same losses, and on the same mesh to the bit.

Each number of devices needs a process of its own, because it is fixed when JAX starts.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = f"""
import dataclasses, json, pathlib, sys
sys.path[:0] = [{str(ROOT)!r}, {str(pathlib.Path(__file__).parent)!r}]
from conftest import Quiet
from eft_jax import train

class Stop(BaseException):
  pass

def run(folder, workdir, sizes, stop_at):
  def at_step(step):
    if step == stop_at:
      raise Stop
  settings = train.TrainSettings(
      model=folder + "/model", data=train.DataSettings(folder + "/dataset", row_length=64, batch_size=8,
                                                       packing_bins=8),
      optimizer=train.OptimizerSettings(3e-3, warmup_steps=2), steps=9, export=False, tensorboard=False,
      mesh=train.MeshSettings(**dict(zip(("data", "fsdp", "tensor"), sizes))),
      checkpoint=train.CheckpointSettings(every=2))
  pathlib.Path(workdir).mkdir(exist_ok=True)
  try:
    train.run_train(settings, pathlib.Path(workdir), Quiet(at_step))
  except Stop:
    pass

for arguments in json.loads(sys.argv[1]):
  run(*arguments)
"""


def start(devices, compile_cache, runs):
  environment = os.environ | compile_cache | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
                                              "JAX_PLATFORMS": "cpu"}
  done = subprocess.run([sys.executable, "-c", RUN, json.dumps(runs)], capture_output=True, text=True,
                        env=environment, timeout=600)
  assert done.returncode == 0, done.stderr[-3000:]


def losses(folder):
  events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
  return [event["loss"] for event in events if "loss" in event]


@pytest.mark.slow
def test_resume_on_another_mesh(folder, compile_cache, tmp_path):
  run = lambda name, sizes, stop_at=0: [str(folder), str(tmp_path / name), sizes, stop_at]
  start(8, compile_cache, [run("whole", (2, 4, 1)), run("same", (2, 4, 1), 5), run("same", (2, 4, 1)),
                           run("other", (2, 4, 1), 3), run("other", (1, 2, 4), 7)])
  start(1, compile_cache, [run("other", (1, 1, 1))])
  whole, same, other = (losses(tmp_path / name) for name in ("whole", "same", "other"))
  assert len(whole) == 9 and whole[-1] < whole[0]
  assert same == whole
  assert other != whole  # it did run elsewhere: sums are made in another order
  np.testing.assert_allclose(other, whole, rtol=2e-5)
