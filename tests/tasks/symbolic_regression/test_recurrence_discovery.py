"""Recurrence discovery: rules are what they claim, worth of terms by a second formula, and a reference solves most."""

import math

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("recurrence_discovery_own")
MODULE = TASK.evaluate.__globals__
# Differences that vanish, then linear recurrences that fit exactly, also on every second term or modulo a number.
REFERENCE = """
import numpy as np

def linear(row, count, order, affine):
    a = np.array([[*row[i:i + order], 1.0][:order + affine] for i in range(len(row) - order)])
    if len(a) < order + affine + 1:
        return None
    c = np.linalg.lstsq(a, np.array(row[order:], float), rcond=None)[0]
    c = np.rint(c * 4) / 4
    if np.abs(a @ c - row[order:]).max() > 0.01:
        return None
    out = list(row)
    for k in range(count):
        out.append(int(round(float(np.dot([*out[-order:], 1.0][:order + affine], c)))))
    return out[len(row):]

def modular(row, count):
    for m in range(max(row) + 1, 70):
        for a in range(9):
            b = (row[1] - a * row[0]) % m
            for square in (0, 1):
                b = (row[1] - (row[0] * row[0] if square else a * row[0])) % m
                def step(x):
                    return ((x * x if square else a * x) + b) % m
                if all(step(x) == y for x, y in zip(row, row[1:])):
                    out = [row[-1]]
                    for k in range(count):
                        out.append(step(out[-1]))
                    return out[1:]
    return None

def one(row, count, deep=True):
    for order in range(1, 6):
        for affine in (0, 1):
            found = linear(row, count, order, affine)
            if found:
                return found
    if deep and min(row) >= 0 and max(row) < 60:
        found = modular(row, count)
        if found:
            return found
    if deep:
        for root in (2, 3, 5, 6, 7):
            for top in (1, 2, 3):
                for low in (1, 2):
                    s = root ** 0.5 * top / low
                    if all(int(s * (n + 1)) == row[n] for n in range(len(row))):
                        return [int(s * (len(row) + 1 + k)) for k in range(count)]
        odd, even = one(row[0::2], count, False), one(row[1::2], count, False)
        if odd and even:
            return [(odd, even)[(len(row) + k) % 2][k // 2] for k in range(count)]
        for period in (2, 3, 4):
            gaps = [b - a for a, b in zip(row, row[period:])]
            found = one(gaps, count, False)
            if found:
                out = list(row)
                for k in range(count):
                    out.append(out[-period] + found[k])
                return out[len(row):]
        return [2 * row[-1] - row[-2]] * count
    return None

def continue_all(terms, count):
    return np.clip(np.array([one(row, count) for row in terms.tolist()], float), -1e15, 1e15)
"""


def test_a_reference_solves_most_sequences_and_the_rules_all(run, judge, hidden_seeds):
  score = run(TASK, REFERENCE)
  assert 0.95 < score.value < 1 and score.metrics["solved"] > 0.9
  rows = np.concatenate([MODULE["sequences"](0, 24), MODULE["sequences"](hidden_seeds("sequences", 1)[0], 48)])
  assert judge(TASK, lambda terms, count: rows[:, 14:]).value == 1


def test_worth_of_terms_equals_the_statement(judge, hidden_seeds):
  rows = MODULE["sequences"](hidden_seeds("sequences", 1)[0], 48).tolist()
  guess = lambda terms, count: np.repeat(terms[:, -1:], count, axis=1)  # noqa: E731
  total = 0.0
  for row in rows:
    step = sum(abs(b - a) for a, b in zip(row[:13], row[1:14], strict=True)) / 13 + 1
    total += sum(1.0 if term == row[13] else 0.3 * math.exp(-abs(term - row[13]) / step) for term in row[14:]) / 4
  assert judge(TASK, guess).value == pytest.approx(total / 48, abs=1e-12)


def test_sequences_follow_their_kind():
  rows = MODULE["sequences"](7, 240)
  assert rows.shape == (240, 18) and np.abs(rows).max() < 2**40
  for row in rows[0::8]:  # polynomials of degree at most 3
    assert not np.diff(row, 4).any()
  for row in rows[2::8]:  # a x + b modulo m: equal terms have equal successors
    follow = {}
    assert all(follow.setdefault(a, b) == b for a, b in zip(row.tolist(), row.tolist()[1:], strict=False))
  for row in rows[6::8]:  # rounded multiples: steps take two neighbouring values
    assert np.ptp(np.diff(row)) <= 1


@pytest.mark.parametrize("result, message", [
    (np.zeros((72, 3)), r"shape \(72, 3\)"), (np.full((72, 4), 0.5), "expected an integer"),
    (np.full((72, 4), np.nan), "is nan"), (np.full((72, 4), 1e17), "expected an integer below"), (None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
