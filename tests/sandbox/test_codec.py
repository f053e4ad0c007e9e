"""The codec: exact round trips, plain bases for subclasses, caps, and no surprise from hostile bytes."""

import collections
import enum
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eft_jax.sandbox.inside import codec

ARRAYS = st.sampled_from(["?", "i1", "i2", "<i4", ">i8", "u1", "u2", "u4", "<u8", "f2", ">f4", "<f8"]).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.lists(inner, max_size=6) | st.tuples(inner, inner)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4),
    max_leaves=20)
VALUES |= st.lists(st.floats(), min_size=4) | st.lists(st.integers(), min_size=4)


def same(a, b) -> bool:
  """Equality with types, NaN equal to NaN, tuples equal to lists."""
  if isinstance(a, tuple):
    a = list(a)
  if type(a) is not type(b):
    return False
  if isinstance(a, np.ndarray):
    return (a.shape == b.shape and a.dtype.newbyteorder("=") == b.dtype
            and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
  if isinstance(a, list):
    return len(a) == len(b) and all(map(same, a, b))
  if isinstance(a, dict):
    return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
  if isinstance(a, float):
    return math.copysign(1, a) == math.copysign(1, b) and (a == b or (math.isnan(a) and math.isnan(b)))
  return a == b


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_round_trip(value):
  assert same(value, codec.decode(codec.encode(value)))


@given(VALUES, st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_are_malformed_or_a_value(value, data):
  content = bytearray(codec.encode(value))
  for _ in range(data.draw(st.integers(1, 4))):
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
  content = content[:data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=3))
  try:
    decoded = codec.decode(content)
  except codec.Malformed:
    return
  codec.encode(decoded)  # whatever is accepted is plain data


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_noise_is_malformed_or_a_value(content):
  try:
    codec.encode(codec.decode(content))
  except codec.Malformed:
    pass


def test_many_mutations_of_typical_answers():
  rng = np.random.default_rng(0)
  answers = [codec.encode(["ok", value]) for value in (
      np.arange(12.0).reshape(3, 4), [0.5] * 8, {"a": [1, 2, 3, 4], "b": None}, "text", 1 << 90, [[1.0, True], []])]
  malformed = 0
  for i in range(30_000):
    content = bytearray(answers[i % len(answers)])
    for _ in range(rng.integers(1, 4)):
      content[rng.integers(len(content))] = rng.integers(256)
    try:
      codec.decode(content)
    except codec.Malformed:
      malformed += 1
  assert 1000 < malformed < 30_000


class Pair(collections.namedtuple("Pair", "a b")):
  pass


class Liar(float):
  def __float__(self):
    return 7.0


class Colour(enum.IntEnum):
  RED = 3


@pytest.mark.parametrize("given, plain", [
    (Pair(1, 2.0), [1, 2.0]), (Liar(1.5), 1.5), (Colour.RED, 3), (np.float32(0.5), 0.5), (np.int8(-3), -3),
    (np.bool_(True), True), (collections.OrderedDict(a=1), {"a": 1}), (np.str_("x"), "x"),
    (np.float64(2.0), 2.0), ([np.float64(1.0)] * 5, [1.0] * 5), (np.longdouble(0.25), 0.25),
])
def test_subclasses_arrive_as_their_plain_base(given, plain):
  assert same(plain, codec.decode(codec.encode(given)))


def test_arrays_of_subclasses_and_wide_floats_arrive_plain():
  for array in (np.ma.masked_array([1.0, 2.0], [False, True]), np.array([1, 2], np.longdouble)):
    decoded = codec.decode(codec.encode(array))
    assert type(decoded) is np.ndarray and decoded.dtype == np.float64 and decoded.tolist() == [1.0, 2.0]
  decoded = codec.decode(codec.encode(np.arange(3)))
  decoded[0] = 5  # writable


@pytest.mark.parametrize("value", [
    1j, object(), b"x", {1, 2}, {1: 2}, len, np.array([1j]), np.array([None]), np.array(["x"]),
    np.zeros(2, "M8[s]"), np.zeros(1, [("a", "f8")]), np.timedelta64(1, "s"), range(3), iter([]), [{"a": [1j]}],
])
def test_what_is_not_plain_is_named(value):
  with pytest.raises(codec.NotPlain, match="is not plain data"):
    codec.encode(value)


def test_caps():
  deep = []
  for _ in range(100):
    deep = [deep]
  for value in (deep, np.zeros(3 << 20), "x" * (17 << 20), [[1.0] * 8] * (1 << 20), 1 << (1 << 20),
                {"a": np.zeros(3 << 20)}):
    with pytest.raises(codec.TooLarge):
      codec.encode(value)
  with pytest.raises(codec.TooLarge, match="limit of 100"):
    codec.encode(np.zeros(100), limit=100)


@pytest.mark.parametrize("content", [
    b"", b"l\xff\xff\xff\xff", b"L\xff\xff\xff\xff", b"D\xff\xff\xff\x7f", b"s\xff\xff\xff\xffabc",
    b"I\xff\xff\xff\x7f", b"a\x0b\x02" + b"\xff" * 16, b"a\x0b\x40", b"a\x63\x00",
    b"a\x00\x01" + (1).to_bytes(8, "little") + b"\x02", b"l\x01\x00\x00\x00" * 1000 + b"N",
    b"l" + (3 << 20).to_bytes(4, "little") + b"N" * (3 << 20), b"s\x01\x00\x00\x00\xff",
    b"D\x01\x00\x00\x00\x01\x00\x00\x00\xffN", b"NN", b"\x80\x04\x95pickle", b"a\x0b\x02" + bytes(8) + b"\xff" * 8,
], ids=range(17))
def test_hostile_messages(content):
  with pytest.raises(codec.Malformed):
    codec.decode(content)
