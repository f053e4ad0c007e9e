"""Sorting networks: known ones of least size score 1, and inputs that stay unsorted are named."""

import itertools

import numpy as np
import pytest

from eft_jax import core

# Batcher's network of 8 wires, and networks of 9 and 10 wires of least size as they are printed in Knuth, volume 3.
BATCHER_8 = ("0 1 2 3 4 5 6 7 0 2 1 3 4 6 5 7 1 2 5 6 0 4 1 5 2 6 3 7 2 4 3 5 1 2 3 4 5 6")
WAKSMAN_10 = ("4 9 3 8 2 7 1 6 0 5 1 4 6 9 0 3 5 8 0 2 3 6 7 9 0 1 2 4 5 7 8 9 1 2 4 6 7 8 3 5 2 5 6 8 1 3 4 7 2 3 6 7 "
              "3 4 5 6 4 5")
FLOYD_9 = "0 1 3 4 6 7 1 2 4 5 7 8 0 1 3 4 6 7 0 3 3 6 0 3 1 4 4 7 1 4 2 5 5 8 2 5 1 3 5 7 2 6 4 6 2 4 2 3 5 6"


def pairs(text):
  return np.array(text.split(), dtype=int).reshape(-1, 2)


@pytest.mark.parametrize("n, text", [(8, BATCHER_8), (9, FLOYD_9), (10, WAKSMAN_10)])
def test_known_networks_score_one(n, text, judge):
  task = core.load(f"sorting_network_{n}")
  net = pairs(text)
  assert judge(task, net).value == judge(task, net[:, ::-1]).value == task.best_known
  assert judge(task, [*net, (0, n - 1)]).metrics["comparators_that_never_swap"] == 1
  for gone in range(len(net)):
    with pytest.raises(core.Invalid, match=f"of {2**n} inputs of zeros and ones are not sorted"):
      judge(task, np.delete(net, gone, axis=0))


def test_messages_name_an_input(judge):
  task = core.load("sorting_network_8")
  with pytest.raises(core.Invalid, match=r"comparator 1 joins wire 3 with itself"):
    judge(task, [(0, 1), (3, 3)])
  with pytest.raises(core.Invalid, match=r"16 of 256 inputs .* are not sorted, among them \[0, 0, 0, 1, 0, 0, 0, 1\]"):
    judge(task, pairs(BATCHER_8)[:-1])
  with pytest.raises(core.Invalid, match="1..1000"):
    judge(task, [(0, 1)] * 1001)


def test_the_verdict_equals_a_second_check(judge):
  """Bubble sort's comparators with some left out, against sorting lists of numbers one by one."""
  task = core.load("sorting_network_8")
  bubble = [(i, i + 1) for end in range(7, 0, -1) for i in range(end)]
  rng = np.random.default_rng(0)
  verdicts = set()
  for _ in range(12):
    net = [pair for pair in bubble if rng.random() < 0.97]
    legal = True
    for bits in itertools.product((0, 1), repeat=8):
      row = list(bits)
      for i, j in net:
        row[i], row[j] = sorted((row[i], row[j]))
      legal &= row == sorted(bits)
    verdicts.add(legal)
    try:
      assert judge(task, net).value == len(net) and legal
    except core.Invalid:
      assert not legal
  assert verdicts == {True, False}
