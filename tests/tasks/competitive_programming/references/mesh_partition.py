"""Reference: recursive spectral bisection, then a tabu search of swaps between parts."""
import numpy as np

STEPS = 60


def divide(edges, n, k):
  near = np.zeros((n, n))
  near[edges[:, 0], edges[:, 1]] = near[edges[:, 1], edges[:, 0]] = 1
  parts = [np.arange(n)]
  while len(parts) < k:
    halves = []
    for part in parts:
      block = near[np.ix_(part, part)]
      degree = block.sum(axis=1)
      x = np.arange(len(part)) - len(part) / 2 + 0.5
      for _ in range(400):  # power iteration towards the second eigenvector of the Laplacian
        x = (2 * degree.max() - degree) * x + block @ x
        x -= x.mean()
        x /= np.abs(x).max()
      order = part[np.argsort(x)]
      halves += [order[:len(order) // 2], order[len(order) // 2:]]
    parts = halves
  label = np.zeros(n, int)
  for i, part in enumerate(parts):
    label[part] = i
  rows = np.arange(n)
  cut = best = (near * (label[:, None] != label)).sum() / 2
  kept, wait = label.copy(), np.zeros(n)
  for step in range(STEPS):
    links = near @ np.eye(k)[label]  # [n, k]
    rise = links[:, label] - links[rows, label][:, None]  # u into the part of v
    gain = rise + rise.T - 2 * near
    gain[label[:, None] == label] = -99
    gain[wait > step] = -99
    gain[:, wait > step] = -99
    u, v = np.unravel_index(gain.argmax(), gain.shape)
    label[u], label[v] = label[v], label[u]
    wait[[u, v]] = step + 8
    cut -= gain[u, v]
    if cut < best:
      best, kept = cut, label.copy()
  return kept
