"""The training benchmark runs at a tiny size: ours and torch do the same work, and what it says is what it measured."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from launch import bench_train_sides

ROOT = pathlib.Path(__file__).resolve().parents[2]


def bench(*options):
  return subprocess.run([sys.executable, str(ROOT / "launch" / "bench_train.py"), "--tiny", *options],
                        capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_beside_torch(tmp_path):
  """The program itself compares the losses of both sides, of which the second and third depend on AdamW's updates."""
  pytest.importorskip("torch")
  out = tmp_path / "train.json"
  done = bench("--pairs=1", "--batches=2", "--length=32", "--steps=2", f"--out={out}")
  assert done.returncode == 0, done.stderr
  found = json.loads(out.read_text())["2"]
  assert found.keys() == {"ours", "torch", "ours / torch"}
  assert 0.1 < found["ours"]["gb"]["median"] < 3 and found["torch"]["rate"]["median"] > 0
  assert found["ours / torch"]["rate"]["median"] == pytest.approx(
      found["ours"]["rate"]["median"] / found["torch"]["rate"]["median"])
  assert "| 2 | ours / torch |" in done.stdout


@pytest.mark.slow
def test_packed_rows_of_the_gpu_runs(tmp_path):
  out = tmp_path / "gpu.json"
  done = bench("--device=gpu", "--steps=1", f"--out={out}")
  assert done.returncode == 0, done.stderr
  found = json.loads(out.read_text())
  assert len(found) == 2 and all(run["mfu"] > 0 and run["losses"][0] > 4 for run in found.values())


def test_batches_hold_full_rows_of_documents():
  work = {"batch": 2, "length": 64, "documents": 5}
  batch = bench_train_sides.batch_of(work, 259, 0, 8)
  assert [sorted(set(row)) for row in batch.segment_ids.tolist()] == [[1, 2, 3, 4, 5]] * 2
  starts = np.diff(batch.segment_ids, prepend=0, axis=1) == 1
  assert ((batch.positions == 0) == starts).all() and (np.diff(batch.positions, axis=1)[~starts[:, 1:]] == 1).all()
  single = bench_train_sides.batch_of({"batch": 2, "length": 64}, 259, 0, 1)
  assert (single.segment_ids == 1).all() and (single.positions == np.arange(64)).all()


def test_a_peer_that_is_not_there_is_one_line():
  done = bench("--tunix=/nowhere/python")
  assert done.returncode == 2 and "--tunix=/nowhere/python" in done.stderr and done.stderr.count("\n") == 1
