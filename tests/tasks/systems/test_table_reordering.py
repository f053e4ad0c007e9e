"""Table reordering: the bound against all orders of small tables, the greedy grouping, and what is refused."""

import itertools
import os.path

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("table_reordering_own")
MODULE = TASK.evaluate.__globals__
# Takes the value whose rows share most characters to the front, follows it with the same question on these rows, and
# does so again with the rest: fields are ordered for each group on its own.
REFERENCE = """
def shared(texts):
    texts = sorted(texts)
    total = 0
    for a, b in zip(texts, texts[1:]):
        n = 0
        while n < min(len(a), len(b)) and a[n] == b[n]:
            n += 1
        total += n
    return total

def group(table, rows, columns):
    if len(rows) < 2 or not columns:
        return [[r, *columns] for r in rows]
    best = (-1, None)
    for c in columns:
        counts = {}
        for r in rows:
            counts.setdefault(table[r][c], []).append(r)
        for value, members in counts.items():
            gain = len(value) + 3
            for d in columns:
                if d != c and len({table[r][d] for r in members}) == 1:
                    gain += len(table[members[0]][d]) + 3
            gain = gain * (len(members) - 1)
            if gain > best[0]:
                best = (gain, c, members)
    if best[0] <= 0:
        c = max(columns, key=lambda c: shared([table[r][c] for r in rows]))
        rest = [d for d in columns if d != c]
        return [[r, c, *rest] for r in sorted(rows, key=lambda r: table[r][c])]
    c, members = best[1:]
    fixed = [d for d in columns if d != c and len({table[r][d] for r in members}) == 1]
    rest = [d for d in columns if d != c and d not in fixed]
    inner = [[plan[0], c, *fixed, *plan[1:]] for plan in group(table, members, rest)]
    return inner + group(table, [r for r in rows if r not in members], columns)

def plain(table, order):
    rows = sorted(range(len(table)), key=lambda r: [table[r][c] for c in order])
    return [[r, *order] for r in rows]

def hits(table, plan):
    prompts = ["".join(f"{c}={table[r][c]};" for c in order) for r, *order in plan]
    return sum(len(__import__("os").path.commonprefix(pair)) for pair in zip(prompts, prompts[1:]))

def reorder(tables):
    plans = []
    for table in tables:
        columns = list(range(len(table[0])))
        order = sorted(columns, key=lambda c: -shared([row[c] for row in table]))
        options = plain(table, order), group(table, list(range(len(table))), columns)
        plans.append(max(options, key=lambda p: hits(table, p)))
    return plans
"""


def test_no_order_of_a_small_table_beats_the_bound():
  table = [["xa", "p", "long one"], ["xb", "p", "long one"], ["xa", "q", "long two"]]
  fields = [[f"{'abc'[c]}={value};" for c, value in enumerate(row)] for row in table]
  bound = sum(MODULE["shared"](sorted(column)) for column in zip(*fields, strict=True))
  best = 0
  orders = list(itertools.permutations(range(3)))
  for rows in orders:
    for fieldings in itertools.product(orders, repeat=3):
      prompts = ["".join(fields[r][c] for c in order) for r, order in zip(rows, fieldings, strict=True)]
      hits = sum(len(os.path.commonprefix(pair)) for pair in itertools.pairwise(prompts))
      assert hits == MODULE["shared"](prompts)
      best = max(best, hits)
  assert 20 < best <= bound


def test_the_value_equals_a_second_count(run):
  """The order of the table itself, counted with the standard library."""
  plain = "def reorder(tables):\n    return [[[r, *range(len(t[0]))] for r in range(len(t))] for t in tables]\n"
  fields, bounds = MODULE["tables"](MODULE["PUBLIC_SEEDS"], *MODULE["SIZES"]["search"])
  rates = []
  for table, bound in zip(fields, bounds, strict=True):
    prompts = ["".join(row) for row in table]
    rates.append(sum(len(os.path.commonprefix(pair)) for pair in itertools.pairwise(prompts)) / bound)
  assert list(run(TASK, plain).instances) == pytest.approx(rates) and max(rates) < 0.5


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.05) and max(values) < 1


def test_a_row_may_not_stand_twice_nor_a_field_be_left_out(judge):
  def plan(tables, row=lambda r: r, field=lambda c: c):
    return [[[row(r), *map(field, range(6))] for r in range(30)] for _ in tables]
  judge(TASK, plan)
  with pytest.raises(core.Invalid, match=r"table 0: \[0, 0, 0.* is no permutation of the 30 rows"):
    judge(TASK, lambda tables: plan(tables, row=lambda r: 0))
  with pytest.raises(core.Invalid, match=r"\[0, 0, 1, 1, 2, 2\] is no permutation of the 6 fields"):
    judge(TASK, lambda tables: plan(tables, field=lambda c: c // 2))
  with pytest.raises(core.Invalid, match="7 are expected"):
    judge(TASK, lambda tables: [[row[:-1] for row in table] for table in plan(tables)])
