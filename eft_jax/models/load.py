"""One door to weights: a shipped model by name, a GGUF file, a Hugging Face folder, or adapters over one of these."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import jax.numpy as jnp

from eft_jax.core import assets
from eft_jax.models import gguf_files, hf, lora, peft, specs
from eft_jax.models.config import ModelConfig


@dataclasses.dataclass(frozen=True)
class Loaded:
  """A model from disk; `path` is what text.Tokenizer.load reads the tokenizer from."""

  config: ModelConfig
  params: specs.Params
  path: pathlib.Path


def load(path_or_name: str | pathlib.Path, dtype: Any = jnp.float32) -> Loaded:
  """Loads a shipped model by name (`core.assets`), a .gguf file, or a folder with safetensors and config.json.

  A folder in PEFT's format gives its base model with the adapters merged.

  Raises:
    ConfigError: no such model, or its files are truncated, foreign or of another shape.
  """
  path = assets.find(str(path_or_name))
  if (path / peft.CONFIG).exists():
    base = load(peft.base_of(path), dtype)
    params = lora.merge(base.params, peft.read(base.config, path))
    return Loaded(dataclasses.replace(base.config, tie_embeddings="head" not in params), params, path)
  read = hf.read if path.is_dir() else gguf_files.read
  return Loaded(*read(path, dtype), path)
