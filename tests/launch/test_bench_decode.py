"""The decoding benchmark runs at a tiny size: ours and torch write the same greedy tokens."""

import json
import pathlib
import subprocess
import sys

import jax
import pytest

from eft_jax import models, text

ROOT = pathlib.Path(__file__).resolve().parents[2]


def bench(*options):
  return subprocess.run([sys.executable, str(ROOT / "launch" / "bench_decode.py"), *options], capture_output=True,
                        text=True, timeout=600)


@pytest.mark.slow
def test_beside_torch(tmp_path):
  pytest.importorskip("torch")
  config = models.tiny(models.PRESETS["smollm2_135m"])
  models.export_hf(config, models.init(config, jax.random.key(0)), tmp_path / "model", text.Tokenizer.bytes())
  out = tmp_path / "decode.json"
  done = bench(f"--model={tmp_path / 'model'}", "--pairs=2", "--streams=1,32,mixed", "--prompt=9", "--new=16",
               f"--out={out}")
  assert done.returncode == 0, done.stderr
  report = json.loads(out.read_text())
  for streams in ("1", "32", "mixed"):
    found = report[streams]
    assert found["torch"]["same"] > 0.97 and found["ours"]["same"] == 1
    assert found["ours / torch"]["rate"]["low"] <= found["ours / torch"]["rate"]["median"]
  assert "| mixed | ours / torch |" in done.stdout and "Ours at mixed lengths" in done.stdout


def test_bad_flags_are_one_line():
  for flag, message in (("--sglang=/no/python", "there is no such Python"), ("--streams=4,many", "expected numbers")):
    done = bench(flag)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
