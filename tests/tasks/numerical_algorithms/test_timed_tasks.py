"""Timed tasks: a fast program agrees with the reference and beats the seed; a wrong one never scores."""

import pytest

from eft_jax import core, sandbox
from eft_jax.core import speed

# Task: a program that is several times faster than the seed, by a method other than the reference's where there is one.
FAST = {
    "affine_transform_2d_own": """
import numpy as np
def warp(image, matrix, offset):
  n = len(image)
  k = np.arange(n)
  y = (matrix[0, 0] * k + offset[0])[:, None] + matrix[0, 1] * k
  x = (matrix[1, 0] * k + offset[1])[:, None] + matrix[1, 1] * k
  inside = (y >= 0) & (y <= n - 1) & (x >= 0) & (x <= n - 1)
  y, x = y[inside], x[inside]
  i, j = np.minimum(y.astype(int), n - 2), np.minimum(x.astype(int), n - 2)
  y, x, flat, at = y - i, x - j, image.ravel(), i * n + j
  top = flat[at] + x * (flat[at + 1] - flat[at])
  low = flat[at + n] + x * (flat[at + n + 1] - flat[at + n])
  out = np.zeros((n, n))
  out[inside] = top + y * (low - top)
  return out
""",
    "convolution_2d_full_own": """
import numpy as np
def convolve(image, kernel):
  size = len(image) + len(kernel) - 1
  shape = (128, 128) if size <= 128 else (320, 320)
  product = np.fft.rfft2(image, shape) * np.fft.rfft2(kernel, shape)
  return np.fft.irfft2(product, shape)[:size, :size]
""",
    "fft_convolution_own": """
import numpy as np
def convolve(signal, kernel):
  total = len(signal) + len(kernel) - 1
  size = 12800 if total <= 12800 else 204800
  return np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(kernel, size), size)[:total]
""",
    "polynomial_roots_real_own": """
import numpy as np
def roots(coefficients):
  count, n = coefficients.shape[0], coefficients.shape[1] - 1
  companion = np.zeros((count, n, n))
  companion[:, 0] = -coefficients[:, 1:]
  companion[:, range(1, n), range(n - 1)] = 1
  return np.sort(np.linalg.eigvals(companion).real, axis=1)
""",
    "psd_projection_own": """
import numpy as np
def project(matrices):
  values, vectors = np.linalg.eigh(matrices)
  return (vectors * np.maximum(values, 0)[:, None]) @ vectors.transpose(0, 2, 1)
""",
    "simplex_projection_own": """
import numpy as np
def project(y):
  s = -np.sort(-y, axis=1)
  c = (np.cumsum(s, axis=1) - 1) / np.arange(1, y.shape[1] + 1)
  k = (s > c).sum(axis=1) - 1
  return np.maximum(y - c[np.arange(len(y)), k][:, None], 0)
""",
    "cumulative_simpson_own": """
import numpy as np
def integrate(y, dx):
  out = np.zeros_like(y)
  a, b, c = y[:, 0:-2:2], y[:, 1::2], y[:, 2::2]
  eight = 8 * b
  out[:, 1::2] = 5 * a + eight - c
  out[:, 2::2] = eight + 5 * c - a
  out *= dx / 12
  return np.cumsum(out, axis=1, out=out)
""",
    "graph_laplacian_own": """
import numpy as np
def apply(tails, heads, weights, vectors):
  n, d = vectors.shape
  i, j = np.concatenate([tails, heads]), np.concatenate([heads, tails])
  w = np.concatenate([weights, weights])
  s = 1 / np.sqrt(np.bincount(i, w, n))
  v = vectors * s[:, None]
  out = np.stack([np.bincount(i, w * v[j, k], n) for k in range(d)], axis=1)
  return vectors - s[:, None] * out
""",
    "ks_test_own": """
import numpy as np
def statistic(first, second):
  p, n = first.shape
  m = second.shape[1]
  both = np.concatenate([first, second], axis=1)
  order = np.argsort(both, axis=1, kind="stable")
  z = np.take_along_axis(both, order, 1)
  d = np.cumsum(np.where(order < n, 1 / n, -1 / m), axis=1)
  last = np.ones(z.shape, bool)
  last[:, :-1] = z[:, 1:] != z[:, :-1]
  return np.abs(np.where(last, d, 0)).max(axis=1)
""",
    "toeplitz_solver_own": """
import numpy as np
from scipy import linalg
def solve(columns, sides):
  return np.array([linalg.solve_toeplitz(c, b) for c, b in zip(columns, sides)])
""",
    "stable_matching_own": """
import numpy as np
def match(wishes, ranks):
  out = []
  for wish, rank in zip(wishes.tolist(), ranks.tolist()):
    n = len(wish)
    held = [-1] * n
    its = [iter(w) for w in wish]
    for a in range(n):
      while a >= 0:
        b = next(its[a])
        h = held[b]
        if h < 0:
          held[b] = a
          break
        r = rank[b]
        if r[a] < r[h]:
          held[b] = a
          a = h
    out.append(held)
  return out
""",
}


@pytest.fixture(scope="module")
def pool():
  """The real sandbox: numpy has one thread there, and each process its own clock."""
  with sandbox.Pool(1, sandbox.SandboxSettings(secret="7e" * 32)) as pool:
    yield pool


@pytest.mark.parametrize("name", FAST)
def test_a_fast_program_is_right_and_faster_than_the_seed(name, pool):
  task = core.load(name)
  slow, fast = pool.evaluate(name, task.seed_program), pool.evaluate(name, core.Program(FAST[name]))
  assert task.timed and slow.ok and fast.ok, (slow.message, fast.message)
  assert fast.value >= 1.5 * slow.value and fast.metrics["implausible"] == 0
  assert fast.value == speed.quantised(fast.metrics["speedup"])
  assert 0.5 < slow.value / task.baseline < 2 and not fast.instances and fast.construction is None


@pytest.mark.parametrize("name", FAST)
def test_what_is_not_the_answer_does_not_score(name, pool):
  task = core.load(name)
  arms = {
      "kept.append(0 if kept else slow(*arguments)) or kept[0]": (core.Outcome.WRONG, "the right answer is"),
      "np.roll(np.asarray(slow(*arguments)), 1, axis=-1)": (core.Outcome.WRONG, "the right answer is"),
      "slow(*arguments)[:-1]": (core.Outcome.INVALID, "expected"),
      "np.asarray(slow(*arguments)) * np.nan": (core.Outcome.INVALID, "nan"),
  }
  for answer, (outcome, message) in arms.items():
    result = pool.evaluate(name, core.Program(
        f"{FAST[name]}\nslow, kept = {task.entry}, []\ndef {task.entry}(*arguments):\n  return {answer}\n"))
    assert result.outcome is outcome and message in result.message, (answer, result.outcome, result.message)
