"""One side of launch/bench_decode.py: a process that loads the model and answers one job per line until its input ends.

  PYTHON launch/bench_decode_sides.py ours|torch|sglang|vllm '{"model": DIR, "slots": 32, "max_length": 512, ...}'

Prints {"ready": true}. A job is {"prompts": [[ids], ...], "new": [counts]}: greedy, stop tokens ignored, new[i] tokens
for prompt i; its answer is {"ids": [[...], ...], "wall": seconds}. The asking side takes the CPU time of this process
and all below it.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

Answer = Callable[[list[list[int]], list[int]], list[list[int]]]


def ours(work: dict[str, Any]) -> Answer:
  """The engine in this process, as the search uses it."""
  import jax.numpy as jnp

  from eft_jax import models
  from eft_jax.serve import Engine, GenerateRequest, SamplingParams
  loaded = models.load(work["model"], jnp.dtype(work["dtype"]))
  engine = Engine(loaded.config, loaded.params, slots=work["slots"], max_length=work["max_length"],
                  dtype=jnp.dtype(work["dtype"]))

  def answer(prompts: list[list[int]], new: list[int]) -> list[list[int]]:
    results = engine.generate([
        GenerateRequest(tuple(ids), SamplingParams(max_new_tokens=count, temperature=0.0, ignore_eos=True))
        for ids, count in zip(prompts, new, strict=True)])
    engine.flush()  # no prompt of the next job may be there already
    return [list(result.output_ids) for result in results]
  return answer


def torch(work: dict[str, Any]) -> Answer:
  """transformers' generate: one padded batch, as long as its longest member."""
  import torch as torch_lib
  import transformers
  model = transformers.AutoModelForCausalLM.from_pretrained(
      work["model"], dtype=getattr(torch_lib, work["dtype"])).eval()

  def answer(prompts: list[list[int]], new: list[int]) -> list[list[int]]:
    width = max(map(len, prompts))
    ids = torch_lib.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch_lib.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    with torch_lib.inference_mode():
      out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, min_new_tokens=max(new),
                           max_new_tokens=max(new), pad_token_id=0)
    return [row[width:width + count].tolist() for row, count in zip(out, new, strict=True)]
  return answer


def sglang(work: dict[str, Any]) -> Answer:
  """A real SGLang as a child process, over HTTP."""
  from eft_jax.serve import Client
  from eft_jax.serve.settings import ServeSettings, SglangSettings
  from eft_jax.serve.sglang import Sglang
  settings = ServeSettings(engine="sglang", model=work["model"], port=0, dtype=work["dtype"], slots=work["slots"],
                           max_length=work["max_length"], sglang=SglangSettings(python=work["sglang"]))
  serving = Sglang(settings, pathlib.Path(work["workdir"]))
  serving.__enter__()
  client = Client(serving.url)

  def answer(prompts: list[list[int]], new: list[int]) -> list[list[int]]:
    client.flush_cache()
    found = client.generate([{"input_ids": ids, "sampling_params": {
        "max_new_tokens": count, "temperature": 0, "ignore_eos": True}}
        for ids, count in zip(prompts, new, strict=True)])
    return [one["output_ids"] for one in found]

  answer.close = lambda: serving.__exit__(None, None, None)
  return answer


def vllm(work: dict[str, Any]) -> Answer:
  """vLLM in this process; runs with the interpreter of its own environment."""
  import vllm as vllm_lib
  model = vllm_lib.LLM(work["model"], dtype=work["dtype"], enforce_eager=True, max_model_len=work["max_length"],
                       max_num_seqs=work["slots"], enable_prefix_caching=False, skip_tokenizer_init=True)

  def answer(prompts: list[list[int]], new: list[int]) -> list[list[int]]:
    params = [vllm_lib.SamplingParams(temperature=0.0, max_tokens=count, ignore_eos=True, detokenize=False)
              for count in new]
    found = model.generate([{"prompt_token_ids": ids} for ids in prompts], params, use_tqdm=False)
    return [list(one.outputs[0].token_ids) for one in found]
  return answer


SIDES = {"ours": ours, "torch": torch, "sglang": sglang, "vllm": vllm}


def main() -> None:
  side, work = sys.argv[1], json.loads(sys.argv[2])
  answers = sys.stdout  # libraries print what they like: to stderr
  sys.stdout = sys.stderr
  answer = SIDES[side](work)

  def say(value: Any) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()

  say({"ready": True})
  try:
    for line in sys.stdin:
      job = json.loads(line)
      start = time.monotonic()
      ids = answer(job["prompts"], job["new"])
      say({"ids": ids, "wall": time.monotonic() - start})
  finally:
    getattr(answer, "close", lambda: None)()


if __name__ == "__main__":
  main()
