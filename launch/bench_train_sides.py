"""One side of launch/bench_train.py in a process of its own: trains for some steps and prints one line of JSON.

  PYTHON launch/bench_train_sides.py ours|torch|tunix '{"model": DIR, "batch": 2, "length": 512, "steps": 4, ...}'

Every side sees the same random tokens, has one document per row, AdamW at a constant rate and no clipping, in float32.
`ours` also runs on a GPU: with `preset` instead of `model` it takes random weights and packs documents of mixed
lengths.
"""

from __future__ import annotations

import json
import pathlib
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

RATE, B1, B2, EPSILON = 1e-4, 0.9, 0.95, 1e-8


def tokens_of(work: dict[str, Any], vocab: int, number: int) -> np.ndarray:
  """Random tokens [B, T] of step `number`."""
  return np.random.default_rng(number).integers(1, vocab, (work["batch"], work["length"]), np.int32)


def measured(step: Callable[[int], float], work: dict[str, Any]) -> dict[str, Any]:
  """CPU seconds (all threads, user and system) and wall seconds of each step after the warm-up, losses of all steps."""
  start = time.process_time()
  losses = [step(number) for number in range(work["warmup"])]
  warm = time.process_time() - start
  cpu, wall = [], []
  for number in range(work["warmup"], work["warmup"] + work["steps"]):
    before = time.process_time(), time.monotonic()
    losses.append(step(number))
    cpu.append(time.process_time() - before[0])
    wall.append(time.monotonic() - before[1])
  return {"losses": losses, "cpu": cpu, "wall": wall, "warmup_cpu": warm}


# --- ours -------------------------------------------------------------------------------------------------------------

def ours(work: dict[str, Any]) -> dict[str, Any]:
  """The step that launch/train.py compiles, on batches as its loop places them."""
  import jax

  from eft_jax import models, train
  from eft_jax.models import flops
  from eft_jax.train import mesh, step
  if work.get("preset"):
    config, packing = models.preset(work["preset"]), "best_fit"
    config = models.tiny(config) if work["tiny"] else config
  else:
    loaded = models.load(work["model"])
    config, packing = loaded.config, "none"
  settings = train.TrainSettings(
      data=train.DataSettings(row_length=work["length"], batch_size=work["batch"], packing=packing),
      optimizer=train.OptimizerSettings(RATE, "constant", 0, clip_norm=0.0, b1=B1, b2=B2, epsilon=EPSILON),
      lora=train.LoraSettings(work.get("lora", 0)), **work.get("settings", {}))
  devices = mesh.make(settings.mesh, jax.devices()[:1])
  with jax.set_mesh(devices):
    trainer = step.design(settings, config, work["warmup"] + work["steps"], devices)
    if work.get("preset"):
      # Frozen parameters are kept in the compute dtype: not made larger first, which would be the peak of memory.
      dtype = settings.compute_dtype if settings.lora.rank else "float32"
      params = jax.jit(lambda: models.init(config, jax.random.key(0), dtype))()
    else:
      params = loaded.params
      del loaded
    held = list(trainer.start(params))
    del params

    def one(number: int) -> float:
      batch = mesh.place(devices, batch_of(work, config.vocab_size, number, settings.data.row_segments), 1)
      held[0], out = trainer.train(held[0], held[1], batch)
      return out["loss"].item()

    found = measured(one, work)
  if jax.default_backend() != "cpu":
    found["device_gb"] = jax.devices()[0].memory_stats()["peak_bytes_in_use"] / 1e9
  adapters = flops.count(held[0].trainable) if settings.lora.rank else 0
  lengths = np.bincount(batch_of(work, config.vocab_size, 0, settings.data.row_segments).segment_ids[0])[1:]
  per_token = sum(n * flops.training(config, int(n), adapters) for n in lengths) / work["length"]
  return found | {"device": jax.devices()[0].device_kind, "flops_per_token": per_token}


def batch_of(work: dict[str, Any], vocab: int, number: int, most: int) -> Any:
  """A Batch of full rows: one document each, or with `documents` as many of mixed lengths."""
  from eft_jax.train import batches
  tokens = tokens_of(work, vocab, number)
  count, length = work.get("documents", 1), work["length"]
  rng = np.random.default_rng(number)
  cuts = np.array([np.sort(1 + rng.choice(length - 1, count - 1, replace=False)) for _ in tokens], int)
  places = np.arange(length)
  segments = 1 + (places[None, None] >= cuts[:, :, None]).sum(1)  # [B, T]
  starts = np.concatenate([np.zeros((len(tokens), 1), int), cuts], axis=1)
  positions = places - np.take_along_axis(starts, segments - 1, axis=1)
  examples = np.zeros((len(tokens), most), np.int32)
  examples[:, :count] = 1 + np.arange(count)
  cast = lambda x: np.asarray(x, np.int32)
  return batches.Batch(tokens, cast(positions), cast(segments), np.ones(tokens.shape, bool), examples)


# --- peers ------------------------------------------------------------------------------------------------------------

def torch(work: dict[str, Any]) -> dict[str, Any]:
  """transformers' model and loss, torch's AdamW."""
  import torch
  import transformers
  model = transformers.AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32).train()
  optimizer = torch.optim.AdamW(model.parameters(), RATE, (B1, B2), EPSILON, weight_decay=0.0)

  def one(number: int) -> float:
    tokens = torch.tensor(tokens_of(work, model.config.vocab_size, number), dtype=torch.int64)
    loss = model(input_ids=tokens, labels=tokens).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()

  return measured(one, work) | {"threads": torch.get_num_threads()}


def tunix(work: dict[str, Any]) -> dict[str, Any]:
  """google-tunix's PeftTrainer on its own Llama class with its own first weights: the cost does not depend on them."""
  import jax
  import optax
  from flax import nnx
  from tunix.models.llama3 import model as llama3
  from tunix.sft import hooks, peft_trainer
  from tunix.sft import utils as tunix_utils
  shape = json.loads(pathlib.Path(work["model"], "config.json").read_text())
  config = llama3.ModelConfig(
      num_layers=shape["num_hidden_layers"], vocab_size=shape["vocab_size"], embed_dim=shape["hidden_size"],
      hidden_dim=shape["intermediate_size"], num_heads=shape["num_attention_heads"],
      num_kv_heads=shape["num_key_value_heads"], head_dim=shape["head_dim"], rope_theta=100_000,
      norm_eps=shape["rms_norm_eps"], weight_tying=True, remat_config=llama3.RematConfig.DECODER)
  marks, losses = [(time.process_time(), time.monotonic())], []

  def end_of_step(self: Any, trainer: Any, step: int, loss: Any) -> None:
    losses.append(float(loss))
    marks.append((time.process_time(), time.monotonic()))

  nothing = {name: lambda self, *arguments: None for name in hooks.TrainingHooks.__abstractmethods__}
  watch = type("Watch", (hooks.TrainingHooks,), nothing | {"on_train_step_end": end_of_step})()

  def model_input(given: Any) -> dict[str, Any]:
    mask = given.input_mask
    return {"input_tokens": given.input_tokens, "input_mask": mask,
            "positions": tunix_utils.build_positions_from_mask(mask),
            "attention_mask": tunix_utils.make_causal_attn_mask(mask)}

  # The hook is called one step late and once more at the end: the first and the last interval say nothing.
  count = work["warmup"] + work["steps"] + 2
  given = (peft_trainer.TrainingInput(input_tokens=tokens, input_mask=np.ones_like(tokens)) for tokens in (
      tokens_of(work, config.vocab_size, number) for number in range(count)))
  with jax.make_mesh((1, 1), ("fsdp", "tp"), axis_types=(jax.sharding.AxisType.Auto,) * 2):
    model = llama3.Llama3(config, rngs=nnx.Rngs(0))
    trainer = peft_trainer.PeftTrainer(
        model, optax.adamw(RATE, B1, B2, EPSILON, weight_decay=0.0),
        peft_trainer.TrainingConfig(eval_every_n_steps=10**9, max_steps=count)).with_gen_model_input_fn(model_input)
    trainer.with_training_hooks(watch)
    trainer.train(given)
  first = 1 + work["warmup"]
  spent = np.diff(np.array(marks), axis=0)[first:first + work["steps"]]
  return {"losses": losses, "cpu": spent[:, 0].tolist(), "wall": spent[:, 1].tolist(),
          "warmup_cpu": marks[first][0] - marks[0][0]}


if __name__ == "__main__":
  sides = {"ours": ours, "torch": torch, "tunix": tunix}
  result = sides[sys.argv[1]](json.loads(sys.argv[2]))
  print(json.dumps(result | {"rss_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}))
