"""Parallel machines: planted optima exist, the reference program, the relaxation is a bound."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = {kind: core.load(f"makespan_{kind}_own") for kind in ("identical", "speeds", "unrelated")}
REFERENCE = """
import numpy as np

def solve(times):
    B, n, m = times.shape
    rng = np.random.default_rng(0)
    rows = np.arange(B)
    machine = times.argmin(2)
    loads = (times * (machine[:, :, None] == np.arange(m))).sum(1).astype(float)
    best, least = machine.copy(), loads.max(1)
    heat = 0.03 * loads.mean(1)
    for k in range(7000):
        i, j, to = rng.integers(n), rng.integers(n), rng.integers(m, size=B)
        a, b = machine[:, i].copy(), machine[:, j].copy()
        swap = rng.random(B) < 0.6
        a2, b2 = np.where(swap, b, to), np.where(swap & (i != j), a, b)
        if i == j:
            b2 = a2
        new = loads.copy()
        new[rows, a] -= times[rows, i, a]
        new[rows, a2] += times[rows, i, a2]
        if i != j:
            new[rows, b] -= times[rows, j, b]
            new[rows, b2] += times[rows, j, b2]
        change = (new**2).sum(1)**0.5 + new.max(1) - (loads**2).sum(1)**0.5 - loads.max(1)
        take = change < heat * (1 - k / 7000) ** 2 * rng.exponential(size=B)
        machine[take, i], machine[take, j] = a2[take], b2[take]
        loads[take] = new[take]
        good = loads.max(1) < least
        best[good], least[good] = machine[good], loads.max(1)[good]
    return best
"""


@pytest.mark.parametrize("kind", TASKS)
def test_the_reference_is_near_the_best_known_value(kind, run):
  value = run(TASKS[kind], REFERENCE, key="key 1").value
  assert value == pytest.approx(TASKS[kind].best_known, abs=0.01 if kind == "unrelated" else 0.04) and value <= 1


def fills(times: list[list[int]], rooms: list[int]) -> bool:
  """Whether some assignment fills all machines exactly; jobs stand from large to small."""
  if not times:
    return not any(rooms)
  for machine, need in enumerate(times[0]):
    if need <= rooms[machine]:
      rest = rooms.copy()
      rest[machine] -= need
      if fills(times[1:], rest):
        return True
  return False


@pytest.mark.parametrize("kind", ["identical", "speeds"])
def test_the_planted_assignment_exists(kind, family):
  """On small draws of the generator, by exhaustive search."""
  for seed in range(4):
    times, bound = family("makespan").planted(kind, np.random.default_rng(seed), 9, 3)
    ordered = times[np.argsort(-times[:, 0])].tolist()
    assert times.shape == (9, 3) and fills(ordered, [int(bound)] * 3)


def test_the_relaxation_is_below_the_optimum(family):
  """Of small draws, over all assignments."""
  for seed in range(3):
    times, bound = family("makespan").unrelated(np.random.default_rng(seed), 7, 3)
    spans = [max(sum(times[j, m] for j in range(7) if row[j] == m) for m in range(3))
             for row in itertools.product(range(3), repeat=7)]
    assert 0.5 * min(spans) < bound <= min(spans) + 1e-9


def test_values_equal_a_second_computation(judge):
  seen = []
  machine = np.random.default_rng(0).integers(4, size=(40, 24))
  score = judge(TASKS["speeds"], lambda times: seen.extend(times.tolist()) or machine)
  for times, row, value in zip(seen[:8], machine[:8].tolist(), score.instances, strict=True):
    ends = [sum(times[job][m] for job in range(24) if row[job] == m) for m in range(4)]
    assert value == 3000 / max(ends)


def test_what_is_invalid(judge):
  for given, message in ((np.full((40, 24), 4), "at most 3"), (np.full((40, 24), -1), "at least 0"),
                         (np.full((40, 24), 0.5), "an integer"), (np.zeros((40, 23)), "shape"), (None, "None")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS["identical"], given)
