"""Two plain archives, the baselines of the others: the k best, and the seed alone."""

from __future__ import annotations

import bisect

from eft_jax.search import keys
from eft_jax.search.archives import base


class TopK(base.Fold):
  """A parent is drawn evenly from the k best programs."""

  def __init__(self, settings: base.ArchiveSettings):
    super().__init__(settings)
    self._ranked: list[tuple[float, int]] = []  # (-score, step), best first

  def _admit(self, entry: base.Entry, homes: set[int]) -> None:
    del homes
    bisect.insort(self._ranked, entry.rank)
    if len(self._ranked) > self._settings.k:
      self._remove(self._entries[self._ranked[-1][1]])

  def _remove(self, entry: base.Entry) -> None:
    del self._ranked[bisect.bisect_left(self._ranked, entry.rank)]
    super()._remove(entry)

  def choose(self, key: int, batch: int, count: int) -> list[base.Choice]:
    del batch
    choices = []
    for i in range(count):
      draw = keys.Draw(key, i)
      entry = self._entries[draw.pick(self._ranked)[1]]
      others = [self._entries[step].attempt for _, step in self._ranked[:self._settings.top + 1] if step != entry.step]
      choices.append(base.Choice(entry.attempt, tuple(others[:self._settings.top]), (), tuple(entry.tries)))
    return choices


class BestOfN(base.Fold):
  """The parent is always the first program: n independent tries."""

  def _admit(self, entry: base.Entry, homes: set[int]) -> None:
    del homes
    if len(self._entries) > 1:
      self._remove(entry)

  def choose(self, key: int, batch: int, count: int) -> list[base.Choice]:
    del key, batch
    (entry,) = self._entries.values()
    return [base.Choice(entry.attempt, (), (), tuple(entry.tries))] * count
