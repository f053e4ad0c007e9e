"""Expert placement: a second accounting device by device, the reference policy and what is refused."""

import numpy as np
import pytest

from eft_jax import core

TASK = core.load("expert_placement_own")
# Forecast of the next window, copies to the largest share, largest first into the emptiest device, exchanges between
# devices, and the placement in force is kept where the forecast says that it is nearly as good.
REFERENCE = """
import numpy as np

def loads(held, w):
    return held @ (w / held.sum(axis=0))

def build(w, devices, slots):
    count = np.ones(len(w), int)
    while count.sum() < devices * slots:
        count[np.argmax(np.where(count < devices, w / count, -1))] += 1
    held = np.zeros((devices, len(w)), int)
    total = np.zeros(devices)
    for e in np.argsort(-w / count):
        for _ in range(count[e]):
            free = (held.sum(axis=1) < slots) & (held[:, e] == 0)
            if not free.any():
                free = held.sum(axis=1) < slots
            d = np.argmin(np.where(free, total, np.inf))
            held[d, e] += 1
            total[d] += w[e] / count[e]
    return held

def exchange(held, w, rounds):
    for _ in range(rounds):
        unit = w / held.sum(axis=0)
        total = held @ unit
        top = total.argmax()
        best = (total[top] * 0.999, None)
        for other in np.argsort(total)[:3]:
            for a in np.flatnonzero(held[top]):
                for b in np.flatnonzero(held[other]):
                    delta = unit[a] - unit[b]
                    worst = max(total[top] - delta, total[other] + delta)
                    if worst < best[0] and other != top:
                        best = (worst, (other, a, b))
        if best[1] is None:
            break
        other, a, b = best[1]
        held[top, a] -= 1; held[top, b] += 1; held[other, a] += 1; held[other, b] -= 1
    return held

def place(history, current):
    result = []
    for trace, now in zip(history, current):
        log = np.log(trace + 1.0)
        mean = log.mean(axis=0)
        w = np.exp(mean + 0.5 * (log[-1] - mean))
        devices, slots = now.shape
        old = np.array([np.bincount(row, minlength=len(w)) for row in now])
        new = exchange(build(w, devices, slots), w, 12)
        kept = exchange(old.copy(), w, 3)
        options = [(loads(h, w).mean() / loads(h, w).max() * 0.85
                    - 0.1 * np.maximum(h - old, 0).sum() / (devices * slots) * (len(trace) > 4), i)
                   for i, h in enumerate((old, kept, new))]
        held = (old, kept, new)[max(options)[1]]
        result.append([np.repeat(np.arange(len(w)), row) for row in held])
    return np.array(result)
"""


def account(traces, experts, devices, slots):
  """The seed program's value of every trace, with lists and sums alone."""
  names = {}
  exec(TASK.seed, names)
  current = np.tile(np.arange(devices * slots).reshape(devices, slots) % experts, (len(traces), 1, 1))
  values = np.zeros(len(traces))
  for window in range(4):
    new = names["place"](traces[:, :4 + window].copy(), current.copy())
    for b, trace in enumerate(traces):
      rows = new[b].tolist()
      share = [trace[4 + window][e] / sum(row.count(e) for row in rows) for e in range(experts)]
      loads = [sum(share[e] for e in row) for row in rows]
      moved = 0
      for row, old in zip(rows, current[b].tolist(), strict=True):
        for expert in row:
          if expert in old:
            old.remove(expert)
          else:
            moved += 1
      values[b] += (np.mean(loads) / max(loads) - 0.1 * (window > 0) * moved / (devices * slots)) / 4
    current = new
  return values


@pytest.mark.parametrize("fidelity", ["search", "full"])
def test_the_value_equals_a_second_accounting(fidelity, run):
  module = TASK.evaluate.__globals__
  sizes = module["SIZES"][fidelity]
  traces = module["traces"](module["PUBLIC_SEEDS"], sizes[0])
  np.testing.assert_allclose(run(TASK, fidelity=fidelity).instances, account(traces, *sizes), rtol=1e-9)


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(4)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.02)


def test_nothing_can_be_gained_by_a_missing_or_foreign_expert(judge):
  with pytest.raises(core.Invalid, match="layer 0: expert 1 has no copy; 720 are missing in all"):
    judge(TASK, lambda history, current: 0 * current)
  with pytest.raises(core.Invalid, match="at most 15"):
    judge(TASK, lambda history, current: current + 1)
  with pytest.raises(core.Invalid, match="at least 0"):
    judge(TASK, lambda history, current: current - 1)
  with pytest.raises(core.Invalid, match="an integer"):
    judge(TASK, lambda history, current: current + 0.5)


def test_keeping_the_placement_moves_nothing(run, judge):
  score = judge(TASK, lambda history, current: current)
  assert score.metrics["moved"] == 0 and score.value == pytest.approx(score.metrics["balance"])
  assert score.value < run(TASK).value
