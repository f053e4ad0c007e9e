"""The benchmark of the scripted teacher runs, and says what it measured."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def bench(*options):
  return subprocess.run([sys.executable, str(ROOT / "launch" / "bench_teacher.py"), "--allow_weak", *options],
                        capture_output=True, text=True, timeout=300)


def test_one_task_in_few_steps(tmp_path):
  out = tmp_path / "teacher.json"
  done = bench("--tasks=thomson_energy_8", "--steps=25", "--kinds", f"--out={out}")
  assert done.returncode == 0, done.stderr
  found = json.loads(out.read_text())
  (row,) = found["rows"]
  assert row["all"] > row["initial"] and row["rate"] > 0 and found["gained"] == 1
  assert sum(tries for tries, _, _ in found["kinds"].values()) == 25
  assert "thomson_energy_8" in done.stdout and "ms of CPU per reply" in done.stdout and "literal" in done.stdout


def test_an_unknown_task_is_one_line():
  done = bench("--tasks=thomson_energy_99")
  assert done.returncode == 2 and "thomson_energy_99" in done.stderr and done.stderr.count("\n") == 1


def test_gains_go_on_where_they_stopped(tmp_path):
  out, kept = tmp_path / "gains.json", tmp_path / "kept"
  done = bench("--gains", "--tasks=thomson_energy_8", "--steps=25", f"--workdir={kept}")
  assert done.returncode == 0 and "The teacher improves 1 of 1 tasks within 25 steps" in done.stdout, done.stderr
  file = kept / "thomson_energy_8" / "gain.json"
  file.write_text(file.read_text().replace('"ms": ', '"ms": 1234567'))  # what is found again was not searched again
  done = bench("--gains", "--tasks=thomson_energy_8,golomb_ruler_10", "--steps=25", f"--workdir={kept}", f"--out={out}")
  found = json.loads(out.read_text())
  first, second = found["rows"]
  assert done.returncode == 0 and (first["task"], second["task"]) == ("golomb_ruler_10", "thomson_energy_8")
  assert second["ms"] > 1234567 > first["ms"] > 0 and first["best_score"] > first["initial_score"]
  assert found["improved"] == 2 and 0 < first["improving"] < 1 and not found["stuck"]
