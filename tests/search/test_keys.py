"""Keys: the same everywhere and for ever, because stored runs depend on them."""

import collections

from eft_jax.search import keys


def test_values_are_fixed():
  assert keys.fold(0, "batch", 1) == 3865128822409824239
  assert keys.fold(1) == keys.fold("1") != keys.fold("1", "")
  draw = keys.Draw(7, "x")
  assert [draw.below(1000) for _ in range(5)] == [937, 980, 177, 284, 666]


def test_draws():
  counts = collections.Counter(keys.Draw(i).below(4) for i in range(4000))
  assert sorted(counts) == [0, 1, 2, 3] and min(counts.values()) > 850
  counts = collections.Counter(keys.Draw(i).weighted([1, 3]) for i in range(4000))
  assert 900 < counts[0] < 1100
  assert {keys.Draw(i).pick("ab") for i in range(20)} == {"a", "b"}
