"""Circle packings: records at zero tolerance, exact feasibility after repair, nothing gained by overlap."""

import itertools
from fractions import Fraction

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import optimize

from eft_jax import core

PUBLISHED = {26: "2.63598308", 32: "2.93957"}  # digits that all zero-tolerance records share


def exactly_valid(circles) -> bool:
  """In rational arithmetic: inside the unit square and disjoint."""
  rows = [[Fraction(float(c)) for c in row] for row in circles]
  inside = all(r >= 0 and r <= x <= 1 - r and r <= y <= 1 - r for x, y, r in rows)
  return inside and all((x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2
                        for (x, y, r), (u, v, s) in itertools.combinations(rows, 2))


@pytest.mark.parametrize("n", PUBLISHED)
def test_records_score_one_at_zero_tolerance(n, judge, known):
  task = core.load(f"circle_packing_{n}")
  score = judge(task, known(f"circle_packing_{n}"))
  assert str(score.value).startswith(PUBLISHED[n]) and task.score(score.value) == pytest.approx(1, abs=1e-12)
  assert exactly_valid(score.construction) and float(sum(score.construction[:, 2])) == pytest.approx(score.value)


@pytest.mark.parametrize("slack", [1e-12, 1e-9, 1e-7])
def test_slack_gains_nothing(slack, judge, known):
  record = known("circle_packing_26")
  honest = judge(core.load("circle_packing_26"), record).value
  for swollen in (record + [0, 0, slack], record * [1, 1, 1 + slack]):
    score = judge(core.load("circle_packing_26"), swollen)
    assert score.value <= honest and exactly_valid(score.construction)


def test_messages_name_the_circles(judge):
  task = core.load("circle_packing_26")
  grid = np.array([[x, y, 0.08] for x in np.arange(6) / 6 + 1 / 12 for y in np.arange(6) / 6 + 1 / 12])[:26]
  assert judge(task, grid).value == pytest.approx(26 * 0.08)
  def message(row, column, value):
    wrong = grid.copy()
    wrong[row, column] = value
    with pytest.raises(core.Invalid) as error:
      judge(task, wrong)
    return str(error.value)
  assert message(2, 0, 0.08 - 3.1e-4) == "circle 2 reaches out of the square by 0.00031"
  assert message(7, 0, 0.25 + 1 / 150 + 3.1e-4) == "circles 7 and 13 overlap by 0.00031"
  assert message(3, 2, -1e-9) == "radii[3] is -1e-09, expected at least 0"
  assert message(3, 0, 1.0000001) == "centres[3, 0] is 1.0000001, expected at most 1"
  assert message(3, 2, 1e300) == "radii[3] is 1e+300, expected at most 0.5"


def test_degenerate_packings_are_harmless(judge):
  task = core.load("circle_packing_26")
  assert judge(task, np.zeros((26, 3))).value == 0
  assert judge(task, np.full((26, 3), [0.5, 0.5, 0.0])).value == 0
  heap = np.full((26, 3), [0.5, 0.5, 4e-7])  # all in one place, within what is repaired
  assert judge(task, heap).value == 0


@hypothesis.given(st.integers(0, 2**32 - 1), st.floats(-9, -6.5), st.booleans())
@hypothesis.settings(max_examples=60, deadline=None)
def test_what_comes_out_is_exactly_valid_and_no_larger(judge, seed, exponent, swell):
  """Random centres with touching radii, some a little too large."""
  rng = np.random.default_rng(seed)
  centres = rng.uniform(0, 1, (26, 2))
  gap = np.hypot(*(centres[:, None] - centres).T) + 2 * np.eye(26)
  radii = np.minimum(gap.min(axis=0) / 2, np.minimum(centres, 1 - centres).min(axis=1))
  radii += swell * 10**exponent * rng.uniform(0, 1, 26)
  score = judge(core.load("circle_packing_26"), np.column_stack([centres, radii]))
  assert exactly_valid(score.construction)
  assert (score.construction[:, 2] <= radii).all() and (score.construction[:, :2] == centres).all()


@pytest.mark.parametrize("n", PUBLISHED)
def test_a_quick_optimisation_stays_below_the_record(n, judge):
  """Sequential linear programs from rows of circles: honest packings come close and not above."""
  task, rng = core.load(f"circle_packing_{n}"), np.random.default_rng(n)
  centres = (np.stack(np.divmod(np.arange(n), 6), axis=1) + 0.5) / 6
  centres = np.clip(centres + rng.normal(0, 0.03, (n, 2)), 0.05, 0.95)
  pairs = np.array(list(itertools.combinations(range(n), 2)))
  for reach in np.geomspace(0.1, 1e-6, 25):
    gap = centres[pairs[:, 0]] - centres[pairs[:, 1]]
    unit = gap / np.linalg.norm(gap, axis=1, keepdims=True)
    # r_i + r_j <= unit . (c_i - c_j) implies no overlap, because distance is convex.
    rows = np.zeros((len(pairs) + 4 * n, 3 * n))
    index = np.arange(len(pairs))
    for sign, side in ((-1, 0), (1, 1)):
      for axis in (0, 1):
        rows[index, 3 * pairs[:, side] + axis] = sign * unit[:, axis]
      rows[index, 3 * pairs[:, side] + 2] = 1
    for wall, (axis, sign) in enumerate(itertools.product((0, 1), (-1, 1))):
      place = len(pairs) + wall * n + np.arange(n)
      rows[place, 3 * np.arange(n) + axis], rows[place, 3 * np.arange(n) + 2] = sign, 1
    limits = np.concatenate([np.zeros(len(pairs)), np.repeat([0, 1, 0, 1], n)])
    box = [(max(0, c - reach), min(1, c + reach)) for c in centres.ravel()]
    bounds = [b for i in range(n) for b in (box[2 * i], box[2 * i + 1], (0, 0.5))]
    solution = optimize.linprog(np.tile([0, 0, -1], n), rows, limits, bounds=bounds).x.reshape(n, 3)
    centres = solution[:, :2]
  score = judge(task, solution)
  assert exactly_valid(score.construction) and 0.9 < task.score(score.value) < 1
