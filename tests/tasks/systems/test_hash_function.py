"""Hash function: operations against plain integers, known finalisers, and what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("hash_function_5_own")
MODULE = TASK.evaluate.func.__globals__
MURMUR = [[0, 16], [1, 0x85EBCA6B], [0, 13], [1, 0xC2B2AE35], [0, 16]]  # fmix32 of MurmurHash3
LOWBIAS = [[0, 16], [1, 0x7FEB352D], [0, 15], [1, 0x846CA68B], [0, 16]]
BEST = {3: [[1, 1789569739], [0, 28], [1, 1789479771]], 5: MURMUR}


def slow(steps, x):
  """One word as a Python integer."""
  for operation, c in steps:
    bits = format(x, "032b")
    x = (x ^ x >> c, x * c, x + c, int(bits[c % 32:] + bits[:c % 32], 2), x ^ x << c % 32)[operation] % 2**32
  return x


def test_operations_and_bias_equal_plain_integers():
  steps = [[0, 5], [1, 2654435761], [4, 3], [3, 7], [2, 4294967290]]
  x = np.random.default_rng(0).integers(0, 1 << 32, (33, 40)).astype(np.uint32)
  hashed = MODULE["apply"](np.array(steps), x)
  assert hashed.tolist() == [[slow(steps, int(v)) for v in row] for row in x]
  pairs = MODULE["bias"](hashed)
  for i, j in ((0, 0), (31, 2), (7, 31)):
    p = sum((int(a) ^ int(b)) >> j & 1 for a, b in zip(hashed[0], hashed[1 + i], strict=True)) / 40
    assert pairs[i, j] == pytest.approx((2 * p - 1) ** 2 - 1 / 40)


@pytest.mark.parametrize("n", BEST)
def test_the_best_known_program_has_its_value(n, judge):
  task = core.load(f"hash_function_{n}_own")
  assert judge(task, BEST[n]).value == pytest.approx(task.best_known, abs=0.15)
  assert judge(task, BEST[n], fidelity="full").value == pytest.approx(task.best_known, abs=0.2)


def test_known_finalisers_are_close_to_chance_and_identities_are_not(judge):
  assert judge(TASK, LOWBIAS).value < -3.5
  assert judge(TASK, [[2, 0]] * 5).value == pytest.approx(0, abs=1e-3)  # nothing happens
  assert judge(TASK, [[3, 8]] * 5).value == pytest.approx(0, abs=1e-3)


def test_steps_are_checked(judge):
  for row, message in (([5, 3], "operation 5 does not exist"), ([0, 0], "step 0: operation 0 by 0 bits"),
                       ([3, 32], "by 32 bits"), ([1, 4], "factor 4 is even"), ([1, 2**32 + 1], "at most 4294967295"),
                       ([1, 2.5], "an integer"), ([-1, 3], "at least 0")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, [row, *MURMUR[1:]])
  with pytest.raises(core.Invalid, match="5 are expected"):
    judge(TASK, MURMUR[:4])
