"""Merit factors against sequences of known optimal energy, and against a sum written a second time."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core

# Run lengths of sequences found by a tabu search of our own; their energies are the proved optima.
OPTIMAL = {
    30: (59, [2, 1, 2, 2, 1, 7, 3, 3, 1, 1, 1, 2, 1, 1, 1, 1]),
    60: (218, [2, 4, 1, 1, 1, 1, 4, 4, 1, 1, 1, 1, 3, 1, 1, 2, 1, 1, 2, 2, 1, 1, 6, 1, 5, 2, 2, 2, 2, 2, 1]),
}


def decode(runs: list[int]) -> list[int]:
  return list(itertools.chain.from_iterable([(-1) ** i] * run for i, run in enumerate(runs)))


def energy(signs) -> int:
  n = len(signs)
  return sum(sum(signs[i] * signs[i + k] for i in range(n - k)) ** 2 for k in range(1, n))


@pytest.mark.parametrize("n", OPTIMAL)
def test_optimal_sequences_score_one(n, judge):
  task, (best, runs) = core.load(f"labs_merit_factor_{n}"), OPTIMAL[n]
  signs = decode(runs)
  assert len(signs) == n and energy(signs) == best
  score = judge(task, [float(s) for s in signs])
  assert score.value == task.best_known == n * n / (2 * best) and task.score(score.value) == 1
  assert score.metrics["energy"] == best
  assert round(core.load("labs_merit_factor_60").best_known, 2) == 8.26


@hypothesis.given(st.lists(st.sampled_from([-1, 1]), min_size=30, max_size=30))
@hypothesis.settings(max_examples=100, deadline=None)
def test_the_value_equals_a_second_sum(judge, signs):
  task = core.load("labs_merit_factor_30")
  assert judge(task, signs).value == 900 / (2 * energy(signs)) <= task.best_known


def test_messages_name_the_entry(judge):
  task, signs = core.load("labs_merit_factor_30"), [1, -1] * 15
  for wrong, message in ((0, r"signs\[4\] is 0"), (2, r"signs\[4\] is 2"), (-1.5, r"signs\[4\] is -1.5"),
                         (True, "holds True")):
    with pytest.raises(core.Invalid, match=message):
      judge(task, signs[:4] + [wrong] + signs[5:])
