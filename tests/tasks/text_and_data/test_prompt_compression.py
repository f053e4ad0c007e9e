"""Prompt compression: facts stand where they should, the reader by a second check, and a reference by grammar."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax import core

TASK = core.load("prompt_compression_own")
MODULE = TASK.evaluate.__globals__
# Sentence by sentence: the name, an attribute that is asked for, and the value, by their places in the sentence forms.
REFERENCE = """
ASKED = {"height", "age", "price", "colour", "owner", "weight"}
SMALL = set("the of is has as far we know it said that a about its moreover for they found known indeed quite rather "
            "often perhaps today really almost still there here just , .".split())
OTHERS = {"mood", "rumour", "nickname", "slogan"}

def compress(texts):
    return [one(words) for words in texts]

def one(words):
    kept, start, subject, shown = [], 0, None, False
    for end, word in enumerate(words):
        if word != ".":
            continue
        sentence = range(start, end)
        start = end + 1
        content = {words[i] for i in sentence}
        if content & {"nobody", "everyone", "visitors"}:
            subject = None
            continue
        names = [i for i in sentence if words[i][0].isupper()]
        facts = [i for i in sentence if words[i] in ASKED]
        values = [i for i in sentence if words[i] not in SMALL | ASKED | OTHERS and not words[i][0].isupper()]
        if names:
            subject, since = names[0], 0
        if facts and values and subject is not None:
            if names:
                kept += [names[0], facts[0], values[-1]]
            else:
                since += 1
                if since == 1 and subject not in kept:
                    kept.append(subject)
                kept += [facts[0], values[-1]]
    return sorted(set(kept))
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(8)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.03)
  assert run(TASK, REFERENCE, fidelity="full").value == pytest.approx(TASK.best_known, abs=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_facts_stand_where_they_should(seed):
  words, facts = MODULE["text"](seed, 150)
  assert 1000 < len(words) < 2500 and 40 < len(facts) < 110 and words.count(".") == 150
  for name, attribute, value in facts:
    assert words[name][0].isupper() and words[attribute] in MODULE["ASKED"] and words[value].islower() or (
        words[value].isdigit())
    between = words[min(name, attribute, value):max(name, attribute, value)]
    assert sum(word[0].isupper() for word in between) <= 1  # no other name comes between
  assert {words[i + 1] for i in range(len(words) - 1) if words[i] == "."} > {"the", "it"}


@hypothesis.given(st.sets(st.integers(0, 14)), st.lists(st.tuples(*[st.integers(0, 14)] * 3), max_size=4))
@hypothesis.settings(max_examples=150, deadline=None)
def test_the_reader_equals_a_sliding_window(kept, facts):
  kept = sorted(kept)
  windows = [set(kept[i:i + 5]) for i in range(max(1, len(kept) - 4))]
  expected = [any(set(fact) <= window for window in windows) for fact in facts]
  assert MODULE["answered"](tuple(facts), kept) == expected


def test_keeping_all_or_nothing_is_worth_little(judge):
  everything = judge(TASK, lambda texts: [list(range(len(words))) for words in texts])
  assert -1 <= everything.value < -0.6  # words of a fact stand too far apart
  assert judge(TASK, lambda texts: [[] for _ in texts]).value == 0
  assert judge(TASK, lambda texts: [[i for i, w in enumerate(words) if w[0].isupper()] for words in texts]).value < 0


def test_the_oracle_bounds_the_reference(judge, run, hidden_seeds):
  texts = [MODULE["text"](seed, 12) for seed in (*range(8), *hidden_seeds("texts", 32))]
  kept = [sorted(set(itertools.chain(*facts))) for _, facts in texts]
  oracle = judge(TASK, kept)
  assert TASK.best_known - 0.05 < oracle.value < 0.95


@pytest.mark.parametrize("result, message", [
    (lambda texts: [[0, 0]] * 40, "entry 0 does not increase"), (lambda texts: [[5, 3]] * 40, "does not increase"),
    (lambda texts: [[10**6]] * 40, "at most"), (lambda texts: [[-1]] * 40, "at least 0"),
    (lambda texts: [[0.5]] * 40, "expected an integer"), (lambda texts: [[]] * 39, "39 entries"),
    (lambda texts: None, "a NoneType"), (lambda texts: ["ab"] * 40, "entry 0 is a str")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
