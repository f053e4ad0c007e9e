"""Regex golf: the machine agrees with Python's `re`, no pattern takes long, planted rules are the best known value."""

import re
import time

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("regex_golf_own")
MODULE = TASK.evaluate.__globals__

letters = st.sampled_from("abcd")
sets = st.builds(lambda no, inner: f"[{no}{''.join(inner)}]", st.sampled_from(["", "^"]),
                 st.lists(letters, min_size=1, max_size=3))
atoms = st.one_of(letters, st.just("."), sets, st.sampled_from("^$"))
patterns = st.recursive(
    st.builds("".join, st.lists(st.builds(lambda atom, sign: atom if atom in "^$" else atom + sign, atoms,
                                          st.sampled_from(["", "", "*", "+", "?"])), max_size=4)),
    lambda inner: st.one_of(
        st.builds(lambda a, b, sign: f"({a}|{b}){sign}", inner, inner, st.sampled_from(["", "*", "+", "?"])),
        st.builds(lambda a, b: a + b, inner, inner), st.builds(lambda a, b: f"{a}|{b}", inner, inner)), max_leaves=5)


@hypothesis.given(patterns, st.lists(st.text("abcd", max_size=7), min_size=1, max_size=6))
@hypothesis.settings(max_examples=300, deadline=None)
def test_the_machine_agrees_with_re(pattern, words):
  machine = MODULE["Machine"](pattern)
  for word in words:
    assert machine.matches(word) == bool(re.search(pattern, word)), (pattern, word)


@pytest.mark.parametrize("pattern", ["(a*)*(a*)*(a*)*(a*)*b", "(a|a)*(a|a)*(a|a)*$b", "(((((((((a?)+)+)+)+)+)+)+)+)+c",
                                     ".*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*d$", "(" * 20 + "a" + ")*" * 20])
def test_no_pattern_takes_long(pattern):
  machine, start = MODULE["Machine"](pattern), time.process_time()
  machine.matches("a" * 2000)
  assert time.process_time() - start < 0.5


def test_planted_rules_are_the_best_known_value(judge, hidden_seeds):
  seeds = (*range(8), *hidden_seeds("puzzles", 16))
  rules = [MODULE["puzzle"](seed, 12)[0] for seed in seeds]
  score = judge(TASK, rules)
  assert score.value == pytest.approx(1 - np.mean([len(rule) for rule in rules[8:]]) / 200)
  drawn = [MODULE["puzzle"](seed, 12)[0] for seed in range(100, 200)]
  assert 1 - np.mean([len(rule) for rule in drawn]) / 200 == pytest.approx(TASK.best_known, abs=0.005)


@pytest.mark.parametrize("seed", range(100, 112))
def test_puzzles_follow_their_rule_and_hide_their_judged_words(seed):
  rule, *words = MODULE["puzzle"](seed, 12)
  assert list(map(len, words)) == [12, 12, 20, 20] and len(set().union(*words)) == 64
  assert [bool(re.search(rule, word)) for side in words for word in side] == [True] * 12 + [False] * 12 + (
      [True] * 20 + [False] * 20)


def test_listing_the_shown_words_is_worth_little(judge):
  def memorise(accepted, rejected):
    return ["|".join(words)[:60].rpartition("|")[0] for words in accepted]
  assert judge(TASK, memorise).value < 0.2
  assert judge(TASK, [""] * 24).value == 0


@pytest.mark.parametrize("pattern, message", [
    ("(a", r"missing \) at character 3"), ("a)", r"unmatched \) at character 2"),
    ("*a", r"unexpected '\*' at character 1"),
    ("[ab", r"expected \[ with letters abcd and \]"), ("[]", "expected"), ("[^]", "expected"), ("e", "unexpected 'e'"),
    ("a{2}", "unexpected '{'"), (r"\d", "unexpected"), ("a" * 61, "has 61 characters"), (3, "is a int"),
    (None, "NoneType")])
def test_messages(pattern, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, [pattern] * 24)
