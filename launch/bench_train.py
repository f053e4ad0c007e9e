"""Training speed and memory beside transformers + torch and Tunix: the same shape, tokens and work, runs in turn.

  python launch/bench_train.py --tunix=.venv_tunix/bin/python --pairs=7 --out=bench_train.json
  python launch/bench_train.py --device=gpu

Tunix lives in an environment of its own: python3.11 -m venv .venv_tunix && .venv_tunix/bin/pip install
google-tunix==0.1.7 jax==0.10.2. On a CPU all train SmolLM2-135M's shape in float32 with AdamW, one document of 512
tokens per row; ours and torch from the same weights, so that their losses must agree step by step. Speed is tokens per
CPU-second (user and system time of the process, all its threads) after the warm-up steps; memory is the largest
resident set of the process's whole life. On a GPU ours runs alone, on random weights in bfloat16 and packed rows.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from launch import common
from launch.measure import cell, summary

SIDES = pathlib.Path(__file__).resolve().with_name("bench_train_sides.py")
H100_FLOPS = 989e12  # dense bfloat16
# Idle threads of torch's OpenMP must sleep, not spin, where cores are shared: spinning counts as CPU time.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TRANSFORMERS_OFFLINE": "1",
               "TRANSFORMERS_VERBOSITY": "error"}
# Runs on a GPU: 8,192 packed tokens, soft cap on.
GPU_RUNS = {
    "Gemma 2 2B, all parameters": {"preset": "gemma2_2b"},
    "Gemma 2 9B, LoRA r32": {"preset": "gemma2_9b", "lora": 32},
}

_DEVICE = flags.DEFINE_enum("device", "cpu", ["cpu", "gpu"], "What to train on.")
_TORCH = flags.DEFINE_string("torch", sys.executable, "Python with torch and transformers; empty for none.")
_TUNIX = flags.DEFINE_string("tunix", "", "Python of an environment with google-tunix; none when not given.")
_TUNIX_BATCHES = flags.DEFINE_list("tunix_batches", ["2"], "Batch sizes that Tunix runs: its loss makes one-hot rows.")
_PAIRS = flags.DEFINE_integer("pairs", 7, "Runs of each side and batch size, in turn.", lower_bound=1)
_BATCHES = flags.DEFINE_list("batches", ["2", "8"], "Rows of a step.")
_LENGTH = flags.DEFINE_integer("length", 512, "Tokens of a row, on a CPU.", lower_bound=2)
_STEPS = flags.DEFINE_integer("steps", 3, "Measured steps of a run.", lower_bound=1)
_WARMUP = flags.DEFINE_integer("warmup", 1, "Steps before them; ours compiles in the first.", lower_bound=1)
_MODEL = flags.DEFINE_string("model", "smollm2_135m", "Preset whose shape is trained, from random weights.")
_TINY = flags.DEFINE_bool("tiny", False, "Take the model's tiny twin: for trying out this program.")
_REMAT = flags.DEFINE_string("remat", "full", "remat of ours, a name in models.")
_CHUNK = flags.DEFINE_integer("chunk", 0, "logprob_chunk of ours; 0 takes 512 on a CPU, 2048 on a GPU.", lower_bound=0)
_OUT = flags.DEFINE_string("out", None, "JSON file for all figures.")


def run(python: str, side: str, work: dict[str, Any]) -> dict[str, Any]:
  """What one side prints, in a process of its own. Raises RuntimeError."""
  environment = os.environ | ENVIRONMENT | ({"JAX_PLATFORMS": "cpu"} if _DEVICE.value == "cpu" or _TINY.value else {})
  done = subprocess.run([python, str(SIDES), side, json.dumps(work)], capture_output=True, text=True, env=environment)
  if done.returncode:
    raise RuntimeError(f"{side} failed: {done.stderr[-2000:]}")
  return json.loads(done.stdout.splitlines()[-1])


def figures(found: dict[str, Any], tokens: int) -> dict[str, float]:
  """Of one run: the median step."""
  return {"rate": tokens / statistics.median(found["cpu"]), "wall": statistics.median(found["wall"]),
          "gb": found["rss_gb"], "warmup": found["warmup_cpu"]}


def same_losses(sides: dict[str, dict[str, Any]]) -> None:
  """Raises RuntimeError where ours and torch did not do the same work: each loss depends on all updates before it."""
  if "torch" in sides:
    a, b = sides["ours"]["losses"], sides["torch"]["losses"]
    if any(abs(x - y) > 1e-3 * abs(y) for x, y in zip(a, b, strict=True)):
      raise RuntimeError(f"The losses of ours and torch differ: {a} and {b}.")


def compare(folder: pathlib.Path, progress: common.Progress) -> dict[str, Any]:
  """Alternating runs by batch size: figures of each side, and ratios of ours to the others by pair."""
  report: dict[str, Any] = {}
  for index, batch in enumerate(_BATCHES.value):
    work = {"model": str(folder), "batch": int(batch), "length": _LENGTH.value, "steps": _STEPS.value,
            "warmup": _WARMUP.value, "settings": {"remat": _REMAT.value, "logprob_chunk": _CHUNK.value or 512}}
    pythons = {"ours": sys.executable, "torch": _TORCH.value,
               "tunix": _TUNIX.value if batch in _TUNIX_BATCHES.value else ""}
    order = [side for side, python in pythons.items() if python]
    rows: dict[str, list] = {side: [] for side in order}
    for pair in range(_PAIRS.value):
      found = {side: run(pythons[side], side, work) for side in (order if pair % 2 == 0 else order[::-1])}
      same_losses(found)
      for side in order:
        rows[side].append(figures(found[side], work["batch"] * work["length"]))
      shown = ", ".join(f"{side} {rows[side][-1]['rate']:.1f} tokens/CPU-s {rows[side][-1]['gb']:.2f} GB"
                        for side in order)
      progress(index * _PAIRS.value + pair + 1, len(_BATCHES.value) * _PAIRS.value, "pair", f"batch {batch}: {shown}")
    report[batch] = {side: summary(rows[side]) for side in order}
    for side in order[1:]:
      ratios = [{"rate": a["rate"] / b["rate"], "gb": a["gb"] / b["gb"]}
                for a, b in zip(rows["ours"], rows[side], strict=True)]
      report[batch][f"ours / {side}"] = summary(ratios)
  return report


def table(report: dict[str, Any]) -> str:
  """Medians, and the range over the pairs in brackets."""
  lines = ["| batch | side | tokens per CPU-second | s per step | peak memory, GB | warm-up, CPU-s |",
           "|---|---|---|---|---|---|"]
  for batch, sides in report.items():
    for name, found in sides.items():
      rest = (cell(found["wall"]), cell(found["gb"], 2), cell(found["warmup"], 0)) if "wall" in found else (
          "", cell(found["gb"], 2), "")
      lines.append(f"| {batch} | {name} | " + " | ".join((cell(found["rate"], 2 if "/" in name else 1), *rest)) + " |")
  return "\n".join(lines)


# --- GPU --------------------------------------------------------------------------------------------------------------

def on_gpu(progress: common.Progress) -> dict[str, Any]:
  """Tokens per second, model FLOPs utilisation and memory of each of GPU_RUNS."""
  report = {}
  for index, (name, changes) in enumerate(GPU_RUNS.items()):
    settings = {"compute_dtype": "bfloat16", "remat": _REMAT.value, "logprob_chunk": _CHUNK.value or 2048}
    work = {"batch": 1, "length": 64 if _TINY.value else 8192, "documents": 12, "tiny": _TINY.value,
            "steps": _STEPS.value, "warmup": _WARMUP.value, "settings": settings}
    found = run(sys.executable, "ours", work | changes)
    rate = work["batch"] * work["length"] / statistics.median(found["wall"])
    report[name] = {"device": found["device"], "tokens_per_second": rate, "gb": found.get("device_gb", found["rss_gb"]),
                    "mfu": rate * found["flops_per_token"] / H100_FLOPS, "losses": found["losses"]}
    progress(index + 1, len(GPU_RUNS), "run", f"{name}: {rate:.0f} tokens/s")
  return report


def gpu_table(report: dict[str, Any]) -> str:
  lines = ["| model | device | tokens/s | MFU of 989 TFLOP/s | peak memory, GB |", "|---|---|---|---|---|"]
  return "\n".join(lines + [f"| {name} | {found['device']} | {found['tokens_per_second']:.0f} | {found['mfu']:.1%} | "
                            f"{found['gb']:.1f} |" for name, found in report.items()])


def main() -> None:
  common.parse()
  for flag, python in (("torch", _TORCH.value), ("tunix", _TUNIX.value)):
    if python and not pathlib.Path(python).exists():
      common.fail(f"--{flag}={python}: there is no such Python; see the head of this file.")
  progress = common.Progress("bench_train", every=0)
  if _DEVICE.value == "gpu":
    report = on_gpu(progress)
    print(gpu_table(report))
  else:
    import jax

    from eft_jax import models
    with tempfile.TemporaryDirectory() as folder:
      config = models.preset(_MODEL.value)
      config = models.tiny(config) if _TINY.value else config
      models.export_hf(config, models.init(config, jax.random.key(0)), folder + "/model")
      report = compare(pathlib.Path(folder, "model"), progress)
    print(table(report))
  if _OUT.value:
    common.write_json(pathlib.Path(_OUT.value), report)


if __name__ == "__main__":
  main()
