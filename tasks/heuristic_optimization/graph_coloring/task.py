"""Graph colouring: queen graphs with the least number of colours (construction), hidden random graphs (solver).

Chromatic numbers of the n x n queen graph: OEIS A088202. The nodes of a queen graph are the squares of a board, row by
row, joined where a queen could move from one to the other.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# side of the board: (value of the seed program, chromatic number)
QUEENS = {6: (19, 7), 8: (49, 9), 9: (44, 10)}
NODES = {"search": 50, "full": 125}
PUBLIC = tuple(range(8))
HIDDEN = 16

STATEMENT = """Colour the squares of an {n} x {n} chess board with {k} colours such that few pairs of squares with the \
same colour lie on one row, column or diagonal (with any number of squares between them).

Write `construct(adjacent, k, previous=None)` with k = {k}. `adjacent` has shape ({nn}, {nn}): adjacent[i, j] is 1 if \
squares i and j (numbered row by row) lie on one row, column or diagonal, else 0. Return a list of {nn} integers from \
0 to {last}, the colour of each square. `previous` is the colouring that the parent program reached, or None.

Invalid: another length, an entry that is not an integer from 0 to {last}.

Score: the number of pairs of squares on one line that have the same colour; lower is better. The optimum is 0.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

HIDDEN_STATEMENT = """Colour the nodes of random graphs with few colours; joined nodes must differ.

Write `solve(adjacent)`. `adjacent` has shape ({count}, n, n): {count} symmetric matrices, 1 where two nodes are \
joined, else 0. There are n = 50 nodes (125 at full fidelity), and every pair is joined with probability 1/2. Return \
an array (or lists) of shape ({count}, n) of integers from 0 to n - 1: the colour of each node.

Invalid: another shape, an entry that is not an integer from 0 to n - 1, two joined nodes of one colour.

Score: colours of a rule (always colour the node that sees most colours) over yours, averaged over {hidden} hidden \
instances; {public} are public. Higher is better; above 1 the colouring beats the rule.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Colour the squares of a chess board with {k} colours. Minimise the pairs on one line that share a colour."
HIDDEN_BRIEF = "Colour the nodes of random graphs; joined nodes differ. Maximise a rule's colours over yours."


@functools.lru_cache(maxsize=8)
def queen(n: int) -> np.ndarray:
  """Adjacency [n^2, n^2] of 0 and 1."""
  row, column = np.divmod(np.arange(n * n), n)
  rows, columns = row[:, None] - row, column[:, None] - column
  adjacent = (rows == 0) | (columns == 0) | (np.abs(rows) == np.abs(columns))
  adjacent = (adjacent & ~np.eye(n * n, dtype=bool)).astype(np.int64)
  adjacent.setflags(write=False)
  return adjacent


def draw(seed: int, n: int) -> np.ndarray:
  """Adjacency [n, n] of a random graph."""
  upper = np.triu(np.random.default_rng(seed).integers(0, 2, (n, n)), 1)
  return upper + upper.T


def saturation(adjacent: np.ndarray) -> int:
  """Colours of Brelaz's rule (1979): next the node that sees most colours, then the one with most neighbours."""
  n = len(adjacent)
  seen = np.zeros((n, n + 1), bool)  # [node, colour]; the last colour stands for those that are done
  degree = adjacent.sum(axis=1)
  used, left = 0, np.ones(n, bool)
  for _ in range(n):
    node = np.where(left, seen.sum(axis=1) * n + degree, -1).argmax()
    color = int(seen[node].argmin())
    seen[adjacent[node] == 1, color] = True
    left[node] = False
    used = max(used, color + 1)
  return used


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
  """Adjacency [B, n, n] and colours of the rule [B]."""
  adjacent = np.stack([draw(seed, n) for seed in seeds])
  adjacent.setflags(write=False)
  return adjacent, np.array([saturation(graph) for graph in adjacent])


def evaluate(session: core.Session, n: int) -> core.Score:
  adjacent, k = queen(n), QUEENS[n][1]
  result = session.call("construct", adjacent.copy(), k, session.previous)
  colors = checks.array(result, (n * n,), dtype=int, low=0, high=k - 1, name="colours")
  same = np.triu(adjacent * (colors[:, None] == colors))
  by_color = [int(same[colors == color].sum()) for color in range(k)]
  return core.Score(float(same.sum()), {"unused_colours": float(k - len(set(colors.tolist())))},
                    {"pairs": f"pairs on one line by colour: {', '.join(map(str, by_color))}"}, construction=colors)


def evaluate_hidden(session: core.Session) -> core.Score:
  adjacent, rule = instances(PUBLIC + tuple(session.seeds("graphs", HIDDEN)), NODES[session.fidelity])
  count, n = adjacent.shape[:2]
  result = session.call("solve", adjacent.copy())
  colors = checks.array(result, (count, n), dtype=int, low=0, high=n - 1, name="colours")
  bad = np.argwhere((adjacent == 1) & (colors[:, :, None] == colors[:, None]))
  if len(bad):
    raise core.Invalid(f"instance {bad[0][0]}: nodes {bad[0][1]} and {bad[0][2]} are joined and have one colour")
  values = rule / np.array([len(set(row)) for row in colors.tolist()])
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"graph_coloring_queen_{n}", family="graph_coloring", domain="heuristic_optimization",
        statement=STATEMENT.format(n=n, nn=n * n, k=k, last=k - 1), brief=BRIEF.format(k=k),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=0.0, source="k is the chromatic number, OEIS A088202",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, k) in QUEENS.items()
] + [
    core.Task(
        name="graph_coloring_random_own", family="graph_coloring", domain="heuristic_optimization",
        statement=HIDDEN_STATEMENT.format(count=len(PUBLIC) + HIDDEN, public=len(PUBLIC), hidden=HIDDEN),
        brief=HIDDEN_BRIEF, seed=pathlib.Path(__file__).with_name("seed.batch.py").read_text(), entry="solve",
        direction="max", baseline=0.8681, best_known=1.113, spread=0.062,
        source="our own reference: the rule from noisy starts, then tabu search",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate_hidden)
]
