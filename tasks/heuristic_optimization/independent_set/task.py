"""Independent sets in single-deletion graphs, whose optima are codes (construction), and in random graphs (solver).

The nodes of the graph 1dc.n are the words of log2(n) bits, joined where deleting one bit each can give the same word.
An independent set is a code that corrects one deletion; the largest ones come from Varshamov and Tenengolts (1965) and
are optimal for up to 8 bits by exhaustive search (N. J. A. Sloane, On single-deletion-correcting codes, 2002).
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# bits: (value of the seed program, largest code)
WORDS = {7: (12, 16), 8: (20, 30)}
NODES = {"search": 60, "full": 200}
PUBLIC = tuple(range(8))
HIDDEN = 16

STATEMENT = """Find a large independent set in a graph: nodes of which no two are joined. The nodes are the {n} words \
of {bits} bits, node number = value of the word as a binary number. Two words are joined if deleting one bit from each \
can leave the same {less} bits.

Write `construct(adjacent, previous=None)`. `adjacent` has shape ({n}, {n}): 1 where two nodes are joined, else 0. \
Return a list of {n} numbers: 1 where the node is in the set, else 0. `previous` is what the parent program reached, \
or None.

Invalid: another length, an entry that is neither 0 nor 1, two joined nodes in the set.

Score: the size of the set; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

HIDDEN_STATEMENT = """Find large independent sets in random graphs: nodes of which no two are joined.

Write `solve(adjacent)`. `adjacent` has shape ({count}, n, n): {count} symmetric matrices, 1 where two nodes are \
joined, else 0. There are n = 60 nodes (200 at full fidelity), and every pair is joined with probability 0.15. Return \
an array (or lists) of shape ({count}, n) of 0 and 1: 1 where the node is in the set.

Invalid: another shape, an entry that is neither 0 nor 1, two joined nodes in the set.

Score: size of the set over the size that a rule finds (take the node with fewest neighbours left), averaged over \
{hidden} hidden instances; {public} are public. Higher is better; above 1 the set beats the rule.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Choose words of {bits} bits such that no two can become equal by one deletion each. Maximise their number."
HIDDEN_BRIEF = "Find large sets of nodes, no two joined, in random graphs. Maximise size over a rule's size."


@functools.lru_cache(maxsize=8)
def deletion_graph(bits: int) -> np.ndarray:
  """Adjacency [2^bits, 2^bits] of 0 and 1."""
  words = np.arange(1 << bits)
  reached = np.zeros((len(words), len(words) // 2), np.int64)  # [word, word after a deletion]
  for place in range(bits):
    low = words & ((1 << place) - 1)
    reached[words, words >> (place + 1) << place | low] = 1
  adjacent = (reached @ reached.T > 0).astype(np.int64)
  np.fill_diagonal(adjacent, 0)
  adjacent.setflags(write=False)
  return adjacent


def draw(seed: int, n: int) -> np.ndarray:
  """Adjacency [n, n] of a random graph."""
  upper = np.triu(np.random.default_rng(seed).random((n, n)) < 0.15, 1).astype(np.int64)
  return upper + upper.T


def least_degree(adjacent: np.ndarray) -> np.ndarray:
  """Sizes [B] of the independent sets that take the node with fewest neighbours left, the first of equal ones."""
  rows, n = np.arange(len(adjacent)), adjacent.shape[1]
  free, sizes = np.ones(adjacent.shape[:2], np.int64), np.zeros(len(adjacent), np.int64)
  while free.any():
    degree = np.where(free, np.einsum("bij,bj->bi", adjacent, free), n)
    node = degree.argmin(axis=1)
    sizes += free[rows, node]
    free[rows, node] = 0
    free &= 1 - adjacent[rows, node]
  return sizes


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
  """Adjacency [B, n, n] and sizes of the rule [B]."""
  adjacent = np.stack([draw(seed, n) for seed in seeds])
  adjacent.setflags(write=False)
  return adjacent, least_degree(adjacent)


def evaluate(session: core.Session, bits: int) -> core.Score:
  adjacent = deletion_graph(bits)
  result = session.call("construct", adjacent.copy(), session.previous)
  chosen = checks.array(result, (1 << bits,), dtype=int, low=0, high=1, name="chosen")
  nodes = np.flatnonzero(chosen)
  bad = np.argwhere(adjacent[np.ix_(nodes, nodes)])
  if len(bad):
    a, b = nodes[bad[0]].tolist()
    raise core.Invalid(f"words {a:0{bits}b} and {b:0{bits}b} are joined and both chosen ({len(bad) // 2} such pairs)")
  reached = int((adjacent[nodes].any(axis=0) | (chosen == 1)).sum()) if len(nodes) else 0
  return core.Score(float(len(nodes)), {"free_words": float((1 << bits) - reached)}, construction=chosen)


def evaluate_hidden(session: core.Session) -> core.Score:
  adjacent, rule = instances(PUBLIC + tuple(session.seeds("graphs", HIDDEN)), NODES[session.fidelity])
  chosen = checks.array(session.call("solve", adjacent.copy()), adjacent.shape[:2], dtype=int, low=0, high=1,
                        name="chosen")
  bad = np.argwhere(adjacent * chosen[:, :, None] * chosen[:, None])
  if len(bad):
    raise core.Invalid(f"instance {bad[0][0]}: nodes {bad[0][1]} and {bad[0][2]} are joined and both chosen")
  values = chosen.sum(axis=1) / rule
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"independent_set_1dc_{1 << bits}", family="independent_set", domain="heuristic_optimization",
        statement=STATEMENT.format(n=1 << bits, bits=bits, less=bits - 1, best=best), brief=BRIEF.format(bits=bits),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal by exhaustive search (Sloane 2002), reached by the Varshamov-Tenengolts code",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, bits=bits))
    for bits, (baseline, best) in WORDS.items()
] + [
    core.Task(
        name="independent_set_random_own", family="independent_set", domain="heuristic_optimization",
        statement=HIDDEN_STATEMENT.format(count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=HIDDEN_BRIEF, seed=pathlib.Path(__file__).with_name("seed.batch.py").read_text(), entry="solve",
        direction="max", baseline=0.8749, best_known=1.039, spread=0.061,
        source="our own reference: nodes forced in, the rest by least degree",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate_hidden)
]
