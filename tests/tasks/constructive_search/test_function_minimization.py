"""Function minimisation: minima by a second method, what the candidate sees, and a search that comes near the bound."""

import numpy as np
import pytest
from scipy import optimize

from eft_jax import core

TASK = core.load("function_minimization_own")
MODULE = TASK.evaluate.__globals__
# Spread points, then the least of a radial basis model refitted each round, and a quadratic step at the end.
REFERENCE = """
import numpy as np

axis = np.linspace(-4, 4, 41)
grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)

def propose(points, values):
    b, k, _ = points.shape
    rng = np.random.default_rng(k)
    if k < 25:
        i = np.arange(k, k + 5)[:, None] + 1
        return np.tile(np.mod(i * [0.7548776662, 0.5698402910], 1) * 7.6 - 3.8, (b, 1, 1))
    return np.stack([one(p, v, rng) for p, v in zip(points, values)])

def one(p, v, rng):
    best = p[v.argmin()]
    order = v.argsort()
    near = order[:12][np.abs(p[order[:12]] - best).max(1) < 0.8]
    size = max(0.002, 0.3 * 0.8 ** (len(p) - 25)) if len(p) > 40 else 0.3
    def kernel(a, c):
        return np.exp(-((a[:, None] - c[None]) ** 2).sum(2) / 0.8)
    mean = v.mean()
    w = np.linalg.solve(kernel(p, p) + 1e-6 * np.eye(len(p)), v - mean)
    def model(a):
        return kernel(a, p) @ w + mean
    fine = best + rng.normal(size=(400, 2)) * 10 ** rng.uniform(-3, -0.3, (400, 1))
    found = [fine[model(fine).argmin()]]
    far = grid[model(grid).argsort()[:200]]
    while len(found) < 3:
        gap = np.abs(far[:, None] - np.array(found)[None]).max(2).min(1)
        found.append(far[np.argmax(gap > 0.7)])
    found.append(quadratic(p[order[:8]], v[order[:8]], best))
    found.append(best + rng.normal(size=2) * 0.03)
    return np.clip(np.array(found), -4, 4)

def quadratic(p, v, best):
    x = p - best
    a = np.column_stack([np.ones(len(x)), x, x ** 2 / 2, x[:, :1] * x[:, 1:]])
    c = np.linalg.lstsq(a, v, rcond=None)[0]
    h = np.array([[c[3], c[5]], [c[5], c[4]]])
    step = -np.linalg.solve(h + 1e-9 * np.eye(2), c[1:3])
    return best + np.clip(step, -0.3, 0.3)
"""


def test_minima_equal_those_of_a_second_method():
  surface, lowest, ranges = MODULE["ground"](tuple(range(60, 66)))
  starts = np.random.default_rng(0).uniform(-4, 4, (80, 2))
  for i, (least, extent) in enumerate(zip(lowest, ranges, strict=True)):
    one = {name: values[i:i + 1] for name, values in surface.items()}
    def value(x, one=one):
      return MODULE["values_at"](one, x[None, None])[0, 0]
    found = min(optimize.minimize(value, start, bounds=[(-4, 4)] * 2).fun for start in starts)
    assert least == pytest.approx(found, abs=2e-7 * extent)


def test_values_equal_the_formula_written_a_second_time():
  surface = MODULE["surfaces"]((5,))
  x, y = 0.7, -1.9
  (cx, cy), (bx, by) = surface["centre"][0], surface["bowl"][0]
  expected = bx * (x - cx) ** 2 + by * (y - cy) ** 2 + surface["twist"][0, 0] * np.sin((x - cx) * (y - cy))
  for (a, b), phase, height in zip(surface["wave"][0], surface["phase"][0], surface["height"][0], strict=True):
    expected += height * np.sin(a * x + b * y + phase)
  assert MODULE["values_at"](surface, np.array([[[x, y]]]))[0, 0] == pytest.approx(expected, rel=1e-12)


def test_a_search_by_a_model_comes_near_the_bound_and_none_passes_it(run):
  assert 3.0 < run(TASK, REFERENCE).value <= TASK.best_known
  assert run(TASK, fidelity="full").value < TASK.best_known


def test_evaluations_are_counted_and_clipped(judge):
  seen = []
  def propose(points, values):
    seen.append((points.copy(), values.copy()))
    return np.full((32, 5, 2), 1e9)
  judge(TASK, propose)
  assert [points.shape for points, _ in seen] == [(32, 5 * k, 2) for k in range(12)]
  assert (seen[-1][0] == 4).all() and np.ptp(seen[-1][1], axis=1).max() == 0


@pytest.mark.parametrize("result, message", [
    (np.zeros((32, 6, 2)), r"shape \(32, 6, 2\)"), (np.full((32, 5, 2), np.nan), r"propose\[0, 0, 0\] is nan"),
    ([], "0 entries")])
def test_messages(result, message, judge):
  with pytest.raises(core.Invalid, match=message):
    judge(TASK, result)
