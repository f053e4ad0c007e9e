"""Hugging Face folders in and out: safetensors shards, config.json and tokenizer files, published by one rename."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from eft_jax.core.settings import ConfigError
from eft_jax.models import hf_config, names, specs
from eft_jax.models.config import ModelConfig

logger = logging.getLogger(__name__)

INDEX = "model.safetensors.index.json"


def read_json(path: pathlib.Path) -> dict[str, Any]:
  """A JSON object. Raises ConfigError where there is none."""
  try:
    values = json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise ConfigError(f"{path} cannot be read as JSON ({error}): expected a Hugging Face model folder.") from error
  if not isinstance(values, dict):
    raise ConfigError(f"{path} holds a {type(values).__name__}, expected an object.")
  return values


def read(folder: pathlib.Path, dtype: Any = jnp.float32) -> tuple[ModelConfig, specs.Params]:
  """Config and parameters of a model folder.

  Raises:
    ConfigError: a file or tensor is missing, truncated, or of another shape.
  """
  config = hf_config.from_json(read_json(folder / "config.json"), folder / "config.json")
  if (folder / INDEX).exists():
    files = sorted({folder / file for file in read_json(folder / INDEX)["weight_map"].values()})
  else:
    files = [folder / "model.safetensors"]
  opened = {}
  try:
    for file in files:
      opened[file] = safetensors.safe_open(file, framework="numpy")
  except (OSError, safetensors.SafetensorError) as error:
    raise ConfigError(f"{file} cannot be read as safetensors, it is missing, truncated or another format "
                      f"({error}).") from error
  where = {hf_config.text_name(name): (file, name) for file, tensors in opened.items() for name in tensors.keys()}
  entries = names.entries(config)
  if foreign := sorted(where.keys() - {entry.hf for entry in entries} - {"lm_head.weight"}):
    logger.warning("%s: %d tensors are not of the text decoder and are left out, %s first", folder, len(foreign),
                   foreign[0])

  def array(entry: names.Entry) -> np.ndarray:
    if entry.hf not in where:
      raise ConfigError(f"{folder} has no tensor {entry.hf!r}.")
    file, name = where[entry.hf]
    found = opened[file].get_tensor(name)
    if found.shape != entry.their_shape:
      raise ConfigError(f"{folder}: tensor {name!r} has shape {found.shape}, expected {entry.their_shape} by "
                        "config.json.")
    return entry.ours(found)

  return config, names.assemble(config, array, dtype)


def export_hf(
    config: ModelConfig, params: specs.Params, path: str | pathlib.Path, tokenizer: Any = None, *,
    shard_bytes: int = 4 << 30,
) -> pathlib.Path:
  """Writes a folder that transformers, SGLang and vLLM load, in the dtype of `params`; returns its path.

  All files go to a folder beside it, are synced, and the folder is renamed: a reader never sees half of one. A folder
  that is there already is replaced. Params with a head of their own are exported as untied, whatever the config says.

  Args:
    params: plain (merge adapters first), stacked or not.
    tokenizer: a text.Tokenizer, whose files and special ids go along; None writes the model only.
    shard_bytes: upper size of one safetensors file.
  """
  if any("lora_" in jax.tree_util.keystr(leaf) for leaf, _ in jax.tree_util.tree_leaves_with_path(params)):
    raise ConfigError("export_hf got params with adapters: call models.lora.merge first.")
  config = dataclasses.replace(config, tie_embeddings="head" not in params)
  with replacing(path) as folder:
    values = hf_config.to_json(config, _write_weights(config, params, folder, shard_bytes))
    if tokenizer is not None:
      stops = list(tokenizer.stop_ids)
      ids = {"bos_token_id": tokenizer.bos_id, "eos_token_id": stops[0] if len(stops) == 1 else stops,
             "pad_token_id": tokenizer.pad_id}
      values |= ids
      tokenizer.save(folder)
      write_json(folder / "generation_config.json", ids)
    write_json(folder / "config.json", values)
  return pathlib.Path(path).absolute()


def _write_weights(config: ModelConfig, params: specs.Params, folder: pathlib.Path, shard_bytes: int) -> str:
  """Writes one safetensors file, or shards and their index; returns the dtype's name."""
  shards: list[list[names.Entry]] = [[]]
  size = total = 0
  for entry in names.entries(config):
    array = names.pick(config, params, entry)
    if shards[-1] and size + array.nbytes > shard_bytes:
      shards.append([])
      size = 0
    shards[-1].append(entry)
    size, total = size + array.nbytes, total + array.nbytes
  where = {}
  for number, shard in enumerate(shards, 1):
    file = "model.safetensors" if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
    arrays = {}
    for entry in shard:
      array = np.asarray(names.pick(config, params, entry))
      arrays[entry.hf] = np.ascontiguousarray(entry.theirs(array))
    safetensors.numpy.save_file(arrays, folder / file, metadata={"format": "pt"})
    where |= {name: file for name in arrays}
  if len(shards) > 1:
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": where})
  return jnp.dtype(names.pick(config, params, shards[0][0]).dtype).name


def write_json(path: pathlib.Path, values: Mapping[str, Any]) -> None:
  path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def replacing(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
  """A folder to write into, which becomes `path` in one rename when all went well, and else is removed.

  Raises:
    OSError: it could not be written.
  """
  path = pathlib.Path(path).absolute()
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
  try:
    yield temporary
    publish(temporary, path)
  except BaseException as error:
    shutil.rmtree(temporary, ignore_errors=True)
    # safetensors tells errno, as of a full disk, in its text alone.
    number = re.search(r"os error (\d+)", str(error)) if isinstance(error, safetensors.SafetensorError) else None
    if number:
      raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
    raise


def publish(temporary: pathlib.Path, path: pathlib.Path) -> None:
  """Syncs all files of a folder and renames it to `path`; what was there before is moved aside first, then removed."""
  for file in [*temporary.iterdir(), temporary]:
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
  os.chmod(temporary, 0o755)  # mkdtemp makes it private
  old = temporary.with_name(temporary.name + ".old")
  if path.exists():
    os.rename(path, old)
  os.rename(temporary, path)
  shutil.rmtree(old, ignore_errors=True)
  descriptor = os.open(path.parent, os.O_RDONLY)
  os.fsync(descriptor)
  os.close(descriptor)
