"""Hostile results in the place of every family's honest one: none scores."""

import math

import numpy as np
import pytest

from eft_jax import core

TASKS = core.load_all()
CONSTRUCTIONS = [task for task in TASKS.values() if task.entry == "construct"]


class Sub(np.ndarray):
  """Claims to be smaller and better than anything."""

  def __array_ufunc__(self, *args, **kwargs):
    return np.zeros(())

  def sum(self, *args, **kwargs):
    return 1e9


class Number(float):
  def __lt__(self, other):
    return True
  __gt__ = __le__ = __ge__ = __eq__ = __lt__


def set_first(value):
  """A change of the first number of an honest result, as nested lists."""
  def change(array):
    nested = array.astype(float).tolist()
    row = nested
    while isinstance(row[0], list):
      row = row[0]
    row[0] = value
    return nested
  return change


def first_entry(value):
  def change(array):
    array = array.astype(float)
    array.flat[0] = value
    return array
  return change


ALWAYS = [None, True, 3, 3.5, math.nan, "", "1, 2, 3", b"123", {}, {"score": 1e9, "value": 1e9, "valid": True}, [],
          [[]], [None], ["a"], [True], object(), ..., 10**400, 1j, np.array(5.0), np.zeros((0, 3)), np.zeros((2, 2, 2)),
          np.array([None]), [[1, 2], [3]], range(10), {1, 2}]
CHANGED = {
    "nan": set_first(math.nan), "inf": set_first(math.inf), "minus inf": set_first(-math.inf),
    "huge int": set_first(10**400), "int overflow": set_first(2**63), "bool": set_first(True), "text": set_first("1"),
    "none": set_first(None), "complex": set_first(1j), "list": set_first([1.0]),
    "subclassed float": set_first(Number(1)),
    "nan array": first_entry(math.nan), "inf array": first_entry(math.inf), "1e308": first_entry(1e308),
    "complex array": lambda a: a.astype(complex), "bool array": lambda a: a.astype(bool),
    "object array": lambda a: a.astype(object), "text array": lambda a: a.astype(str),
    "subclass": lambda a: a.view(Sub), "masked": lambda a: np.ma.array(a, mask=True),
    "longdouble": lambda a: a.astype(np.longdouble) * np.longdouble("1e4000"),
    "one more axis": lambda a: a[None], "transposed and flat": lambda a: [a.ravel()], "too long": lambda a: [*a] * 5000,
    "dict of rows": lambda a: dict(enumerate(a.tolist())), "all nan": lambda a: np.full_like(a, np.nan, dtype=float),
    "negative": lambda a: -np.abs(a) - 5,
}


# Where such a change leaves the rules unbroken.
HONEST = {("thomson_energy", "negative"), ("golomb_ruler", "negative"), ("first_autocorrelation", "int overflow")}


@pytest.fixture(scope="module")
def honest(run):
  return {task.name: run(task).construction for task in CONSTRUCTIONS}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("result", ALWAYS, ids=lambda r: repr(r)[:20])
def test_nonsense_is_invalid(task, result, judge):
  if task.family == "oscillator_regression" and repr(result) in ("3", "3.5", "array(5.)"):
    assert judge(task, result).value < task.baseline + 1  # a constant is a formula, and a bad one
    return
  with pytest.raises(core.Invalid) as error:
    judge(task, result)
  assert 10 < len(str(error.value)) < 300


@pytest.mark.parametrize("task", CONSTRUCTIONS, ids=lambda task: task.name)
@pytest.mark.parametrize("change", CHANGED)
def test_a_poisoned_honest_result_is_invalid(task, change, judge, honest):
  if (task.family, change) in HONEST:
    judge(task, CHANGED[change](honest[task.name]))
    return
  with pytest.raises(core.Invalid) as error:
    judge(task, CHANGED[change](honest[task.name]))
  assert 10 < len(str(error.value)) < 300


@pytest.mark.parametrize("task", CONSTRUCTIONS, ids=lambda task: task.name)
def test_wrong_sizes_are_invalid(task, judge, honest):
  array = honest[task.name]
  sizes = [array[:0]] if task.family in ("erdos_min_overlap", "first_autocorrelation") else [array[:-1], array[:0]]
  for wrong in (*sizes, np.concatenate([array] * 60), array.tolist() * 60):
    with pytest.raises(core.Invalid):
      judge(task, wrong)


@pytest.mark.parametrize("task", CONSTRUCTIONS, ids=lambda task: task.name)
def test_the_returned_array_is_copied(task, judge, honest):
  """What the candidate keeps a hand on is not what is stored."""
  given = honest[task.name].copy()
  score = judge(task, given)
  given[...] = 0
  assert score.construction.any() and not np.shares_memory(score.construction, given)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_failing_candidate_is_no_score(task, run):
  with pytest.raises(ZeroDivisionError):
    run(task, f"def {task.entry}(*args):\n    1 / 0\n")
