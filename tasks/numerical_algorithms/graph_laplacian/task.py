"""The normalised Laplacian of a graph, applied to vectors, as fast as possible. Solver shape, timed.

After AlgoTune's graph_laplacian; products in the place of the matrix keep results small.
"""

import functools
import pathlib

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from eft_jax import core
from eft_jax.core import speed

SIZES = {"search": (300, 1500, 4), "full": (5000, 40_000, 8)}  # nodes, edges, vectors
ROUNDS = {"search": 17, "full": 5}
TOLERANCE = 1e-9

STATEMENT = """Apply the normalised Laplacian of a weighted graph to vectors, faster than the reference.

Write `apply(tails, heads, weights, vectors)` with m undirected edges, tails[k] to heads[k] of weight weights[k] > 0, \
as arrays of shape (m,), and vectors of shape (n, d). Edges between the same nodes add up; no edge joins a node with \
itself, and every node has one. With D the sums of weights at the nodes and W the symmetric weight matrix, return (I \
- D^(-1/2) W D^(-1/2)) vectors, an array of shape (n, d).

Invalid: another shape, numbers that are not finite. Wrong: an entry off by more than 1e-9 (1 + largest entry).

Score: CPU time of the reference over CPU time of the program, median over hidden inputs (n, m, d = {search}; {full} \
at full fidelity), in steps of 5 %; higher is better. The reference builds a sparse matrix, calls \
scipy.sparse.csgraph.laplacian and multiplies. All threads count, as does what a call costs before and after the \
function; loading the module does not.

Rules: Python with numpy and scipy; no files, network or input; one second of CPU for all calls."""

BRIEF = "Apply the normalised Laplacian of a weighted graph to vectors (n, d). Maximise the speed."


def draw(seed: int, nodes: int, edges: int, vectors: int) -> tuple[np.ndarray, ...]:
  """Tails, heads and weights [edges] of a ring with random chords, and vectors [nodes, vectors]."""
  rng = np.random.default_rng(seed)
  tails = np.concatenate([np.arange(nodes), rng.integers(nodes, size=edges - nodes)])
  heads = (tails + np.concatenate([np.ones(nodes, np.int64), rng.integers(1, nodes, edges - nodes)])) % nodes
  order = rng.permutation(edges)
  return tails[order], heads[order], rng.uniform(0.1, 2, edges), rng.normal(size=(nodes, vectors))


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], sizes: tuple[int, int, int]) -> list[tuple[np.ndarray, ...]]:
  return [draw(seed, *sizes) for seed in seeds]


def reference(tails: np.ndarray, heads: np.ndarray, weights: np.ndarray, vectors: np.ndarray) -> np.ndarray:
  one_way = sparse.coo_matrix((weights, (tails, heads)), (len(vectors), len(vectors)))
  return csgraph.laplacian((one_way + one_way.T).tocsr(), normed=True) @ vectors



def evaluate(session: core.Session) -> core.Score:
  fidelity = session.fidelity
  warm_up, *hidden = instances((0, *session.seeds("graphs", ROUNDS[fidelity])), SIZES[fidelity])
  return speed.race(session, "apply", warm_up, hidden, reference,
                    functools.partial(speed.close, tolerance=TOLERANCE), plausible=20.0)


TASKS = [
    core.Task(
        name="graph_laplacian_own", family="graph_laplacian", domain="numerical_algorithms",
        statement=STATEMENT.format(**{name: ", ".join(map(str, sizes)) for name, sizes in SIZES.items()}),
        brief=BRIEF, timed=True, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="apply",
        direction="max", baseline=0.38, best_known=2.1, spread=0.25,
        source="our own reference: sums of products by bincount, as measured",
        limits=core.Limits(cpu_seconds=1.0, wall_seconds=10.0), evaluate=evaluate)
]
