"""Ramsey colourings: two colours on the edges of K_n, few cliques of one colour. Construction shape, exact integers."""

import functools
import itertools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (n, s, t): (value of the seed program, least value). n is the Ramsey number R(s, t) less 1, so that 0 can be reached.
SIZES = {(13, 3, 5): (24, 0), (17, 3, 6): (48, 0), (17, 4, 4): (82, 0)}

STATEMENT = """Colour the {edges} edges of the complete graph on {n} vertices with two colours, 0 and 1, so \
that as few vertex sets as possible are cliques of one colour: sets of {s} vertices with all edges of colour 1, \
and sets of {t} vertices with all edges of colour 0.

Write `construct(n, s, t, previous=None)` with n = {n}, s = {s}, t = {t}. Return a symmetric n by n array of 0 \
and 1 with a zero diagonal, the colour of every edge. `previous` is the array that the parent program reached, \
or None.

Invalid: another shape, an entry that is not 0 or 1, an array that is not symmetric, a 1 on the diagonal.

Score: the number of {s}-cliques of colour 1 plus the number of {t}-cliques of colour 0; lower is better. The \
optimum is 0, because the Ramsey number R({s}, {t}) is {more}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return a symmetric {n} x {n} 0/1 array, zero diagonal. Minimise {s}-cliques of colour 1 plus "
         "{t}-cliques of colour 0.")


@functools.lru_cache(maxsize=8)
def _subsets(n: int, size: int) -> tuple[np.ndarray, np.ndarray]:
  """Vertex sets [K, size], and the positions of their edges in a flat n by n array [K, pairs]."""
  sets = np.array(list(itertools.combinations(range(n), size)))
  a, b = np.triu_indices(size, 1)
  edges = sets[:, a] * n + sets[:, b]
  for array in (sets, edges):
    array.flags.writeable = False
  return sets, edges


def evaluate(session: core.Session, n: int, s: int, t: int) -> core.Score:
  result = session.call("construct", n, s, t, session.previous)
  colors = checks.array(result, (n, n), dtype=int, low=0, high=1, name="colors")
  if (uneven := colors != colors.T).any():
    i, j = (int(x) for x in np.argwhere(uneven)[0])
    raise core.Invalid(f"colors[{i}, {j}] is {colors[i, j]} but colors[{j}, {i}] is {colors[j, i]}")
  if (diagonal := colors.diagonal()).any():
    raise core.Invalid(f"colors[{diagonal.argmax()}, {diagonal.argmax()}] is 1, expected a zero diagonal")
  counts, artifacts = {}, {}
  for color, size in ((1, s), (0, t)):
    sets, edges = _subsets(n, size)
    cliques = (colors.ravel()[edges] == color).all(1)
    counts[color] = int(cliques.sum())
    if counts[color]:
      artifacts[f"clique_of_{color}"] = f"vertices {sets[cliques.argmax()].tolist()}"
  metrics = {"cliques_of_1": counts[1], "cliques_of_0": counts[0], "edges_of_1": int(colors.sum()) // 2}
  return core.Score(float(counts[1] + counts[0]), metrics, artifacts, construction=colors)


TASKS = [
    core.Task(
        name=f"ramsey_coloring_{s}_{t}", family="ramsey_coloring", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, s=s, t=t, edges=n * (n - 1) // 2, more=n + 1),
        brief=BRIEF.format(n=n, s=s, t=t),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source=f"R({s}, {t}) = {n + 1}: Greenwood and Gleason 1955, Kery 1964; a known colouring reaches 0",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n, s=s, t=t))
    for (n, s, t), (baseline, best) in SIZES.items()
]
