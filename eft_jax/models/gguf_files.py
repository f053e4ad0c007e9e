"""GGUF files to (config, params): dequantised, renamed, and with llama.cpp's order of q and k rows undone."""

from __future__ import annotations

import pathlib
from typing import Any

import gguf
import jax.numpy as jnp
import numpy as np

from eft_jax.core.settings import ConfigError
from eft_jax.models import names, specs
from eft_jax.models.config import ModelConfig


def open_gguf(path: pathlib.Path) -> gguf.GGUFReader:
  """Opens a GGUF file. Raises ConfigError for a truncated or foreign one."""
  try:
    return gguf.GGUFReader(path)
  except Exception as error:  # ValueError, IndexError, KeyError ...: it depends on where the file ends
    raise ConfigError(f"{path} cannot be read as GGUF, it is truncated or another format "
                      f"({type(error).__name__}: {error}).") from error


def read(path: pathlib.Path, dtype: Any = jnp.float32) -> tuple[ModelConfig, specs.Params]:
  """Config and parameters of a GGUF file.

  Raises:
    ConfigError: truncated or foreign file, another architecture, a tensor missing or of another shape.
  """
  reader = open_gguf(path)
  tensors = {tensor.name: tensor for tensor in reader.tensors}
  config = read_config(reader, path, tied="output.weight" not in tensors)

  def array(entry: names.Entry) -> np.ndarray:
    if entry.gguf not in tensors:
      raise ConfigError(f"{path} has no tensor {entry.gguf!r}.")
    tensor = tensors[entry.gguf]
    found = gguf.dequantize(tensor.data, tensor.tensor_type)
    expected = entry.shape[::-1] if entry.transposed else entry.shape
    if found.shape != expected:
      raise ConfigError(f"{path}: tensor {entry.gguf!r} has shape {found.shape}, expected {expected}.")
    if entry.path[-2] in ("q", "k"):
      found = unpermute(found, config.num_heads if entry.path[-2] == "q" else config.num_kv_heads)
    return found.T if entry.transposed else found

  return config, names.assemble(config, array, dtype)


def read_config(reader: gguf.GGUFReader, path: pathlib.Path, tied: bool) -> ModelConfig:
  """ModelConfig from the metadata. Raises ConfigError for another architecture or a missing key."""
  def value(name: str) -> Any:
    if name not in reader.fields:
      raise ConfigError(f"{path} has no metadata key {name!r}: it is not a llama model in GGUF.")
    return reader.fields[name].contents()

  family = value("general.architecture")
  if family != "llama":
    raise ConfigError(f"{path} holds architecture {family!r}, expected 'llama'.")
  epsilon = np.float32(value("llama.attention.layer_norm_rms_epsilon"))
  return ModelConfig(
      family=family, vocab_size=value("llama.vocab_size"), num_layers=value("llama.block_count"),
      model_dim=value("llama.embedding_length"), hidden_dim=value("llama.feed_forward_length"),
      num_heads=value("llama.attention.head_count"), num_kv_heads=value("llama.attention.head_count_kv"),
      head_dim=value("llama.rope.dimension_count"), max_length=value("llama.context_length"),
      rope_base=value("llama.rope.freq_base"), norm_eps=float(str(epsilon)),  # float32 in the file: 1e-5, not 9.9999e-6
      tie_embeddings=tied)


def unpermute(rows: np.ndarray, heads: int) -> np.ndarray:
  """[heads * E, D] from llama.cpp's rotary order (pairs side by side) to the half-split order of `layers.rotate`."""
  count, width = rows.shape
  return rows.reshape(heads, count // heads // 2, 2, width).swapaxes(1, 2).reshape(count, width)
