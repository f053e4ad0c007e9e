"""Plain data as bytes and back, the only language spoken with a candidate. Decoding is safe against hostile bytes."""

from __future__ import annotations

import struct

import numpy as np

MAX_BYTES = 16 << 20      # of one message
MAX_ITEMS = 1 << 21       # values in one message, arrays and packed number lists counted once
MAX_DEPTH = 64
MAX_INT_BYTES = 1 << 16

_DTYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_DTYPE_CODE = {name: code for code, name in enumerate(_DTYPES)}
_FLOATS = frozenset({float, np.float64})

_double, _long, _count, _dims = struct.Struct("<d"), struct.Struct("<q"), struct.Struct("<I"), struct.Struct("<Q")
HEADER = struct.Struct("<QI")   # before each message on a channel: sequence number, length
REPORT = struct.Struct("<idQ")  # of a child that has ended: wait status, CPU seconds, peak bytes
PLAIN = "None, bool, int, float, str, list, tuple, dict with str keys, and numpy arrays of bool, integer or float"


class NotPlain(TypeError):
  """The value holds something that is not plain data."""


class TooLarge(ValueError):
  """The value exceeds a cap on bytes, items or depth."""


class Malformed(ValueError):
  """The bytes are not a message."""


def encode(value: object, limit: int = MAX_BYTES) -> bytes:
  """The value as bytes; subclasses are written as their plain base, tuples as lists, numpy scalars as Python numbers.

  Raises:
    NotPlain: names the type. TooLarge: names the cap.
  """
  out = bytearray()
  _put(value, out, 0, limit)
  if len(out) > limit:
    raise TooLarge(f"{len(out)} bytes of data exceed the limit of {limit}")
  return bytes(out)


def _put(x: object, out: bytearray, depth: int, limit: int) -> None:
  """Appends one value."""
  kind = type(x)
  if kind is float:
    out += b"d" + _double.pack(x)
  elif kind is int:
    _put_int(x, out)
  elif kind is list or kind is tuple:
    _put_list(x, out, depth, limit)
  elif kind is str:
    data = x.encode("utf-8", "replace")
    out += b"s" + _count.pack(min(len(data), 0xFFFFFFFF))
    out += data
  elif kind is bool:
    out += b"T" if x else b"F"
  elif x is None:
    out += b"N"
  elif kind is np.ndarray:
    _put_array(x, out, limit)
  elif kind is dict:
    _put_dict(x, out, depth, limit)
  else:
    _put(_base(x), out, depth, limit)


def _base(x: object) -> object:
  """A value of a subclass as its plain base, through the base's own methods so that overrides are not asked."""
  if isinstance(x, np.ndarray):
    return np.ndarray.view(x, np.ndarray)
  if isinstance(x, np.generic):
    if isinstance(x, np.bool_):
      return bool(x)
    if isinstance(x, np.integer) and not isinstance(x, np.timedelta64):
      return int(x)
    if isinstance(x, np.floating):
      return float(x)
  for plain, convert in ((int, int.__pos__), (float, float.__pos__), (str, str.__str__), (list, list.copy)):
    if isinstance(x, plain):
      return convert(x)
  if isinstance(x, tuple):
    return list(tuple.__iter__(x))
  if isinstance(x, dict):
    return dict(dict.items(x))
  raise NotPlain(f"a value of type {type(x).__name__} is not plain data ({PLAIN})")


def _put_int(x: int, out: bytearray) -> None:
  if -(1 << 63) <= x < 1 << 63:
    out += b"i" + _long.pack(x)
    return
  size = x.bit_length() // 8 + 1
  if size > MAX_INT_BYTES:
    raise TooLarge(f"an int of {x.bit_length()} bits exceeds the limit of {8 * MAX_INT_BYTES}")
  out += b"I" + _count.pack(size) + x.to_bytes(size, "little", signed=True)


def _deeper(depth: int) -> int:
  if depth >= MAX_DEPTH:
    raise TooLarge(f"data nested deeper than {MAX_DEPTH} levels")
  return depth + 1


def _put_list(x: list | tuple, out: bytearray, depth: int, limit: int) -> None:
  """A list; one of plain floats or small ints alone is packed, which is a hundred times faster."""
  depth, size = _deeper(depth), len(x)
  if size > MAX_ITEMS:
    raise TooLarge(f"a list of {size} values exceeds the limit of {MAX_ITEMS}; return an array")
  if size >= 4:
    kinds = set(map(type, x))
    if kinds <= _FLOATS:
      out += b"L" + _count.pack(size) + struct.pack(f"<{size}d", *x)
      return
    if kinds == {int}:
      try:
        packed = struct.pack(f"<{size}q", *x)
      except struct.error:  # an int beyond 64 bits
        packed = None
      if packed is not None:
        out += b"J" + _count.pack(size) + packed
        return
  out += b"l" + _count.pack(size)
  for item in x:
    _put(item, out, depth, limit)
    if len(out) > limit:
      raise TooLarge(f"data of more than {limit} bytes exceeds the limit")


def _put_dict(x: dict, out: bytearray, depth: int, limit: int) -> None:
  depth = _deeper(depth)
  out += b"D" + _count.pack(len(x))
  for key, item in x.items():
    if not isinstance(key, str):
      raise NotPlain(f"a dict key of type {type(key).__name__} is not plain data ({PLAIN})")
    data = str.__str__(key).encode("utf-8", "replace")
    out += _count.pack(len(data)) + data
    _put(item, out, depth, limit)
    if len(out) > limit:
      raise TooLarge(f"data of more than {limit} bytes exceeds the limit")


def _put_array(x: np.ndarray, out: bytearray, limit: int) -> None:
  dtype = x.dtype
  if dtype.kind == "f" and dtype.itemsize > 8:
    dtype = np.dtype("<f8")
  code = _DTYPE_CODE.get(dtype.str[1:])
  if code is None:
    raise NotPlain(f"an array of dtype {x.dtype} is not plain data ({PLAIN})")
  if x.size * dtype.itemsize > limit:
    raise TooLarge(f"an array of {x.size * dtype.itemsize} bytes exceeds the limit of {limit}")
  out += b"a" + bytes((code, x.ndim)) + b"".join(map(_dims.pack, x.shape))
  out += x.astype(dtype.newbyteorder("<"), copy=False).tobytes()


def decode(data: bytes | bytearray | memoryview) -> object:
  """The inverse of `encode`: fresh plain values, arrays writable and owned.

  Raises:
    Malformed: for bytes that `encode` does not write. No other exception, whatever the bytes are.
  """
  reader = _Reader(memoryview(data))
  try:
    value = reader.value(0)
  except Malformed:
    raise
  except (struct.error, IndexError, ValueError, OverflowError, TypeError, MemoryError) as error:
    raise Malformed(f"{type(error).__name__} in message: {error}") from None
  if reader.position != len(reader.data):
    raise Malformed(f"{len(reader.data) - reader.position} bytes too many at the end of a message")
  return value


class _Reader:
  """A position in a message, and how many values may still come."""

  __slots__ = ("data", "position", "left")

  def __init__(self, data: memoryview):
    self.data, self.position, self.left = data, 0, MAX_ITEMS

  def count(self) -> int:
    value = _count.unpack_from(self.data, self.position)[0]
    self.position += 4
    return value

  def take(self, size: int) -> memoryview:
    end = self.position + size
    if end > len(self.data):
      raise Malformed(f"a message of {len(self.data)} bytes announces {end}")
    piece = self.data[self.position:end]
    self.position = end
    return piece

  def value(self, depth: int) -> object:
    """The value at the position."""
    tag = self.data[self.position]
    self.position += 1
    self.left -= 1
    if self.left < 0:
      raise Malformed(f"a message of more than {MAX_ITEMS} values")
    if tag == 100:  # d
      return _double.unpack(self.take(8))[0]
    if tag == 105:  # i
      return _long.unpack(self.take(8))[0]
    if tag == 115:  # s
      return str(self.take(self.count()), "utf-8")
    if tag == 84 or tag == 70:  # T, F
      return tag == 84
    if tag == 78:  # N
      return None
    if tag == 97:  # a
      return self.array()
    if tag == 76 or tag == 74:  # L, J
      size = self.count()
      return list(struct.unpack(f"<{size}{'d' if tag == 76 else 'q'}", self.take(8 * size)))
    if tag == 73:  # I
      size = self.count()
      if size > MAX_INT_BYTES:
        raise Malformed(f"an int of {size} bytes")
      return int.from_bytes(self.take(size), "little", signed=True)
    if depth >= MAX_DEPTH:
      raise Malformed(f"a message nested deeper than {MAX_DEPTH} levels")
    if tag == 108:  # l
      return [self.value(depth + 1) for _ in range(self.count())]
    if tag == 68:  # D
      return {str(self.take(self.count()), "utf-8"): self.value(depth + 1) for _ in range(self.count())}
    raise Malformed(f"unknown tag {tag} in a message")

  def array(self) -> np.ndarray:
    """An array: dtype code, rank, shape, little-endian data."""
    code, rank = self.take(2)
    if code >= len(_DTYPES) or rank > 32:
      raise Malformed(f"an array with dtype code {code} and rank {rank}")
    dtype = np.dtype("<" + _DTYPES[code])
    shape = tuple(_dims.unpack(self.take(8))[0] for _ in range(rank))
    size = dtype.itemsize
    for length in shape:
      size *= length
    data = self.take(size)
    if dtype.kind == "b" and not bytes(data).strip(b"\0\1") == b"":
      raise Malformed("a bool array with values other than 0 and 1")
    return np.frombuffer(data, dtype).reshape(shape).copy()
