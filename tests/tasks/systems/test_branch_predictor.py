"""Branch predictor: a second simulation with plain lists, the reference hash, and what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("branch_predictor_own")
MODULE = TASK.evaluate.__globals__
REFERENCE = """
import numpy as np

def index(branch, history):
    tables = []
    for a, bits, b, c in ((87, 10, 64, 16), (73, 4, 32, 14), (73, 8, 78, 28)):
        recent = history % 2**bits
        tables.append((a * branch + b * recent + recent // c) % 128)
    return np.array(tables)
"""
GSHARE = """
import numpy as np

def index(branch, history):
    return np.array([(4 * branch ^ history) % 128] * 3)
"""


def slow(source, branch, taken):
  """Share of mispredictions, one branch at a time."""
  names = {}
  exec(source, names)
  tables = [[2] * 128 for _ in range(3)]
  past, wrong = [0] * 10, 0
  for b, outcome in zip(branch.tolist(), taken.tolist(), strict=True):
    history = sum(bit << age for age, bit in enumerate(reversed(past)))
    places = [int(i) for i in names["index"](np.array(b), np.array(history))]
    wrong += (sum(table[i] for table, i in zip(tables, places, strict=True)) >= 5) != bool(outcome)
    for table, i in zip(tables, places, strict=True):
      table[i] = min(table[i] + 1, 3) if outcome else max(table[i] - 1, 0)
    past = past[1:] + [outcome]
  return 100 * wrong / len(taken)


@pytest.mark.parametrize("source", [TASK.seed, GSHARE], ids=["seed", "gshare"])
def test_the_value_equals_a_second_simulation(source, run):
  branch, _, taken = MODULE["programs"](MODULE["PUBLIC_SEEDS"], 500)
  expected = [slow(source, b, t) for b, t in zip(branch, taken, strict=True)]
  assert list(run(TASK, source).instances) == pytest.approx([-value for value in expected])


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=1.5)
  assert np.mean(values) < run(TASK, GSHARE).value < TASK.baseline


def test_counters_must_exist(judge):
  shape = (3, 32, 1024)
  with pytest.raises(core.Invalid, match=r"index\[0, 0, 0\] is 128, expected at most 127"):
    judge(TASK, np.full(shape, 128))
  with pytest.raises(core.Invalid, match="at least 0"):
    judge(TASK, np.full(shape, -1))
  with pytest.raises(core.Invalid, match="an integer"):
    judge(TASK, np.full(shape, 0.5))
  with pytest.raises(core.Invalid, match="shape"):
    judge(TASK, np.zeros((4, 32, 1024)))
  assert judge(TASK, np.zeros(shape)).value > TASK.baseline  # one counter for all
