"""Spelling correction: a noisy channel is the reference, the errors are the stated ones, answers are checked."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("spell_correction_own")
MODULE = TASK.evaluate.__globals__
# Edit distance with costs by kind of error (adjacent swaps and neighbouring keys are cheap), plus log counts.
REFERENCE = """
import math

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
AT = {key: (x + 0.5 * y, y) for y, row in enumerate(ROWS) for x, key in enumerate(row)}
COST = {(a, b): 0.0 if a == b else 1.0 if abs(AT[a][0] - AT[b][0]) <= 1 and abs(AT[a][1] - AT[b][1]) <= 1 else 3.0
        for a in AT for b in AT}

def distance(a, b, limit):
    before, row = None, [1.3 * j for j in range(len(b) + 1)]
    for i in range(1, len(a) + 1):
        last, before, row = before, row, [1.5 * i]
        ca = a[i - 1]
        for j in range(1, len(b) + 1):
            cb = b[j - 1]
            extra = 1.0 if (i > 1 and a[i - 2] == ca) or ca in "etaoins" else 2.5
            cost = min(before[j - 1] + COST[ca, cb], before[j] + extra, row[j - 1] + 1.2)
            if i > 1 and j > 1 and ca == b[j - 2] and a[i - 2] == cb and ca != cb:
                cost = min(cost, last[j - 2] + 1.0)
            row.append(cost)
        if min(row) > limit:
            return 99.0
    return row[-1]

def correct(typed, lexicon, counts):
    found = []
    for word in typed:
        best, least = lexicon[0], 99.0
        prior = [-0.3 * math.log(count + 0.5) for count in counts]
        order = sorted(range(len(lexicon)), key=lambda k: prior[k] - len(set(word) & set(lexicon[k])))
        for k in order:
            if abs(len(lexicon[k]) - len(word)) <= 3 and len(set(word) & set(lexicon[k])) > 1:
                cost = distance(word, lexicon[k], least + 2) + prior[k]
                if cost < least:
                    best, least = lexicon[k], cost
        found.append(best)
    return found
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(3)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.04)


def test_meant_words_are_right_and_others_are_not(judge, hidden_seeds):
  seeds = iter([*range(8), *hidden_seeds("languages", 16)])
  def oracle(typed, lexicon, counts):
    return [lexicon[i] for i in MODULE["language"](next(seeds), 40, 20)[3]]
  assert judge(TASK, oracle).value == 1
  assert judge(TASK, lambda typed, lexicon, counts: typed).value == 0
  most = judge(TASK, lambda typed, lexicon, counts: [lexicon[counts.index(max(counts))]] * len(typed))
  assert 0 < most.value < 0.2


def test_languages_are_what_the_statement_says():
  typed, lexicon, counts, meant = MODULE["language"](5, 200, 100)
  assert len(typed) == len(meant) == 100 and len(set(lexicon)) == len(counts) == 200 and not set(typed) & set(lexicon)
  assert all(word.isalpha() and word.islower() for word in (*typed, *lexicon))
  assert np.array(counts)[meant].mean() > 1.5 * np.mean(counts)  # frequent words are meant more often
  assert np.mean([abs(len(t) - len(lexicon[m])) <= 1 for t, m in zip(typed, meant, strict=True)]) > 0.9


def test_slips_go_to_neighbouring_keys():
  near = MODULE["neighbours"]()
  assert set(near["g"]) == set("ftyhbv") and set(near["q"]) == set("wa") and set(near["m"]) == set("njk")
  assert all(a in near[b] for a in near for b in near[a])


@pytest.mark.parametrize("result, message", [
    (None, "a NoneType, expected a list of 20"), (["a"] * 19, "19 entries"),
    ([1] * 20, "entry 0 of the result is a int"),
    (("a",) * 19, "19 entries|a tuple"), ("a" * 20, "a str")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
