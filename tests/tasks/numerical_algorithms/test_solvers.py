"""Landmarks, clusters, predictions and rows: our reference solvers reach the best known, and a second way agrees."""

import heapq
import itertools

import numpy as np
import pytest
from scipy import optimize, sparse
from scipy.sparse import csgraph

from eft_jax import core

# --- Landmarks --------------------------------------------------------------------------------------------------------

def graph_distances(across, down):
  """All pairs [N, N], by neighbour lists."""
  side = len(across)
  rows, columns, lengths = [], [], []
  for i, j in itertools.product(range(side), range(side)):
    if j + 1 < side:
      rows, columns, lengths = [*rows, i * side + j], [*columns, i * side + j + 1], [*lengths, across[i, j]]
    if i + 1 < side:
      rows, columns, lengths = [*rows, i * side + j], [*columns, i * side + j + side], [*lengths, down[i, j]]
  graph = sparse.coo_matrix((lengths, (rows, columns)), (side**2, side**2)).tocsr()
  return csgraph.dijkstra(graph, directed=False)


def greedy_landmarks(across, down, k):
  """For each grid: k times the node that helps most on queries of its own, then once more."""
  made = []
  for grid in zip(across, down, strict=True):
    lengths = graph_distances(*grid)
    count = len(lengths)
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, count, (35, 2))
    limit = lengths[pairs[:, 0], pairs[:, 1]][:, None] - lengths[pairs[:, 0]]
    inside = limit > 1e-9
    gains = np.abs(lengths[:, None, :] - lengths[:, pairs[:, 1]][:, :, None])[:, inside]  # [landmark, visited pair]
    need = limit[inside]
    chosen, bound = [], np.zeros(len(need))
    for turn in range(2 * k):
      if turn >= k:
        chosen.pop(0)
        bound = gains[chosen].max(axis=0)
      best = int((np.maximum(gains, bound) < need).sum(axis=1).argmin())
      chosen.append(best)
      bound = np.maximum(bound, gains[best])
    made.append(chosen)
  return made


def test_reference_landmarks(judge):
  task = core.load("shortest_paths_landmarks_own")
  assert abs(judge(task, greedy_landmarks).value - task.best_known) <= 1.5


def test_the_count_is_that_of_a_real_search(run):
  """A* on one grid settles the nodes whose bound is below the distance, and at most ties besides."""
  task = core.load("shortest_paths_landmarks_own")
  names = task.evaluate.__globals__
  across, down, lengths, pairs = (part[0] for part in names["instances"]((3,), 9, 20))
  np.testing.assert_allclose(lengths, graph_distances(across, down), rtol=1e-12)
  landmarks = np.array([0, 8, 72, 80, 40, 44])
  total = 0
  for s, t in pairs:
    bound = np.abs(lengths[landmarks] - lengths[landmarks, t][:, None]).max(axis=0)
    done, best, queue = set(), {s: 0.0}, [(bound[s], s)]
    while queue:
      f, v = heapq.heappop(queue)
      if f > lengths[s, t] * (1 - 1e-9):
        break
      if v in done:
        continue
      done.add(v)
      i, j = divmod(int(v), 9)
      for di, dj in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        if 0 <= i + di < 9 and 0 <= j + dj < 9:
          length = across[i, min(j, j + dj)] if dj else down[min(i, i + di), j]
          w, far = (i + di) * 9 + j + dj, best[v] + length
          if far < best.get(w, np.inf):
            best[w] = far
            heapq.heappush(queue, (far + bound[w], w))
    total += len(done)
  few, many = names["visited"](lengths, pairs, landmarks)
  assert few == total < many
  assert names["visited"](lengths, pairs, np.arange(81))[0] <= names["visited"](lengths, pairs, landmarks)[0]


@pytest.mark.parametrize("bad, message", [(-1, "at least 0"), (169, "at most 168"), (0.5, "integer")])
def test_landmarks_are_nodes(bad, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(core.load("shortest_paths_landmarks_own"), np.full((20, 6), bad))


# --- Clusters ---------------------------------------------------------------------------------------------------------

def many_starts(points, k):
  """Lloyd's algorithm from several spread-out starts, as the evaluation's reference but with other draws."""
  made = []
  for cloud in points:
    best, low = None, np.inf
    for start in range(5):
      rng = np.random.default_rng([start, 1])
      centres = cloud[rng.integers(len(cloud), size=1)]
      while len(centres) < k:
        far = ((cloud[:, None] - centres) ** 2).sum(axis=2).min(axis=1)
        centres = np.vstack([centres, cloud[rng.choice(len(cloud), p=far / far.sum())]])
      for _ in range(14):
        member = ((cloud[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack([cloud[member == c].mean(axis=0) if (member == c).any() else centres[c] for c in range(k)])
      cost = ((cloud[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum()
      if cost < low:
        best, low = centres, cost
    made.append(best)
  return made


def test_reference_clusters(judge):
  task = core.load("kmeans_mixtures_own")
  assert judge(task, many_starts).value == pytest.approx(task.best_known, abs=0.04)


def test_one_centre_costs_the_variance(judge):
  task = core.load("kmeans_mixtures_own")
  names = task.evaluate.__globals__
  cloud = np.random.default_rng(0).uniform(0, 1, (50, 2))
  mean = cloud.mean(axis=0)
  assert names["cost"](cloud, np.stack([mean, mean])) == pytest.approx(50 * cloud.var(axis=0).sum(), rel=1e-12)
  assert judge(task, lambda points, k: np.repeat(points.mean(axis=1)[:, None], k, axis=1)).value < task.baseline
  with pytest.raises(core.Invalid, match="at most 100"):
    judge(task, np.full((16, 10, 2), 1e300))


# --- Predictions ------------------------------------------------------------------------------------------------------

def bank_of_trackers(history):
  """Level and slope with many pairs of gains; each series follows those with the least error so far."""
  gains = np.array([(a, b) for a in (0.1, 0.2, 0.35, 0.5, 0.7, 0.9) for b in (0.0, 0.01, 0.03, 0.08, 0.15, 0.3)])
  a, b = gains.T[:, :, None]
  level, slope, cost = np.zeros((3, len(gains), len(history)))
  level += history[:, 0]
  for z in history[:, 1:].T:
    guess = level + slope
    off = z - guess
    cost = 0.97 * cost + off**2
    level, slope = guess + a * off, slope + b * off
  weight = np.exp(-0.5 * (cost - cost.min(axis=0)))
  return (weight * (level + slope)).sum(axis=0) / weight.sum(axis=0)


def fitted_recursion(history):
  """A linear recursion of order five, fitted to each series with a ridge."""
  p = 5
  t = history.shape[1]
  if t < 6:
    return 0.3 * history[:, -1]
  rows = np.stack([history[:, i:t - p + i] for i in range(p)], axis=2)
  square = rows.transpose(0, 2, 1) @ rows + 8.0 * np.eye(p)
  law = np.linalg.solve(square, rows.transpose(0, 2, 1) @ history[:, p:, None])
  return (history[:, None, t - p:] @ law)[:, 0, 0]


PREDICTORS = {"trend": bank_of_trackers, "oscillation": fitted_recursion}


@pytest.mark.parametrize("name", PREDICTORS)
def test_reference_predictions(name, judge):
  task = core.load(f"kalman_filter_{name}_own")
  assert abs(judge(task, PREDICTORS[name]).value - task.best_known) <= task.spread


@pytest.mark.parametrize("name", PREDICTORS)
def test_the_kalman_filter_is_the_conditional_mean(name):
  """Against the regression of each measurement on all earlier ones, from their joint covariance."""
  names = core.load(f"kalman_filter_{name}_own").evaluate.func.__globals__
  f, q, r = names["LAWS"][name].draw(np.random.default_rng(5))
  states = [np.eye(2) * 100.0]  # covariance of the state, then of pairs of times
  for _ in range(7):
    states.append(f @ states[-1] @ f.T + q)
  cover = np.array([[(np.linalg.matrix_power(f, max(j - i, 0)) @ states[min(i, j)]
                      @ np.linalg.matrix_power(f, max(i - j, 0)).T)[0, 0] + r * (i == j)
                     for i in range(8)] for j in range(8)])
  z = np.random.default_rng(6).normal(size=8) * 5
  expected = [0.0, *(cover[t, :t] @ np.linalg.solve(cover[:t, :t], z[:t]) for t in range(1, 8))]
  np.testing.assert_allclose(names["filtered"](z, f, q, r), expected, rtol=1e-8, atol=1e-8)


def test_predictions_never_see_what_they_predict(judge):
  """One call per step, each with the past alone: to repeat the last column is the naive forecast."""
  seen = []
  task = core.load("kalman_filter_trend_own")

  def naive(history):
    seen.append(history.copy())
    return history[:, -1]

  value = judge(task, naive).value
  assert [h.shape for h in seen] == [(128, t) for t in range(1, 50)] and 0 < value < task.best_known
  for before, after in itertools.pairwise(seen):
    np.testing.assert_array_equal(before, after[:, :-1])
  with pytest.raises(core.Invalid, match="at most 1000000000"):
    judge(task, lambda history: np.full(128, 1e10))


# --- Rows -------------------------------------------------------------------------------------------------------------

def exchanged_rows(matrices, targets, k):
  """Rows of least residual, then random exchanges that lower what is left of all rows."""
  rng = np.random.default_rng(0)
  made = []
  for a, b in zip(matrices, targets, strict=True):
    x = np.linalg.lstsq(a, b, rcond=None)[0]
    chosen = np.argsort(np.abs(a @ x - b) / np.linalg.norm(a, axis=1))[:k]

    def excess(rows, a=a, b=b):
      part = a[rows]
      return ((a @ np.linalg.solve(part.T @ part, part.T @ b[rows]) - b) ** 2).sum()

    low = excess(chosen)
    for _ in range(400):
      trial = chosen.copy()
      trial[rng.integers(k)] = rng.integers(len(b))
      if len(set(trial.tolist())) == k and (value := excess(trial)) < low:
        chosen, low = trial, value
    made.append(chosen)
  return made


def test_reference_rows(judge):
  task = core.load("least_squares_rows_own")
  assert abs(judge(task, exchanged_rows).value - task.best_known) <= 0.15


def test_what_is_left_agrees_with_lstsq():
  names = core.load("least_squares_rows_own").evaluate.__globals__
  matrices, targets, least = names["instances"]((1, 2), 30, 4)
  chosen = np.array([np.random.default_rng(s).permutation(30)[:9] for s in range(2)])
  for a, b, rows, left in zip(matrices, targets, chosen, names["left"](matrices, targets, chosen), strict=True):
    x = np.linalg.lstsq(a[rows], b[rows], rcond=None)[0]
    assert left == pytest.approx(((a @ x - b) ** 2).sum(), rel=1e-5)
  everything = np.tile(np.arange(30), (2, 1))
  np.testing.assert_allclose(names["left"](matrices, targets, everything), least, rtol=1e-12)


@pytest.mark.parametrize("rows, message", [
    ([*range(17), 3], "row 3 is chosen twice"), ([*range(17), 120], "at most 119"), (range(17), "17")])
def test_rows_are_different_rows(rows, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(core.load("least_squares_rows_own"), [list(rows)] * 72)


# --- Barycenters ------------------------------------------------------------------------------------------------------

def averaged(clouds):
  """Pairing and averaging in turn, from every cloud."""
  made = []
  for sets in clouds:
    best, low = None, np.inf
    for points in sets:
      for _ in range(8):
        squared = ((points[None, :, None] - sets[:, None]) ** 2).sum(axis=3)
        partners = np.stack([cloud[optimize.linear_sum_assignment(costs)[1]]
                             for cloud, costs in zip(sets, squared, strict=True)])
        total = ((points - partners) ** 2).sum()
        if total < low:
          best, low = points, total
        points = partners.mean(axis=0)
    made.append(best)
  return made


def test_reference_barycenters(judge):
  task = core.load("wasserstein_barycenter_own")
  assert judge(task, averaged).value == pytest.approx(task.best_known, abs=0.03)


def test_distances_are_those_of_all_pairings():
  names = core.load("wasserstein_barycenter_own").evaluate.__globals__
  rng = np.random.default_rng(0)
  points, clouds = rng.normal(size=(5, 2)), rng.normal(size=(3, 5, 2))
  least = sum(min(((points - cloud[list(order)]) ** 2).sum(axis=1).mean() for order in
                  itertools.permutations(range(5))) for cloud in clouds)
  assert names["paired"](points, clouds)[0] == pytest.approx(least, rel=1e-12)


def test_the_cloud_itself_is_at_distance_zero_and_one_point_is_not_the_answer(judge):
  task = core.load("wasserstein_barycenter_own")
  names = task.evaluate.__globals__
  cloud = np.random.default_rng(1).normal(size=(7, 2))
  assert names["paired"](cloud[::-1], np.stack([cloud] * 2))[0] == 0
  middle = lambda clouds: np.repeat(clouds.mean(axis=(1, 2))[:, None], clouds.shape[2], axis=1)
  assert judge(task, middle).value < task.baseline
  with pytest.raises(core.Invalid, match="at most 100"):
    judge(task, np.full((40, 14, 2), 1e200))
