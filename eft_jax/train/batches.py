"""Rows to packed batches: mix, render, drop what is too long, shuffle, pack by grain; a function of seed and place."""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import grain
import jax
import numpy as np

from eft_jax.core.settings import ConfigError
from eft_jax.finch import Row
from eft_jax.text import Tokenizer, render
from eft_jax.train import mixture
from eft_jax.train.settings import DataSettings


@functools.partial(jax.tree_util.register_dataclass, meta_fields=[],
                   data_fields=["tokens", "positions", "segment_ids", "loss_mask", "examples"])
@dataclasses.dataclass(frozen=True)
class Batch:
  """Packed rows.

  Attributes:
    tokens: [B, T] int32.
    positions: [B, T] int32, within each document.
    segment_ids: [B, T] int32, number of the document in its row from 1; 0 is padding.
    loss_mask: [B, T] bool, tokens that are to be learnt. They are targets: the loss of token t stands at t - 1.
    examples: [B, S] int32, 1 + the index of the example in each segment of a row, in order; 0 where there is none.
  """

  tokens: np.ndarray | jax.Array
  positions: np.ndarray | jax.Array
  segment_ids: np.ndarray | jax.Array
  loss_mask: np.ndarray | jax.Array
  examples: np.ndarray | jax.Array


TOKEN_FIELDS = ("tokens", "positions", "segment_ids", "loss_mask")  # [B, T]
TOKEN_VALUES = ("advantage", "behaviour_logp", "reference_logp")  # [B, T], beside the rows of some objectives


class Source(NamedTuple):
  """Where an example comes from: the row's instance_uid and label."""

  uid: str
  label: str


@dataclasses.dataclass(frozen=True)
class Examples(Sequence):
  """Tokenized examples in memory. Item: {'tokens': [n] int32, 'loss_mask': [n] bool, 'examples': [1] int32}."""

  tokens: list[np.ndarray]
  loss_masks: list[np.ndarray]
  dropped: dict[str, int] = dataclasses.field(default_factory=dict)     # reason -> count
  sources: list[Source] = dataclasses.field(default_factory=list)

  def __len__(self) -> int:
    return len(self.tokens)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    return {"tokens": self.tokens[index], "loss_mask": self.loss_masks[index],
            "examples": np.array([index + 1], np.int32)}

  @property
  def total_tokens(self) -> int:
    return sum(map(len, self.tokens))

  @property
  def loss_tokens(self) -> int:
    return int(sum(mask.sum() for mask in self.loss_masks))


def tokenize(rows: Sequence[Row], tokenizer: Tokenizer, settings: DataSettings) -> Examples:
  """Renders the rows of the wanted mixture; a row that it has twice is two examples.

  Raises:
    ConfigError: an example is longer than a row and settings.too_long is 'refuse'; weights that match no row.
  """
  examples, dropped = Examples([], []), collections.Counter()
  for row, copies in zip(rows, mixture.copies(rows, settings, dropped), strict=True):
    if not copies:
      continue
    tokens, mask = render.example(tokenizer, row.prompt, row.reply)
    if len(tokens) > settings.row_length:
      if settings.too_long == "refuse":
        raise ConfigError(f"Row {row.instance_uid} has {len(tokens)} tokens, data.row_length is {settings.row_length}: "
                          "raise it, or set data.too_long='drop'.")
      dropped["too_long"] += 1
      continue
    examples.tokens.extend([np.array(tokens, np.int32)] * copies)
    examples.loss_masks.extend([np.array(mask, bool)] * copies)
    examples.sources.extend([Source(row.instance_uid, row.improvement_label)] * copies)
  examples.dropped.update(dropped)
  return examples


def batch(columns: dict[str, np.ndarray]) -> Batch:
  """A Batch of what grain's packing gives."""
  return Batch(columns["tokens"], columns["tokens_positions"], columns["tokens_segment_ids"], columns["loss_mask"],
               columns["examples"])


def packed(dataset: grain.MapDataset, settings: DataSettings, rows: int, seed: int, *,
           features: Sequence[str] = ("tokens", "loss_mask"),
           make: Callable[[dict[str, np.ndarray]], Any] = batch) -> grain.IterDataset:
  """A data set of Examples items to one of batches with `rows` rows; the last may have fewer.

  Args:
    features: entries of an item with a value for each token. make: columns [rows, ...] -> batch.
  """
  lengths = {name: settings.row_length for name in features} | {"examples": settings.row_segments}
  pack = {"first_fit": grain.experimental.FirstFitPackIterDataset,
          "best_fit": grain.experimental.BestFitPackIterDataset,
          "none": functools.partial(grain.experimental.FirstFitPackIterDataset, max_sequences_per_bin=1)}
  # One thread and no prefetch: the items are in memory, and a checkpoint of the iterator is then its exact place.
  items = dataset.to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=0))
  bins = max(settings.packing_bins, rows)
  bins = pack[settings.packing](items, length_struct=lengths, num_packing_bins=bins, seed=seed,
                                meta_features=("examples",))
  return bins.batch(rows).map(make)


def stream(examples: Examples, settings: DataSettings, seed: int) -> grain.DatasetIterator:
  """Endless shuffled batches for training; every epoch has another order.

  `get_state` gives plain data for a checkpoint, `set_state` continues with exactly the batch that came next. With
  several processes each makes all rows and uses its own (mesh.place): the order is the same for any number of them.

  Raises:
    ConfigError: there is nothing to learn from.
  """
  check(examples, "train")
  dataset = grain.MapDataset.source(examples).shuffle(seed=seed).repeat()
  return iter(packed(dataset, settings, settings.batch_size, seed))


def in_order(examples: Examples, settings: DataSettings, rows: int, only: Sequence[int] | None = None,
             ) -> Iterator[Batch]:
  """Examples (those of the indices `only`) in their order, as batches of exactly `rows` rows; empty rows fill up."""
  dataset = grain.MapDataset.source(range(len(examples)) if only is None else only).map(examples.__getitem__)
  for batch in packed(dataset, settings, rows, 0) if len(dataset) else ():
    missing = rows - len(batch.tokens)
    yield jax.tree.map(lambda x, pad=missing: np.pad(x, [(0, pad), (0, 0)]), batch)


def visited(examples: Examples, settings: DataSettings, seed: int, steps: int) -> list[int]:
  """Indices of the examples that the first `steps` batches of `stream` hold."""
  found: set[int] = set()
  for batch in itertools.islice(stream(examples, settings, seed), steps):
    found.update((batch.examples[batch.examples > 0] - 1).tolist())
    if len(found) == len(examples):
      break
  return sorted(found)


def count_rows(examples: Examples, settings: DataSettings, seed: int) -> int:
  """Packed rows of one epoch in the order of the first."""
  dataset = grain.MapDataset.source(examples).shuffle(seed=seed)
  return sum(len(batch.tokens) for batch in packed(dataset, settings, settings.batch_size, seed))


def check(examples: Examples, split: str) -> None:
  """Raises ConfigError where there is nothing to learn from."""
  if not examples.loss_tokens:
    raise ConfigError(f"Split {split!r} has {len(examples)} examples with {examples.loss_tokens} tokens to learn "
                      f"(left out: {examples.dropped or 'none'}): check data.path, data.labels and data.row_length.")
