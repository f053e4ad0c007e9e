"""Compares proposers under one budget: python launch/evaluate.py --config=configs/evaluate.py --workdir=DIR."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from eft_jax import evaluate
from launch import common


def run(settings: evaluate.EvaluateSettings, workdir: pathlib.Path, progress: common.Progress) -> dict:
  """Prints the table on stdout."""
  results = evaluate.run_evaluate(settings, workdir, progress)
  print("\n".join(results["table"]))
  print(f"picture: {results['picture']}")
  return results


if __name__ == "__main__":
  common.launch(run, evaluate.EvaluateSettings, "configs/evaluate.py")
