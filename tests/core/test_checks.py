"""checks.array: what it accepts becomes a fresh plain array, everything else is Invalid with a message that helps."""

import fractions
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eft_jax.core import checks
from eft_jax.core.score import Invalid


class _Sub(np.ndarray):
  pass


class _Float(float):
  pass


@pytest.mark.parametrize("given", [
    [[1, 2, 3], [4, 5, 6.0]],
    ((1, 2, 3), (4, 5, 6)),
    [np.array([1, 2, 3]), np.array([4.0, 5.0, 6.0])],
    [[np.float32(1), np.int8(2), 3], [np.uint64(4), 5, 6]],
    np.arange(1, 7).reshape(2, 3),
    np.arange(1, 7, dtype=np.float16).reshape(2, 3),
    np.asfortranarray(np.arange(1, 7.0).reshape(2, 3)),
])
@pytest.mark.parametrize("dtype", [float, int])
def test_accepts_real_numbers_however_they_are_nested(given, dtype):
  got = checks.array(given, (2, 3), dtype=dtype)
  assert got.dtype == (np.float64 if dtype is float else np.int64)
  assert got.tolist() == [[1, 2, 3], [4, 5, 6]] and got.flags.c_contiguous


def test_the_copy_is_fresh():
  given = np.zeros(3)
  got = checks.array(given, (3,))
  given[:] = 7
  assert got.tolist() == [0, 0, 0]


@pytest.mark.parametrize("given, message", [
    (None, "None where an array"),
    (True, "True where an array"),
    ("123", "a str of length 3"),
    ({"0": 1, "1": 2, "2": 3}, "a dict of length 3"),
    ([1, 2], "has 2 entries where 3 are expected"),
    ([], "has 0 entries"),
    ([1, 2, True], "holds True where a real number"),
    ([1, 2, None], "holds None"),
    ([1, 2, "3"], "holds a str"),
    ([1, 2, [3]], "holds a list of length 1"),
    ([1, 2, 3j], "holds of type complex"),
    ([1, 2, np.complex128(3)], "complex128"),
    ([1, 2, np.bool_(True)], "of type bool"),
    ([1, 2, fractions.Fraction(3)], "Fraction"),
    ([1, 2, _Float(3)], "_Float"),
    ([1, 2, math.nan], r"result\[2\] is nan"),
    ([1, 2, -math.inf], r"result\[2\] is -inf"),
    ([1, 2, 10**400], "1329 bits"),
    (np.array([1, 2, np.nan]), r"result\[2\] is nan"),
    (np.array([1.0, 2.0]), r"has shape \(2,\), expected \(3,\)"),
    (np.array(1.0), r"has shape \(\)"),
    (np.zeros((3, 1)), r"has shape \(3, 1\)"),
    (np.array([1, 2, 3], dtype=complex), "array of complex128"),
    (np.array([True, False, True]), "array of bool"),
    (np.array(["a", "b", "c"]), "array of str"),
    (np.array([1, 2, None]), "array of object"),
    (np.array([1, 2, 3], dtype="M8[s]"), "array of datetime64"),
    (np.zeros(3).view(_Sub), "of type _Sub"),
    (np.ma.array([1, 2, 3]), "of type MaskedArray"),
    (np.array([1, 2, np.longdouble("1e4000")]), r"result\[2\] is inf"),
])
def test_refuses_everything_else(given, message):
  with pytest.raises(Invalid, match=message):
    checks.array(given, (3,))


@pytest.mark.parametrize("given", [[0.5], [2.0**53], [2**53 + 1], [-(2**60)], np.array([2**63], dtype=np.uint64)])
def test_integers_are_exact(given):
  with pytest.raises(Invalid, match="expected an integer"):
    checks.array(given, (1,), dtype=int)
  assert checks.array([2**53 - 1], (1,), dtype=int)[0] == 2**53 - 1


def test_bounds_are_inclusive_and_named():
  assert checks.array([0, 1], (2,), low=0, high=1).tolist() == [0, 1]
  with pytest.raises(Invalid, match=r"^radius\[1\] is -1e-300, expected at least 0$"):
    checks.array([0, -1e-300], (2,), low=0, name="radius")
  with pytest.raises(Invalid, match=r"result\[0, 1\] is 3, expected at most 2"):
    checks.array([[2, 3]], (1, 2), dtype=int, high=2)


def test_not_finite_where_the_caller_deals_with_it():
  got = checks.array([math.nan, math.inf, 1], (3,), finite=False)
  assert math.isnan(got[0]) and got[1:].tolist() == [math.inf, 1]
  with pytest.raises(Invalid, match="nan, expected an integer"):
    checks.array([math.nan], (1,), dtype=int, finite=False)
  with pytest.raises(Invalid, match="nan, expected at least 0"):
    checks.array([math.nan], (1,), low=0, finite=False)


def test_lengths_may_vary_within_a_range():
  assert checks.array([1, 2], (range(2, 5),)).shape == (2,)
  for wrong in ([1], [1] * 5, np.ones(5)):
    with pytest.raises(Invalid, match=r"2\.\.4"):
      checks.array(wrong, (range(2, 5),))
  with pytest.raises(Invalid, match="has 1 entries where 2 are expected"):  # ragged: the first row sets the length
    checks.array([[1, 2], [3]], (2, range(1, 4)))


def test_scalars_and_empty():
  assert checks.array(3, ()).shape == () and float(checks.array(np.float32(2), ())) == 2
  assert checks.array([], (range(0, 3),)).shape == (0,)
  assert checks.array([], (range(0, 3), 2)).shape == (0, 0)
  with pytest.raises(Invalid, match="^x is nan"):
    checks.array(math.nan, (), name="x")


def test_a_wrong_dtype_is_a_programming_error():
  with pytest.raises(TypeError, match="expected float or int"):
    checks.array([1], (1,), dtype=complex)


@hypothesis.given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4)))
def test_lists_and_arrays_are_judged_alike(values):
  def judge(given):
    try:
      return checks.array(given, values.shape, low=-1e3, high=1e3).tolist()
    except Invalid as error:
      return str(error)
  verdict = judge(values)
  assert verdict == judge(values.tolist())
  if isinstance(verdict, list):
    assert np.isfinite(values).all() and (np.abs(values) <= 1e3).all() and verdict == values.tolist()


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2), max_leaves=8)


@hypothesis.given(_anything, st.sampled_from([float, int]))
def test_whatever_comes_is_an_array_or_invalid(given, dtype):
  try:
    got = checks.array(given, (range(0, 4), 2), dtype=dtype)
  except Invalid:
    return
  assert got.ndim == 2 and np.isfinite(got).all()


def test_permutations_are_rows_of_all_numbers():
  given = np.array([[2, 0, 1], [0, 1, 2]])
  result = checks.permutations(given, 2, 3, "tours")
  np.testing.assert_array_equal(result, given)
  assert not np.shares_memory(result, given) and checks.permutations([[0]], 1, 1).shape == (1, 1)
  with pytest.raises(Invalid, match=r"tours\[1\] holds 2 twice, expected each of 0 to 2 once"):
    checks.permutations([[2, 0, 1], [2, 1, 2]], 2, 3, "tours")
  for wrong in ([[0, 1, 2]], [[0, 1], [1, 0]], [[0, 1, 3], [0, 1, 2]], [[-1, 0, 1], [0, 1, 2]], None):
    with pytest.raises(Invalid):
      checks.permutations(wrong, 2, 3)
