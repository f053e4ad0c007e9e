"""What a client can tell of checkpoint and adapter folders before it sends a server their path: names, shapes, NaNs.

A real SGLang ends when it gets a checkpoint or an adapter that does not fit the served model. Nothing here reads more
than the heads of the files, adapters apart, and nothing imports jax.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# Shapes of a checkpoint, in its config.json; whether the head is tied decides which tensors a server reads.
_SHAPES = ("model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
           "num_key_value_heads", "head_dim")
_HEAD = "lm_head.weight"
# Bits of the exponent, which are all set in an infinity and in a NaN, and the unsigned type of the number's size.
_EXPONENTS = {"F64": (np.uint64, 0x7FF0000000000000), "F32": (np.uint32, 0x7F800000), "F16": (np.uint16, 0x7C00),
              "BF16": (np.uint16, 0x7F80)}
Header = dict[str, dict[str, Any]]


def read_json(path: pathlib.Path) -> dict[str, Any]:
  """An object of a JSON file; {} where there is none."""
  try:
    values = json.loads(path.read_text())
  except (OSError, ValueError):
    return {}
  return values if isinstance(values, dict) else {}


def header(file: pathlib.Path) -> Header:
  """Of each tensor of a safetensors file: dtype, shape, data_offsets. Raises ValueError, where it is cut off, too."""
  try:
    with open(file, "rb") as opened:
      size = int.from_bytes(opened.read(8), "little")
      length = file.stat().st_size
      if size > length - 8:
        raise ValueError(f"{file} is truncated or no safetensors file")
      found = json.loads(opened.read(size))
      found.pop("__metadata__", None)
      end = max((entry["data_offsets"][1] for entry in found.values()), default=0)
  except (OSError, UnicodeDecodeError, json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
    raise ValueError(f"{file} cannot be read as safetensors ({error})") from error
  if end != length - 8 - size:
    raise ValueError(f"{file} is truncated: it has {length - 8 - size} bytes of tensors, expected {end}")
  return found


def shapes(folder: pathlib.Path) -> dict[str, tuple[int, ...]]:
  """Shapes of all tensors of a model folder. Raises ValueError."""
  index = read_json(folder / "model.safetensors.index.json").get("weight_map")
  files = sorted(set(index.values())) if isinstance(index, dict) else ["model.safetensors"]
  return {name: tuple(entry["shape"]) for file in files for name, entry in header(folder / file).items()}


def checkpoint_fault(folder: str | pathlib.Path, served: str | pathlib.Path | None, any_head: bool) -> str | None:
  """Why the checkpoint is none of the served model, or None, also where either folder is not on this machine.

  Args:
    served: folder of the served checkpoint.
    any_head: the server takes an output head of its own where the served model ties it, and the other way round. A
      real one reads such a checkpoint without a word and goes on with the head it had.
  """
  folder, served = pathlib.Path(folder), pathlib.Path(served or "/nonexistent")
  if folder.is_absolute() and folder.parent.is_dir() and not folder.exists():
    return "does not exist"
  if not folder.is_dir():
    return None
  new, old = read_json(folder / "config.json"), read_json(served / "config.json")
  for name in _SHAPES:
    if name in new and name in old and new[name] != old[name]:
      return f"is of another shape: {name} is {new[name]}, served {old[name]}"
  if not old:
    return None
  try:
    found = shapes(folder)
  except ValueError as error:
    return f"is damaged: {error}"
  try:
    expected = shapes(served)
  except ValueError:  # removed meanwhile, or in another format
    return None
  for name in sorted(found.keys() | expected.keys()):
    if found.get(name) != expected.get(name) and not (any_head and name == _HEAD):
      return (f"has another layout: {name} has shape {found.get(name, 'none')}, served {expected.get(name, 'none')}")
  return None


def adapter_fault(folder: str | pathlib.Path, served: str | pathlib.Path | None, fused: bool) -> str | None:
  """Why the folder is no LoRA adapter of the served model, or None, also where it is not on this machine.

  Args:
    served: folder of the served checkpoint.
    fused: the server adapts q, k and v as one kernel, and gate and up: a real SGLang does, and ends where an adapter
      has k or v without q, q without v, or up without gate.
  """
  folder, served = pathlib.Path(folder), pathlib.Path(served or "/nonexistent")
  if not folder.is_dir():
    exists_nowhere = folder.is_absolute() and folder.parent.is_dir()
    return "does not exist" if exists_nowhere else None
  config, file = read_json(folder / ADAPTER_CONFIG), folder / ADAPTER_WEIGHTS
  if config.get("peft_type") != "LORA" or not isinstance(config.get("r"), int):
    return f"is no LoRA adapter: {ADAPTER_CONFIG} has peft_type {config.get('peft_type')!r}, r {config.get('r')!r}"
  try:
    tensors = header(file)
    kernels = shapes(served) if served.is_dir() else {}
  except ValueError as error:
    return f"is damaged: {error}"
  if not tensors:
    return "has no tensors"
  return _pairs_fault(tensors, kernels, config["r"]) or (fused and _fused_fault(tensors)) or _nan_fault(file, tensors)


def _pairs_fault(tensors: Header, kernels: dict[str, tuple[int, ...]], rank: int) -> str | None:
  """lora_A is [rank, inputs] and lora_B [outputs, rank] of a kernel [outputs, inputs], and there are both."""
  for name, entry in tensors.items():
    module, _, side = name.removesuffix(".weight").removeprefix("base_model.model.").rpartition(".")
    if side not in ("lora_A", "lora_B") or not name.endswith(".weight"):
      return f"has a tensor that is no LoRA: {name}"
    other = name.replace(".lora_A.", ".lora_B.") if side == "lora_A" else name.replace(".lora_B.", ".lora_A.")
    if other not in tensors:
      return f"has {name} without {other}"
    kernel = kernels.get(f"{module}.weight")
    if module == "lm_head":
      kernel = kernel or kernels.get("model.embed_tokens.weight")
    if kernels and kernel is None:
      return f"adapts {module}, which the served model does not have"
    outputs, inputs = kernel or (entry["shape"][0], entry["shape"][-1])
    expected = [rank, inputs] if side == "lora_A" else [outputs, rank]
    if entry["shape"] != expected:
      return f"does not fit the served model: {name} has shape {entry['shape']}, expected {expected}"
  return None


def _fused_fault(tensors: Header) -> str | None:
  for name in tensors:
    for part, needed in (("k_proj", "q_proj"), ("v_proj", "q_proj"), ("q_proj", "v_proj"), ("up_proj", "gate_proj")):
      if f".{part}." in name and (other := name.replace(f".{part}.", f".{needed}.")) not in tensors:
        return f"has {name} without {other}, which SGLang needs beside it"
  return None


def _nan_fault(file: pathlib.Path, tensors: Header) -> str | None:
  data = file.read_bytes()
  start = 8 + int.from_bytes(data[:8], "little")
  for name, entry in tensors.items():
    if entry["dtype"] not in _EXPONENTS:
      return f"has {name} in {entry['dtype']}, expected one of {', '.join(_EXPONENTS)}"
    kind, exponent = _EXPONENTS[entry["dtype"]]
    first, last = entry["data_offsets"]
    bits = np.frombuffer(data[start + first:start + last], kind)
    if ((bits & kind(exponent)) == kind(exponent)).any():
      return f"has values in {name} that are not finite"
  return None
