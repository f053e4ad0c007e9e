"""What an objective is fed: an endless stream of batches for training, and batches of the rows kept apart."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import grain
import numpy as np

from eft_jax.core.settings import ConfigError
from eft_jax.train import batches, references
from eft_jax.train.batches import Batch, Examples
from eft_jax.train.kto import KtoBatch
from eft_jax.train.settings import TrainSettings


def rows(batch: Batch | KtoBatch) -> Batch:
  """The packed rows of a batch that gradients come from."""
  return batch.examples if isinstance(batch, KtoBatch) else batch


class Feed(NamedTuple):
  """`stream` is an iterator with get_state and set_state (plain data). Both are the same on every process."""

  stream: Any
  apart: list[Any]


def make(settings: TrainSettings, train: Examples, validation: Examples, steps: int, score: references.Score,
         workdir: pathlib.Path, say: Callable[[str], None]) -> Feed:
  """The feed of settings.objective.

  Args:
    steps: of the whole run; KTO asks for no reference of examples that come later.
    score: by the model as it is before the first step, which is KTO's reference.
    workdir: keeps the scores; with them there the model is not asked again.

  Raises:
    ConfigError: data that the objective cannot use.
  """
  rows = settings.data.batch_size // settings.accumulate  # of an evaluation: as many as a part of a step has
  most = -(-settings.data.validation_rows // rows)
  stream = lambda examples: batches.stream(examples, settings.data, settings.seed)
  first = lambda examples: list(itertools.islice(batches.in_order(examples, settings.data, rows), most))
  if settings.objective == "sft":
    return Feed(stream(train), first(validation))

  def asked(name: str, examples: Examples, packed: Any) -> np.ndarray:
    return references.scores(examples, packed, score, workdir / f"reference_{name}.npz", say)

  def ahead(examples: Examples) -> Any:
    only = batches.visited(examples, settings.data, settings.seed, steps)
    return batches.in_order(examples, settings.data, rows, only)

  pairs = twins(train, settings.data.row_length, settings.seed)
  tables = Tables(weights(train, settings), asked("train", train, ahead(train)),
                  asked("train_twins", pairs, ahead(pairs)))
  say(f"KTO: {np.sum(tables.weight > 0)} desirable examples of weight {tables.weight.max():.3g}, "
      f"{np.sum(tables.weight < 0)} undesirable of {-tables.weight.min():.3g}, {len(pairs)} mismatched pairs")
  apart = []
  if len(validation) > 1 and most:
    others = twins(validation, settings.data.row_length, settings.seed)
    given, mismatched = first(validation), first(others)
    table = Tables(weights(validation, settings, tables.weight), asked("validation", validation, given),
                   asked("validation_twins", others, mismatched))
    apart = list(map(table.batch, given, mismatched))
  return Feed(Paired(stream(train), stream(pairs), tables), apart)


@dataclasses.dataclass(frozen=True)
class Tables:
  """Values by 1 + the index of the example or twin; entry 0 is 0, for segments that are not there."""

  weight: np.ndarray
  reference: np.ndarray
  twin_reference: np.ndarray

  def batch(self, examples: Batch, others: Batch) -> KtoBatch:
    """Packed rows with their values."""
    return KtoBatch(examples, self.weight[examples.examples], self.reference[examples.examples],
                    others, self.twin_reference[others.examples])


@dataclasses.dataclass
class Paired:
  """Two streams of packed rows as one of KtoBatch."""

  examples: grain.DatasetIterator
  twins: grain.DatasetIterator
  tables: Tables

  def __next__(self) -> KtoBatch:
    return self.tables.batch(next(self.examples), next(self.twins))

  def get_state(self) -> dict[str, Any]:
    return {"examples": self.examples.get_state(), "twins": self.twins.get_state()}

  def set_state(self, state: dict[str, Any]) -> None:
    self.examples.set_state(state["examples"])
    self.twins.set_state(state["twins"])


def weights(examples: Examples, settings: TrainSettings, like: np.ndarray | None = None) -> np.ndarray:
  """Signed weight of each example, for `Tables`; undesirable_weight 0 lets both sides weigh the same in sum.

  Args:
    like: a table whose two weights are taken instead.

  Raises:
    ConfigError: one of the sides is empty.
  """
  good = np.array([source.label in settings.kto.desirable for source in examples.sources], bool)
  if like is not None:
    up, down = like.max(), -like.min()
  elif good.all() or not good.any():
    counts = dict(collections.Counter(source.label for source in examples.sources))
    raise ConfigError(f"KTO needs desirable and undesirable examples, the data has {counts} (left out: "
                      f"{examples.dropped or 'none'}): check data.labels and kto.desirable.")
  else:
    up = settings.kto.desirable_weight
    down = settings.kto.undesirable_weight or up * good.sum() / (~good).sum()
  return np.concatenate([[0], np.where(good, up, -down)]).astype(np.float32)


def twins(examples: Examples, row_length: int, seed: int) -> Examples:
  """Mismatched pairs: each prompt with the reply of the next example, in a shuffled order, that has another prompt.

  A pair that would be longer than a row tries the reply after it; an example that finds none has no twin.

  Raises:
    ConfigError: no example finds one.
  """
  order = np.random.default_rng(seed).permutation(len(examples))
  starts = [int(np.argmax(mask)) for mask in examples.loss_masks]
  prompt = lambda index: examples.tokens[index][:starts[index]]
  found = Examples([], [])
  for place, index in enumerate(order):
    for step in range(1, min(len(order), 64)):
      other = order[(place + step) % len(order)]
      reply, mask = examples.tokens[other][starts[other]:], examples.loss_masks[other][starts[other]:]
      if starts[index] + len(reply) <= row_length and not np.array_equal(prompt(index), prompt(other)):
        found.tokens.append(np.concatenate([prompt(index), reply]))
        found.loss_masks.append(np.concatenate([np.zeros(starts[index], bool), mask]))
        found.sources.append(examples.sources[index])
        break
  if not len(found):
    raise ConfigError(f"KTO needs examples with different prompts for its mismatched pairs; the data has "
                      f"{len(examples)}, none of which fits data.row_length {row_length} with another's reply.")
  return found
