"""Strict reading of what a C++ candidate wrote: one line per instance, of whole numbers or of letters, or Invalid."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from eft_jax.core.score import Invalid

IS_EVALUATION = True  # the version of a task that uses this module changes with it
MAX_CHARS = 4_000_000
_INTEGER = re.compile(r"-?[0-9]{1,15}")


def lines(result: Any, count: int) -> list[str]:
  """The `count` lines of an output; empty ones at its end do not count. Raises Invalid."""
  if type(result) is not str:
    raise Invalid(f"the output is of type {type(result).__name__}, expected text")
  if len(result) > MAX_CHARS:
    raise Invalid(f"the output has {len(result)} characters, expected at most {MAX_CHARS}")
  found = result.rstrip().split("\n") if result.strip() else []
  if len(found) != count:
    raise Invalid(f"the output has {len(found)} lines, expected {count}, one per instance")
  return found


def integers(result: Any, count: int, lengths: range, low: int, high: int) -> list[np.ndarray]:
  """One int64 array per instance from an output of `count` lines of whole numbers.

  Args:
    lengths: how many numbers a line may hold.
    low, high: inclusive bounds of every number.

  Raises:
    Invalid: names the line, what it holds and what was expected.
  """
  rows = []
  for place, line in enumerate(lines(result, count)):
    words = line.split()
    if len(words) not in lengths:
      expected = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else str(lengths[0])
      step = f" in steps of {lengths.step}" if lengths.step > 1 and len(lengths) > 1 else ""
      raise Invalid(f"line {place + 1} has {len(words)} numbers, expected {expected}{step}")
    bad = next((word for word in words if not _INTEGER.fullmatch(word)), None)
    if bad is not None:
      raise Invalid(f"line {place + 1} holds {bad[:20]!r}, expected whole numbers")
    row = np.array([int(word) for word in words], np.int64)
    outside = np.flatnonzero((row < low) | (row > high))
    if len(outside):
      raise Invalid(f"line {place + 1}, number {outside[0] + 1} is {row[outside[0]]}, expected {low} to {high}")
    rows.append(row)
  return rows


def letters(result: Any, count: int, alphabet: str, lengths: range) -> list[str]:
  """One string per instance from an output of `count` lines of letters. Raises Invalid."""
  rows = []
  for place, line in enumerate(lines(result, count)):
    row = line.strip()
    if len(row) not in lengths:
      raise Invalid(f"line {place + 1} has {len(row)} letters, expected {lengths[0]} to {lengths[-1]}")
    bad = next((letter for letter in row if letter not in alphabet), None)
    if bad is not None:
      raise Invalid(f"line {place + 1} holds {bad!r}, expected letters of {alphabet}")
    rows.append(row)
  return rows
