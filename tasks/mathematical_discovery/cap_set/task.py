"""Cap sets: points of F_3^n with no three on a line, as many as possible. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, largest cap). Optimal: Pellegrino 1971, Edel et al. 2002, Potechin 2008.
SIZES = {4: (15, 20), 5: (28, 45), 6: (42, 112)}

STATEMENT = """A cap set is a set of points of F_3^{n}, vectors of {n} digits 0, 1, 2, in which no three \
different points lie on a line. Three different points lie on a line exactly if their sum is 0 modulo 3 in every \
coordinate. Find a cap set that is as large as possible.

Write `construct(n, previous=None)` with n = {n}. Return a list or array of m vectors, shape (m, {n}), in any \
order; m is your choice. `previous` is the sorted array of vectors that the parent program reached, or None.

Invalid: an empty list, vectors of another length, a digit that is not 0, 1 or 2, a vector that stands twice, \
three vectors on a line.

Score: the number of vectors; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return an (m, {n}) array of digits 0, 1, 2, rows distinct, no three rows summing to 0 mod 3. Maximise m."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  points = checks.array(result, (range(1, 3**n + 1), n), dtype=int, low=0, high=2, name="points")
  place = 3 ** np.arange(n)[::-1]
  codes = points @ place
  points, codes = points[np.argsort(codes)], np.sort(codes)
  if not (np.diff(codes) > 0).all():
    raise core.Invalid(f"point {points[np.argmin(np.diff(codes) > 0)].tolist()} stands twice")
  a, b = np.triu_indices(len(points), 1)
  third = (-(points[a] + points[b]) % 3) @ place
  bad = np.isin(third, codes)
  if bad.any():
    first, second = points[a[bad.argmax()]], points[b[bad.argmax()]]
    raise core.Invalid(f"{int(bad.sum()) // 3} lines hold three points; the first: {first.tolist()}, "
                       f"{second.tolist()}, {(-(first + second) % 3).tolist()}")
  addable = 3**n - len(np.union1d(codes, third))
  return core.Score(float(len(points)), {"points_that_could_be_added": addable}, construction=points)


TASKS = [
    core.Task(
        name=f"cap_set_{n}", family="cap_set", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal: Pellegrino 1971, Edel et al. 2002, Potechin 2008",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
