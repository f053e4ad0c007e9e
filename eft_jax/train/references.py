"""Log-probs under the reference model, asked once: kept in a file as they come, so that a killed run goes on."""

from __future__ import annotations

import hashlib
import os
import pathlib
import time
import zipfile
from collections.abc import Callable, Iterable

import jax
import numpy as np
from jax.experimental import multihost_utils

from eft_jax.train.batches import Batch, Examples

Score = Callable[[Batch], np.ndarray]  # packed rows [B, T] -> log p of each example's target tokens [B, S]


def scores(examples: Examples, packed: Iterable[Batch], score: Score, path: pathlib.Path, say: Callable[[str], None],
           every: float = 30.0) -> np.ndarray:
  """log p of each example by 1 + its index, float32; 0 at entry 0, NaN for examples that no batch holds.

  Args:
    packed: batches of the examples, the same on every process.
    path: what is known already; it counts for nothing where the examples are others.
    every: seconds between writes of the file.
  """
  digest = _digest(examples)
  values = _read(path, digest, len(examples))
  if jax.process_count() > 1:  # what one process knows, all know: they score together
    values = np.array(multihost_utils.broadcast_one_to_all(values))
  written, asked = time.monotonic(), 0
  for batch in packed:
    places = batch.examples[batch.examples > 0]
    if not np.isnan(values[places]).any():
      continue
    values[places] = np.asarray(score(batch), np.float32)[batch.examples > 0]
    asked += len(places)
    if time.monotonic() - written > every:
      say(f"reference log-probs of {asked} examples in {path.name}")
      _write(path, digest, values)
      written = time.monotonic()
  if asked:
    _write(path, digest, values)
  return values


def _digest(examples: Examples) -> str:
  """Of all tokens and masks, in order."""
  digest = hashlib.sha256()
  for item in examples:
    digest.update(len(item["tokens"]).to_bytes(8, "little") + item["tokens"].tobytes() + item["loss_mask"].tobytes())
  return digest.hexdigest()


def _read(path: pathlib.Path, digest: str, count: int) -> np.ndarray:
  """What the file knows of these examples."""
  try:
    with np.load(path) as stored:
      if str(stored["digest"]) == digest:
        return stored["values"]
  except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
    pass  # none yet, or cut short by a crash of the machine: it is asked again
  return np.concatenate([[0], np.full(count, np.nan)]).astype(np.float32)


def _write(path: pathlib.Path, digest: str, values: np.ndarray) -> None:
  """Replaces the file; the first process writes for all."""
  if jax.process_index() == 0:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
      np.savez(file, digest=digest, values=values)
    os.replace(temporary, path)
