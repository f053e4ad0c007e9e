"""Reference: for each tilt, some random drops of the next sweet and the best tilt after each."""
import numpy as np

SAMPLES = 4
rng = np.random.default_rng(0)


def slide(boards, axis, up):
  order = np.argsort((boards == 0) if up else (boards != 0), axis=axis, kind="stable")
  return np.take_along_axis(boards, order, axis=axis)


def worth(boards):
  """Equal neighbours, and sweets of a kind near their common centre, for boards [M, n, n]."""
  full = boards > 0
  same = ((boards[:, 1:] == boards[:, :-1]) & full[:, 1:]).sum(axis=(1, 2))
  same = same + ((boards[:, :, 1:] == boards[:, :, :-1]) & full[:, :, 1:]).sum(axis=(1, 2))
  i, j = np.indices(boards.shape[1:])
  far = 0
  for kind in (1, 2, 3):
    mask = boards == kind
    count = np.maximum(mask.sum(axis=(1, 2)), 1)
    for place in (i, j):
      mean = (mask * place).sum(axis=(1, 2)) / count
      far = far + (mask * (place - mean[:, None, None]) ** 2).sum(axis=(1, 2))
  return same - 0.5 * far


def rank(boards, coming):
  count, _, n, _ = boards.shape
  total = np.zeros((count, 4))
  for _ in range(SAMPLES):
    filled = boards.reshape(count * 4, n * n).copy()
    empty = filled == 0
    target = np.floor(rng.random(len(filled)) * empty.sum(axis=1))
    cell = (empty.cumsum(axis=1) > target[:, None]).argmax(axis=1)
    filled[np.arange(len(filled)), cell] = np.repeat(coming[:, 0], 4)
    filled = filled.reshape(-1, n, n)
    best = np.max([worth(slide(filled, axis, up)) for axis in (1, 2) for up in (True, False)], axis=0)
    total += best.reshape(count, 4)
  return total
