"""Adapters as folders of the PEFT library, out and in: adapter_config.json and adapter_model.safetensors."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from eft_jax.core.settings import ConfigError
from eft_jax.models import hf, lora, names
from eft_jax.models.config import ModelConfig

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SIDES = {"lora_a": "lora_A", "lora_b": "lora_B"}
# What changes the meaning of the weights, and the only values of it that are read, where it is given at all.
PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",), "bias": (None, "none"), "modules_to_save": (None, []), "layers_to_transform": (None, []),
    "target_parameters": (None, []), "rank_pattern": (None, {}), "alpha_pattern": (None, {})} | {
        name: (None, False) for name in ("use_dora", "use_rslora", "use_qalora", "fan_in_fan_out", "lora_bias")}


def modules(config: ModelConfig) -> dict[names.Path, list[tuple[str, names.Entry]]]:
  """By the path of a node in `Adapters.tree`: (PEFT's name, entry of the kernel) of each of its layers.

  A tied head, which has no kernel, is there too.
  """
  found: dict[names.Path, list[tuple[str, names.Entry]]] = {}
  for entry in names.entries(dataclasses.replace(config, tie_embeddings=False)):
    if entry.path[-1] == "kernel":
      stack = () if entry.layer is None else ("layers", str(entry.layer % len(config.pattern)))
      name = "base_model.model." + entry.hf.removesuffix(".weight")  # PEFT wraps a model twice
      found.setdefault((*stack, *entry.path[:-1]), []).append((name, entry))
  return found


def export_peft(
    config: ModelConfig, adapters: lora.Adapters, path: str | pathlib.Path, base: str, tokenizer: Any = None,
) -> pathlib.Path:
  """Writes a folder that peft.PeftModel.from_pretrained, vLLM and SGLang load over the base model; returns its path.

  As with `export_hf`, a reader never sees half of it. The adapter of a tied head changes the head alone, here as in
  PEFT, which warns of it.

  Args:
    base: name or folder of the model that the adapters belong to.
    tokenizer: a text.Tokenizer, whose files go along.
  """
  tensors, targets, rank = {}, set(), 0
  for node, layers in modules(config).items():
    try:
      pair = names.lookup(adapters.tree, node)
    except KeyError:  # not adapted
      continue
    for ours, theirs in SIDES.items():
      stack = np.asarray(pair[ours])
      for (name, _), array in zip(layers, stack if node[0] == "layers" else stack[None], strict=True):
        tensors[f"{name}.{theirs}.weight"] = np.ascontiguousarray(array.T)  # [R, inputs], [outputs, R]
    rank = pair["lora_a"].shape[-1]
    targets.add(layers[0][0].rsplit(".", 1)[-1])
  base = str(pathlib.Path(base).absolute()) if pathlib.Path(base).exists() else base
  alpha = int(adapters.alpha) if adapters.alpha == int(adapters.alpha) else adapters.alpha
  values = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": rank,
            "lora_alpha": alpha, "target_modules": sorted(targets), "lora_dropout": 0.0, "bias": "none",
            "fan_in_fan_out": False, "use_rslora": False, "use_dora": False, "modules_to_save": None,
            "inference_mode": True}
  with hf.replacing(path) as folder:
    safetensors.numpy.save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    hf.write_json(folder / CONFIG, values)
    if tokenizer is not None:
      tokenizer.save(folder)
  return pathlib.Path(path).absolute()


def base_of(folder: pathlib.Path) -> str:
  """Name or folder of the model that a PEFT folder adapts. Raises ConfigError where it does not say."""
  base = hf.read_json(folder / CONFIG).get("base_model_name_or_path")
  if not base:
    raise ConfigError(f"{folder / CONFIG} has no base_model_name_or_path: there is nothing to put the adapters on.")
  return base


def read(config: ModelConfig, folder: str | pathlib.Path) -> lora.Adapters:
  """Adapters in float32 out of a folder of PEFT's or `export_peft`'s.

  Raises:
    ConfigError: a file is missing or damaged, or there is more to it than plain LoRA on linear layers of this model.
  """
  folder = pathlib.Path(folder)
  values = hf.read_json(folder / CONFIG)
  for key, allowed in PLAIN.items():
    if values.get(key) not in allowed:
      raise ConfigError(f"{folder / CONFIG} has {key} {values.get(key)!r}, only {allowed[-1]!r} can be read.")
  try:
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
  except (OSError, safetensors.SafetensorError) as error:
    raise ConfigError(f"{folder / WEIGHTS} cannot be read as safetensors, it is missing, truncated or another format "
                      f"({error}).") from error
  tensors = {name: array for name, array in tensors.items() if ".base_layer." not in name}  # PEFT adds a tied head
  tree: dict[str, Any] = {}
  for node, layers in modules(config).items():
    for ours, theirs in SIDES.items():
      wanted = [f"{name}.{theirs}.weight" for name, _ in layers]
      if missing := [name for name in wanted if name not in tensors]:
        if len(missing) < len(wanted):
          raise ConfigError(f"{folder} has no tensor {missing[0]!r}: a module has adapters in all layers or in none.")
        continue
      rows, columns = layers[0][1].shape
      shape = (values["r"], rows) if ours == "lora_a" else (columns, values["r"])
      arrays = [tensors.pop(name) for name in wanted]
      if wrong := [array.shape for array in arrays if array.shape != shape]:
        raise ConfigError(f"{folder}: tensor {wanted[0]!r} or its like has shape {wrong[0]}, expected {shape}.")
      stack = jnp.asarray(np.stack([array.T for array in arrays]) if node[0] == "layers" else arrays[0].T, jnp.float32)
      _put(tree, (*node, ours), stack)
  if tensors:
    raise ConfigError(f"{folder} has tensors that adapt nothing in this model, {sorted(tensors)[0]} first.")
  return lora.Adapters(tree, float(values["lora_alpha"]))


def _put(tree: dict[str, Any], path: names.Path, value: jax.Array) -> None:
  for key in path[:-1]:
    tree = tree.setdefault(key, {})
  tree[path[-1]] = value
