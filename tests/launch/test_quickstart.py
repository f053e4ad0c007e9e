"""The README's first command runs the whole chain; here with budgets that show only that all parts fit."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_whole_chain(tmp_path):
  command = ["bash", str(ROOT / "launch/quickstart.sh"), str(tmp_path)]
  done = subprocess.run(command, env={**os.environ, "EFT_QUICKSTART": "smoke"}, capture_output=True, text=True,
                        timeout=1500)
  assert done.returncode == 0, done.stderr[-4000:]
  assert "eft - base: mean gain in best score" in done.stdout and "improved" in done.stdout
  results = json.loads((tmp_path / "evaluate/summary.json").read_text())
  assert set(results["models"]) == {"base", "eft"}
  assert all(entry["replies"] == 8 for tasks in results["models"].values() for entry in tasks.values())
  assert (tmp_path / "evaluate/curves.png").read_bytes().startswith(b"\x89PNG")
  assert json.loads((tmp_path / "search/model/thomson_energy_20/summary.json").read_text())["attempts"] == 5
  assert (tmp_path / "train/export/model.safetensors").stat().st_size > 4 * 134_000_000
