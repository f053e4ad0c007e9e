"""Randomness as a pure function of names: every choice of a run is drawn from a key folded from what it is for."""

from __future__ import annotations

import hashlib
import random


def fold(*parts: int | str) -> int:
  """63 bits that depend on all parts and on nothing else."""
  digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest()
  return int.from_bytes(digest, "little") >> 1


class Draw:
  """Draws from one key. Only `random.Random.random` is used below, whose sequence no Python version changes."""

  def __init__(self, *parts: int | str):
    self._random = random.Random(fold(*parts)).random

  def uniform(self) -> float:
    """A number in [0, 1)."""
    return self._random()

  def below(self, n: int) -> int:
    """An integer in [0, n)."""
    return int(self._random() * n)

  def pick(self, items):
    """One of a non-empty sequence."""
    return items[int(self._random() * len(items))]

  def weighted(self, weights) -> int:
    """An index, with probability in proportion to its weight; weights are positive."""
    left = self._random() * sum(weights)
    for index, weight in enumerate(weights):
      left -= weight
      if left < 0:
        return index
    return len(weights) - 1
