"""Cache eviction: LRU, LFU and the clairvoyant optimum from second simulations, and what is refused."""

import collections
import functools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("cache_eviction_scan_own")
MODULE = TASK.evaluate.func.__globals__
KINDS = list(MODULE["KINDS"])
LRU = "def keep(age, hits, seen):\n    return -1.0 * age\n"
LFU = "def keep(age, hits, seen):\n    return 1.0 * hits\n"


def lru_hits(trace, slots):
  cached, hits = collections.OrderedDict(), 0
  for item in trace:
    hits += item in cached
    cached[item] = True
    cached.move_to_end(item)
    if len(cached) > slots:
      cached.popitem(last=False)
  return hits


def lfu_hits(trace, slots):
  """Fewest uses (counted up to 16) since loaded leaves, of equal ones the one used longest ago."""
  cached, hits = {}, 0
  for t, item in enumerate(trace):
    if item in cached:
      hits += 1
    elif len(cached) == slots:
      del cached[min(cached, key=lambda x: (min(cached[x][0], 16), cached[x][1]))]
    cached[item] = (cached.get(item, (0, 0))[0] + 1, t)
  return hits


def best_hits(trace, slots):
  """The optimum by trying every eviction."""
  @functools.cache
  def best(t, cached):
    if t == len(trace):
      return 0
    if trace[t] in cached:
      return 1 + best(t + 1, cached)
    if len(cached) < slots:
      return best(t + 1, cached | {trace[t]})
    return max(best(t + 1, cached - {out} | {trace[t]}) for out in cached)
  return best(0, frozenset())


@pytest.mark.parametrize("kind", KINDS)
def test_the_references_equal_second_simulations(kind):
  traces, lru, best = MODULE["traces"]((1, 2, 3), kind, 16, 400)
  assert lru.tolist() == [lru_hits(trace, 16) for trace in traces.tolist()]
  assert (best > lru).all()


def test_the_optimum_is_that_of_every_choice():
  rng = np.random.default_rng(0)
  for _ in range(20):
    trace = tuple(rng.integers(0, 6, 14).tolist())
    assert MODULE["belady"](np.array(trace), 3) == best_hits(trace, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_lru_has_zero_and_lfu_its_own_value(kind, run):
  task = core.load(f"cache_eviction_{kind}_own")
  score = run(task, LRU)
  assert abs(score.value) < 0.05  # ages are rounded down to some values
  traces, lru, best = MODULE["traces"](MODULE["PUBLIC_SEEDS"], kind, 16, 400)
  lfu = np.array([lfu_hits(trace, 16) for trace in traces.tolist()])
  np.testing.assert_allclose(run(task, LFU).instances, (lfu - lru) / (best - lru))
  assert task.baseline < -0.02 < task.best_known == 1


def test_shapes_and_numbers_are_checked(judge):
  shape = MODULE["GRIDS"][0].shape
  assert judge(TASK, np.zeros(shape)).value == 0
  for result, message in ((np.zeros((1, 16, 16)), "shape"), (0.0, "float"), (np.full(shape, np.nan), "is nan")):
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, result)
