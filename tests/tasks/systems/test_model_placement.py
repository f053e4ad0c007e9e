"""Model placement: all placements of small clusters by enumeration, the reference solver, and what is refused."""

import itertools

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("model_placement_own")
MODULE = TASK.evaluate.__globals__
# Greedy in order of size, then moves and exchanges between GPUs while the sorted pressures fall.
REFERENCE = """
import numpy as np

def improve(s, d, where, gpus, rounds):
    def pressures(used, heat):
        return np.where(used < 80, heat / np.maximum(80 - used, 1), 1e6 + used)
    used = np.bincount(where, s, gpus)
    heat = np.bincount(where, d, gpus)
    for _ in range(rounds):
        p = pressures(used, heat)
        top = p.argmax()
        best = (p[top] - 1e-9, None)
        for a in np.flatnonzero(where == top):
            b = np.append(np.flatnonzero(where != top), -np.arange(1, gpus + 1))
            other = np.where(b < 0, -b - 1, where[b])
            ds = s[a] - np.where(b < 0, 0, s[b])
            dd = d[a] - np.where(b < 0, 0, d[b])
            worst = np.maximum(pressures(used[top] - ds, heat[top] - dd), pressures(used[other] + ds, heat[other] + dd))
            worst[other == top] = 1e12
            i = worst.argmin()
            if worst[i] < best[0]:
                best = (worst[i], (a, b[i], other[i]))
        if best[1] is None:
            break
        a, b, other = best[1]
        where[a] = other
        if b >= 0:
            where[b] = top
        used = np.bincount(where, s, gpus)
        heat = np.bincount(where, d, gpus)
    return pressures(used, heat).max(), where

def place(size, demand, gpus):
    rng = np.random.default_rng(0)
    rows = []
    for s, d in zip(size, demand):
        best = (np.inf, None)
        for trial in range(8):
            used, heat, where = np.zeros(gpus), np.zeros(gpus), np.zeros(len(s), int)
            for m in np.argsort(-s * (1 + 0.1 * trial * rng.random(len(s)))):
                g = np.argmin(np.where(used + s[m] < 80, (heat + d[m]) / np.maximum(80 - used - s[m], 1), 1e6 + used))
                where[m] = g
                used[g] += s[m]
                heat[g] += d[m]
            best = min(best, improve(s, d, where, gpus, 15), key=lambda x: x[0])
        rows.append(best[1])
    return np.array(rows)
"""


def test_no_placement_beats_the_bound_and_the_value_is_the_enumerated_one():
  """Every placement of six models on three GPUs, its pressure by hand."""
  rng = np.random.default_rng(0)
  size, demand = rng.integers(20, 31, (1, 6)), rng.uniform(0.1, 5, (1, 6))
  seen = 0
  for where in itertools.product(range(3), repeat=6):
    used = [sum(int(s) for s, w in zip(size[0], where, strict=True) if w == g) for g in range(3)]
    heat = [sum(d for d, w in zip(demand[0], where, strict=True) if w == g) for g in range(3)]
    if max(used) >= 80:
      with pytest.raises(core.Invalid, match="need"):
        MODULE["pressure"](np.array([where]), size, demand, 3)
      continue
    seen += 1
    bound = demand.sum() / (240 - size.sum())
    ratio = MODULE["pressure"](np.array([where]), size, demand, 3)[0]
    assert ratio == pytest.approx(max(h / (80 - u) for h, u in zip(heat, used, strict=True)) / bound) and ratio >= 1
  assert seen > 20


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(3)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.02) and max(values) < 1


@pytest.mark.parametrize("fidelity", ["search", "full"])
def test_all_clusters_have_room(fidelity):
  for gpus, models in MODULE["GROUPS"][fidelity]:
    size, demand = MODULE["clusters"]((1, 2, 3), gpus, models)
    assert (size.sum(axis=1) < 80 * gpus).all() and size.min() >= 10 and demand.min() > 0


def test_messages_name_the_gpu(judge):
  with pytest.raises(core.Invalid, match=r"group with 4 GPUs: the models on GPU 0 need \d+ GB of 80"):
    judge(TASK, lambda size, demand, gpus: 0 * size)
  with pytest.raises(core.Invalid, match="at most 3"):
    judge(TASK, lambda size, demand, gpus: 0 * size + gpus)
  with pytest.raises(core.Invalid, match="at least 0"):
    judge(TASK, lambda size, demand, gpus: 0 * size - 1)
