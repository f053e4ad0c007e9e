"""Broadcast tree: costs and legality from a second account with sets and graphs, the reference, what is refused."""

import networkx as nx
import numpy as np
import pytest

from eft_jax import core

TASK = core.load("broadcast_tree_own")
MODULE = TASK.evaluate.__globals__
# Shortest paths by price, then regions move to the parent that lowers the cost most, and relays without use go.
REFERENCE = """
import numpy as np

def total(tree, price, rate):
    p, v = np.nonzero(tree >= 0)
    load = np.zeros(price.shape)
    np.add.at(load, (tree[p, v], v), 0.5)
    return (load * price).sum() + 0.15 * (load / rate).max() * (1 + (tree >= 0).any(axis=0).sum())

def prune(tree, wanted):
    for part in tree:
        for _ in range(len(part)):
            idle = (part >= 0) & (wanted == 0) & ~np.isin(np.arange(len(part)), part)
            if not idle.any():
                break
            part[idle] = -1
    return tree

def broadcast(price, rate, wanted):
    out = []
    for c, r, w in zip(price, rate, wanted):
        n = len(w)
        tree = np.full((2, n), -1)
        for part in tree:
            inside = [0]
            todo = set(np.flatnonzero(w).tolist())
            while todo:
                u, v = min(((u, v) for u in inside for v in todo), key=lambda e: c[e] + 0.3 / r[e])
                part[v] = u
                inside.append(v)
                todo.remove(v)
        best = total(tree, c, r)
        for sweep in range(2):
            before = best
            for part in range(2):
                for v in range(1, n):
                    below = {v}
                    for _ in range(n):
                        below |= {x for x in range(1, n) if tree[part, x] in below}
                    for u in range(n):
                        if u in below or (u and tree[part, u] < 0 and u == v):
                            continue
                        trial = tree.copy()
                        trial[part, v] = u
                        if u and trial[part, u] < 0:
                            up = min((x for x in range(n) if x not in below and (x == 0 or tree[part, x] >= 0)),
                                     key=lambda x: c[x, u])
                            trial[part, u] = up
                        cost = total(prune(trial, w), c, r)
                        if cost < best - 1e-12:
                            tree, best = trial, cost
                            below = {v}
                            for _ in range(n):
                                below |= {x for x in range(1, n) if tree[part, x] in below}
            if best > before - 1e-9:
                break
        out.append(tree)
    return np.array(out)
"""


def slow_cost(parent, price, rate):
  halves = {}
  for part in parent.tolist():
    for v, u in enumerate(part):
      if u >= 0:
        halves[u, v] = halves.get((u, v), 0) + 1
  duration = max(h / (2 * rate[e]) for e, h in halves.items())
  machines = {0} | {v for _, v in halves}
  return sum(h * price[e] / 2 for e, h in halves.items()) + 0.15 * duration * len(machines)


def legal(parent, wanted):
  for part in parent.tolist():
    graph = nx.DiGraph([(u, v) for v, u in enumerate(part) if u >= 0])
    graph.add_node(0)
    reached = nx.descendants(graph, 0)
    if graph.in_degree(0) or not set(graph) - {0} <= reached or not set(np.flatnonzero(wanted)) <= reached:
      return False
  return True


def test_verdict_and_cost_equal_a_second_account():
  price, rate, wanted, direct = MODULE["networks"]((1,), 5)
  rng = np.random.default_rng(0)
  verdicts = []
  for _ in range(1500):
    parent = rng.integers(-1, 5, (1, 2, 5))
    parent[:, :, 0] = -1
    parent[0, 0] = np.where(rng.random(5) < 0.5, parent[0, 1], parent[0, 0])
    verdicts.append(legal(parent[0], wanted[0]))
    if verdicts[-1]:
      MODULE["check"](parent, wanted)
      assert MODULE["cost"](parent, price, rate)[0] == pytest.approx(slow_cost(parent[0], price[0], rate[0]))
    else:
      with pytest.raises(core.Invalid):
        MODULE["check"](parent, wanted)
  assert 20 < sum(verdicts) < 1400 and direct > 0


def test_the_reference_is_the_best_known_value(run):
  values = [run(TASK, REFERENCE, key=f"key {i}").value for i in range(1)]
  assert np.mean(values) == pytest.approx(TASK.best_known, abs=0.2)


def test_direct_copies_have_value_one(judge):
  score = judge(TASK, lambda price, rate, wanted: np.where(wanted == 1, 0, -1)[:, None].repeat(2, axis=1))
  assert score.value == pytest.approx(1) and score.value <= 1


def test_every_half_must_arrive(judge):
  def plan(price, rate, wanted, change):
    parent = np.where(wanted == 1, 0, -1)[:, None].repeat(2, axis=1)
    change(parent, int(np.flatnonzero(wanted[0])[0]))
    return parent
  def cases():
    yield lambda parent, v: parent.__setitem__((0, 1, v), -1), "network 0, half 1: region . wants it and does not"
    yield lambda parent, v: parent.__setitem__((0, 0, v), v), "half 0: region . receives from a region that does not"
    yield lambda parent, v: parent.__setitem__((0, 0, 0), v), "region 0 is the source"
    yield lambda parent, v: parent.__setitem__((0, 0, 0), 10), "at most 9"
  for change, message in cases():
    with pytest.raises(core.Invalid, match=message):
      judge(TASK, lambda p, r, w, change=change: plan(p, r, w, change))
