"""Reference: annealing of single pipes from the greedy tree; only flows on the old and the new way change."""
import math

import numpy as np

ROUNDS = 10000
rng = np.random.default_rng(0)


def layout(points):
  n = len(points)
  away = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
  near = np.argsort(away, axis=1)[:, 1:11].tolist()
  length = away.tolist()
  rank = np.argsort(away[0], kind="stable")
  parent, flow = [0] * n, [1] * n
  for place in range(1, n):  # the greedy tree
    parent[rank[place]] = int(rank[away[rank[place], rank[:place]].argmin()])
  for house in rank[:0:-1].tolist():
    flow[parent[house]] += flow[house]
  root = [math.sqrt(k) for k in range(n + 1)]
  change = best = 0.0
  kept = parent.copy()
  houses, picks, draws = rng.integers(1, n, ROUNDS), rng.integers(0, 11, ROUNDS), rng.random(ROUNDS)
  for step, (house, pick, draw) in enumerate(zip(houses.tolist(), picks.tolist(), draws.tolist(), strict=True)):
    to = 0 if pick == 10 else near[house][pick]
    at = to
    while at and at != house:
      at = parent[at]
    if at == house or to == parent[house]:
      continue
    units, old, gain = flow[house], parent[house], 0.0
    gain += root[units] * (length[house][to] - length[house][old])
    at = old
    while at:
      gain += length[at][parent[at]] * (root[flow[at] - units] - root[flow[at]])
      flow[at] -= units
      at = parent[at]
    at = to
    while at:
      gain += length[at][parent[at]] * (root[flow[at] + units] - root[flow[at]])
      flow[at] += units
      at = parent[at]
    heat = 0.02 * (1 - step / ROUNDS) + 1e-6
    if gain < 0 or draw < math.exp(-gain / heat):
      parent[house] = to
      change += gain
      if change < best - 1e-12:
        best, kept = change, parent.copy()
      continue
    at = to
    while at:
      flow[at] -= units
      at = parent[at]
    at = old
    while at:
      flow[at] += units
      at = parent[at]
  return kept[1:]
