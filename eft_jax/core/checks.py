"""Strict reading of what a candidate returned: a fresh plain array of the right shape, type and range, or Invalid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eft_jax.core.score import Invalid

# Where a value is computed in floats, it is moved this far (relative) against the candidate, so that rounding never
# makes a record.
MARGIN = 1e-12

_EXACT = 2.0**53  # float64 holds every integer below this


def array(
    result: Any,
    shape: Sequence[int | range],
    dtype: type = float,
    low: float | None = None,
    high: float | None = None,
    name: str = "result",
    finite: bool = True,
) -> np.ndarray:
  """A fresh float64 or int64 copy of `result`.

  Accepts plain lists, tuples and numpy arrays of real numbers, nested in any way. Refuses bool, complex, text, None,
  dict, objects, subclasses, NaN and infinity. With dtype=int, floats that hold an integer are accepted.

  Args:
    shape: one entry per dimension: an int, or a range of allowed lengths.
    dtype: float or int.
    low, high: inclusive bounds of every entry; None for no bound.
    name: how messages call the result.
    finite: whether NaN and infinity are refused; without it, the caller deals with them.

  Raises:
    Invalid: says what was given, where, and what was expected.
  """
  if dtype not in (float, int):
    raise TypeError(f"checks.array: dtype is {dtype!r}, expected float or int.")
  values = _numbers(result, tuple(shape), dtype, name)
  bad = _first(~np.isfinite(values))
  if finite and bad is not None:
    raise Invalid(f"{_at(name, bad)} is {values[bad]}, expected a finite number")
  if dtype is int:
    bad = _first(~((values == np.rint(values)) & (np.abs(values) < _EXACT)))
    if bad is not None:
      raise Invalid(f"{_at(name, bad)} is {values[bad]:.17g}, expected an integer below 2**53")
    values = values.astype(np.int64)
  for bound, inside, words in ((low, np.greater_equal, "at least"), (high, np.less_equal, "at most")):
    bad = None if bound is None else _first(~inside(values, bound))
    if bad is not None:
      raise Invalid(f"{_at(name, bad)} is {values[bad]:.10g}, expected {words} {bound:.10g}")
  return values


def permutations(result: Any, count: int, n: int, name: str = "result") -> np.ndarray:
  """A fresh int64 array [count, n] whose rows each hold 0 to n - 1 once. Raises Invalid."""
  rows = array(result, (count, n), dtype=int, low=0, high=n - 1, name=name)
  ordered = np.sort(rows, axis=1)
  bad = _first(ordered[:, 1:] == ordered[:, :-1])
  if bad is not None:
    raise Invalid(f"{name}[{bad[0]}] holds {ordered[bad]} twice, expected each of 0 to {n - 1} once")
  return rows


def _numbers(result: Any, shape: tuple[int | range, ...], dtype: type, name: str) -> np.ndarray:
  """`result` as a fresh float64 array of the given shape; entries may still be NaN or out of range."""
  with np.errstate(all="ignore"):
    if type(result) is np.ndarray:
      _check_kind(result, name)
      if len(result.shape) != len(shape) or not all(_fits(n, m) for n, m in zip(result.shape, shape, strict=True)):
        raise Invalid(f"{name} has shape {result.shape}, expected {_show(shape)}")
      return np.array(result, dtype=np.float64, order="C", subok=False)
    leaves: list[float] = []
    lengths: dict[int, int] = {}
    _flatten(result, shape, 0, leaves, lengths, name)
    return np.array(leaves, dtype=np.float64).reshape([lengths.get(i, 0) for i in range(len(shape))])


def _flatten(value: Any, shape: tuple, depth: int, leaves: list, lengths: dict[int, int], name: str) -> None:
  """Appends the numbers of a nested list in order; lengths are checked before anything below them is read."""
  if type(value) is np.ndarray:
    _check_kind(value, name)
    value = value.tolist()
  if depth == len(shape):
    leaves.append(_number(value, name))
    return
  if type(value) not in (list, tuple):
    raise Invalid(f"{name} is {_describe(value)} where an array of shape {_show(shape[depth:])} is expected")
  expected = lengths.get(depth, shape[depth])
  if not _fits(len(value), expected):
    raise Invalid(f"{name} has {len(value)} entries where {_show((expected,))[1:-2]} are expected")
  lengths[depth] = len(value)
  for item in value:
    _flatten(item, shape, depth + 1, leaves, lengths, name)


def _number(value: Any, name: str) -> float:
  """One real number as float."""
  if type(value) is float:
    return value
  if type(value) is int or (type(value).__module__ == "numpy" and isinstance(value, (np.integer, np.floating))):
    try:
      return float(value)
    except OverflowError:
      raise Invalid(f"{name} holds an integer of {int(value).bit_length()} bits, expected a finite number") from None
  raise Invalid(f"{name} holds {_describe(value)} where a real number is expected")


def _check_kind(values: np.ndarray, name: str) -> None:
  if values.dtype.kind not in "iuf":
    raise Invalid(f"{name} is an array of {values.dtype.name}, expected real numbers")


def _fits(length: int, expected: int | range) -> bool:
  return length in expected if isinstance(expected, range) else length == expected


def _show(shape: Sequence[int | range]) -> str:
  """A shape for a message: (26, 3), or (2..1000,) where a length may vary."""
  parts = [f"{n.start}..{n.stop - 1}" if isinstance(n, range) else str(n) for n in shape]
  return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _first(bad: np.ndarray) -> tuple[int, ...] | None:
  """Index of the first True, or None."""
  flat = bad.reshape(-1)
  position = int(flat.argmax()) if flat.size else 0
  return tuple(map(int, np.unravel_index(position, bad.shape))) if flat.size and flat[position] else None


def _at(name: str, index: tuple[int, ...]) -> str:
  return f"{name}[{', '.join(map(str, index))}]" if index else name


def _describe(value: Any) -> str:
  """A short honest description of a value that is not a number or array."""
  if value is None or isinstance(value, bool):
    return repr(value)
  if isinstance(value, (list, tuple, dict, str)):
    return f"a {type(value).__name__} of length {len(value)}"
  return f"of type {type(value).__name__}"
