"""Facility location: the reference program, the dual bound under the optimum, and costs by a second computation."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASKS = [core.load("facility_location_plane_own"), core.load("facility_location_random_own")]
REFERENCE = """
import numpy as np

def solve(opening, service):
    rng = np.random.default_rng(0)
    B, F, C = service.shape
    least, best = np.full(B, np.inf), np.ones((B, F), bool)
    flips = np.eye(F, dtype=bool)
    swaps = np.stack([flips[i] | flips[j] for i in range(F) for j in range(i)])
    moves = np.vstack([flips, swaps])
    for k in range(3):
        now = rng.random((B, F)) < 0.3
        for step in range(14):
            tried = now[:, None] ^ moves
            chosen = np.stack([total(o, s, t) for o, s, t in zip(opening, service, tried)])
            pick = chosen.argmin(1)
            now = now ^ moves[pick]
            value = chosen.min(1)
            better = value < least
            if not better.any() and step > 6:
                break
            least[better], best[better] = value[better], now[better]
    return best * 1

def total(opening, service, tried):
    away = np.where(tried[:, :, None], service.astype(np.float32), np.float32(1e9))
    return tried @ opening + away.min(1).sum(1)
"""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_is_the_best_known_value(task, run):
  values = [run(task, REFERENCE, key=f"key {i}").value for i in range(2)]
  assert np.mean(values) == pytest.approx(task.best_known, abs=0.01) and max(values) <= 1


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_values_hold_the_cost_and_a_lower_bound(task, judge):
  """Two choices of sites give the same bound, which is below the linear one."""
  seen, scores = [], []
  for opened in (np.ones((40, 20)), np.tile(np.arange(20) % 2, (40, 1))):
    scores.append(judge(task, lambda *given: seen.extend(zip(*given, strict=True)) or opened).instances)  # noqa: B023
  for b in range(8):
    opening, service = (part.tolist() for part in seen[b])
    totals = []
    for sites in (range(20), range(1, 20, 2)):
      totals.append(sum(opening[f] for f in sites) + sum(min(service[f][c] for f in sites) for c in range(40)))
    bounds = [scores[i][b] * totals[i] for i in range(2)]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-12)
    assert bounds[0] <= relaxation(opening, service) + 1e-6


def relaxation(opening, service) -> float:
  """Optimum where sites may be opened in part."""
  from scipy import optimize, sparse
  sites, clients = len(opening), len(service[0])
  cost = np.concatenate([opening, np.ravel(service)])
  served = sparse.hstack([sparse.coo_matrix((clients, sites)), sparse.hstack([sparse.eye(clients)] * sites)])
  within = sparse.hstack([-sparse.kron(sparse.eye(sites), np.ones((clients, 1))), sparse.eye(sites * clients)])
  return optimize.linprog(cost, A_ub=within, b_ub=np.zeros(sites * clients), A_eq=served, b_eq=np.ones(clients)).fun


def test_the_reference_finds_the_optimum_of_small_instances():
  scope = {}
  exec(REFERENCE, scope)
  rng = np.random.default_rng(3)
  opening, service = rng.integers(500, 2001, (4, 8)), rng.integers(1, 1001, (4, 8, 20))
  found = scope["solve"](opening, service)
  for fee, way, on in zip(opening, service, found, strict=True):
    totals = {sites: fee[list(sites)].sum() + way[list(sites)].min(axis=0).sum()
              for k in range(1, 9) for sites in itertools.combinations(range(8), k)}
    assert totals[tuple(np.flatnonzero(on).tolist())] == min(totals.values())


def test_what_is_invalid(judge):
  for given, message in (
      (np.zeros((40, 20)), "instance 0: no site is open"), (np.full((40, 20), 0.5), "an integer"),
      (np.full((40, 20), 2), "at most 1"), (np.ones((40, 21)), "shape"), (np.full((40, 20), np.nan), "nan")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASKS[0], given)
