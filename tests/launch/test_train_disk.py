"""launch/train.py on a disk that runs full: one line, exit code 2, and with more room the same command goes on.

The disk is a small tmpfs in a mount namespace of the test's own.
"""

import shlex
import subprocess

import pytest

from tests.launch import test_train
from tests.launch.test_train import folder  # noqa: F401

MOUNTS = ["unshare", "--mount", "--map-root-user"]


@pytest.mark.slow
def test_a_full_disk_keeps_older_checkpoints_and_more_room_lets_it_go_on(folder, tmp_path):  # noqa: F811
  probe = subprocess.run([*MOUNTS, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True, text=True)
  if probe.returncode:
    pytest.skip(f"no mount namespaces here: {probe.stderr.strip()}")
  disk = tmp_path / "disk"
  disk.mkdir()
  flags = ("--config.steps=12", "--config.checkpoint.every=2", "--config.checkpoint.keep=2", "--config.export=False")
  train = shlex.join(test_train.command(folder, disk / "run", *flags))
  whole = test_train.run(folder, tmp_path / "whole", *flags)
  assert whole.returncode == 0, whole.stderr
  room = sum(file.stat().st_blocks * 512 for file in (tmp_path / "whole" / "checkpoints").rglob("*"))  # of two
  script = f"""
      mount -t tmpfs -o size={int(1.3 * room)} tmpfs {disk}
      code=0; {train} 2> {tmp_path}/error || code=$?
      ls {disk}/run/checkpoints | grep -v tmp
      mount -o remount,size=64m {disk}
      {train} 2> {tmp_path}/again; cp -r {disk}/run {tmp_path}/parts; exit $code"""
  done = subprocess.run([*MOUNTS, "bash", "-euc", script], capture_output=True, text=True, timeout=300,
                        env=test_train.environment(folder))
  error = (tmp_path / "error").read_text()
  assert done.returncode == 2, error + done.stderr
  lines = [line for line in error.splitlines() if not line.startswith("[train]")]
  assert len(lines) == 1 and "could not be written, No space left on device" in lines[0], error
  assert done.stdout.split() == ["2", "4"]
  assert "resumed at step 4" in (tmp_path / "again").read_text()
  assert test_train.trace(tmp_path / "parts") == test_train.trace(tmp_path / "whole")
