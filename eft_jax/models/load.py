"""One door to weights: a shipped model by name, a GGUF file, a Hugging Face folder, or adapters over one of these."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eft_jax.core import assets
from eft_jax.models import gguf_files, hf, lora, peft, specs
from eft_jax.models.config import ModelConfig


@dataclasses.dataclass(frozen=True)
class Loaded:
  """A model from disk; `path` is what text.Tokenizer.load reads the tokenizer from."""

  config: ModelConfig
  params: specs.Params
  path: pathlib.Path


def load(path_or_name: str | pathlib.Path, dtype: Any = jnp.float32, *, host: bool = False) -> Loaded:
  """Loads a shipped model by name (`core.assets`), a .gguf file, or a folder with safetensors and config.json.

  A folder in PEFT's format gives its base model with the adapters merged.

  Args:
    host: params are numpy arrays, for a caller who divides them over devices, one of which could not hold them all.

  Raises:
    ConfigError: no such model, or its files are truncated, foreign or of another shape.
  """
  path = assets.find(str(path_or_name))
  if (path / peft.CONFIG).exists():
    base = load(peft.base_of(path), dtype, host=True)
    params = lora.merge(base.params, peft.read(base.config, path))
    config = dataclasses.replace(base.config, tie_embeddings="head" not in params)
  else:
    config, params = (hf.read if path.is_dir() else gguf_files.read)(path, dtype)
  return Loaded(config, jax.tree.map(np.asarray if host else jnp.asarray, params), path)
