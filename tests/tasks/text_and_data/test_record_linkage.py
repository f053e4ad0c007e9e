"""Record linkage: the reference by an assignment, exact pairs, and the rules of a legal answer."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("record_linkage_own")
MODULE = TASK.evaluate.__globals__
# Likeness of letter pairs by field, added with weights, and the assignment of greatest sum above a limit.
REFERENCE = """
import numpy as np
from scipy.optimize import linear_sum_assignment

def grams(text):
    return {text[i:i + 2] for i in range(-1, len(text))} if text else set()

def bags(rows, fields):
    return [grams("".join("_" + row[f] for f in fields)) for row in rows]

def likeness(a, b):
    names = sorted(set().union(*a, *b))
    place = {g: k for k, g in enumerate(names)}
    x, y = np.zeros((len(a), len(names))), np.zeros((len(b), len(names)))
    for m, sets in ((x, a), (y, b)):
        for i, s in enumerate(sets):
            m[i, [place[g] for g in s]] = 1
    both = x @ y.T
    size = x.sum(1)[:, None] + y.sum(1)[None]
    known = (x.sum(1)[:, None] > 0) & (y.sum(1)[None] > 0)
    return np.where(known, 2 * both / np.maximum(size, 1), 0.45)

def link(left, right):
    score = 0.0
    for field, weight in ((1, 1.4), (2, 2.0), (3, 0.8), (4, 1.0)):
        score = score + weight * likeness(bags(left, [field]), bags(right, [field]))
    score = score + 1.5 * likeness([grams(min(r[0], r[1])) | grams(max(r[0], r[1])) for r in left],
                                   [grams(min(r[0], r[1])) | grams(max(r[0], r[1])) for r in right])
    first = np.array([[0.0 if not a[0] or not b[0] else 1.0 if a[0] == b[0] else 0.6 if a[0][0] == b[0][0] else
                       0.5 if a[0][:2] == b[1][:2] or a[1][:2] == b[0][:2] else -0.6 for b in right] for a in left])
    score = score + 1.3 * first
    rows, columns = linear_sum_assignment(-np.maximum(score, 3.5))
    return [[int(i), int(j)] for i, j in zip(rows, columns) if score[i, j] > 3.5]
"""


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.05)


def test_true_pairs_have_f1_one_and_none_has_zero(judge, hidden_seeds):
  seeds = iter([*range(8), *hidden_seeds("tables", 16)])
  oracle = judge(TASK, lambda left, right: [list(pair) for pair in MODULE["tables"](next(seeds), 25)[2]])
  assert oracle.value == 1 and oracle.metrics["missed_per_table"] == oracle.metrics["wrong_per_table"] == 0
  assert judge(TASK, lambda left, right: []).value == 0
  assert judge(TASK, lambda left, right: [[i, i] for i in range(min(len(left), len(right)))]).value < 0.15


def test_tables_are_what_the_statement_says():
  left, right, pairs = MODULE["tables"](3, 400)
  assert all(len(row) == 5 and all(type(field) is str for field in row) for row in (*left, *right))
  assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
  assert 0.6 < len(pairs) / len(left) < 0.85
  same = np.mean([[a == b for a, b in zip(left[i], right[j], strict=True)] for i, j in pairs], axis=0)
  assert (same > 0.15).all() and (same < 0.7).all()


@pytest.mark.parametrize("result, message", [
    (lambda left, right: [[0, 1], [0, 2]], "row 0 of the left table is in two pairs"),
    (lambda left, right: [[0, 1], [2, 1]], "row 1 of the right table is in two pairs"),
    (lambda left, right: [[len(left), 0]], "of the left table does not exist"),
    (lambda left, right: [[0, len(right)]], "of the right table does not exist"),
    (lambda left, right: [[-1, 0]], "at least 0"), (lambda left, right: [[0, 0.5]], "expected an integer"),
    (lambda left, right: [0, 1], "real number|array of shape"), (lambda left, right: None, "None")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
