"""Frames of low coherence: lines through the origin with the largest least angle. Construction shape."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (n, d): (value of the seed program, least coherence known). Conway, Hardin and Sloane 1996: 7 lines from the cube; the
# others are equiangular and meet Welch's bound sqrt((n - d) / (d (n - 1))).
SIZES = {
    (6, 3): (0.856236645, 1 / math.sqrt(5)),
    (7, 3): (0.969929281, 1 / math.sqrt(3)),
    (10, 5): (0.885653943, 1 / 3),
    (16, 6): (0.800254823, 1 / 3),
}

STATEMENT = """Find {n} vectors in R^{d} that point in directions as different as possible: no two of the {n} \
lines through the origin that they span should be close. The coherence of the vectors is the largest |<u, v>| / \
(|u| |v|) over all pairs of different vectors.

Write `construct(n, d, previous=None)` with n = {n} and d = {d}. Return {n} vectors as an array or list of shape \
({n}, {d}). The evaluation scales every vector to length 1. `previous` is the ({n}, {d}) array of unit vectors \
that the parent program reached, or None.

Invalid: another shape, a number that is not finite and real, a vector of length below 1e-9 or an entry above \
1e9.

Score: the coherence, between 0 and 1; lower is better. Least known: {best:.9f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return {n} vectors in R^{d}, scaled to length 1 by the evaluation. Minimise the largest |inner "
         "product| of two.")


def evaluate(session: core.Session, n: int, d: int) -> core.Score:
  result = session.call("construct", n, d, session.previous)
  vectors = checks.array(result, (n, d), low=-1e9, high=1e9, name="vectors")
  length = np.linalg.norm(vectors, axis=1)
  if not (length.min() >= 1e-9):
    raise core.Invalid(f"vector {length.argmin()} has length {length.min():.3g}, expected at least 1e-9")
  vectors /= length[:, None]
  vectors /= np.linalg.norm(vectors, axis=1)[:, None]  # lengths of 1e-9 lose digits in the first division
  inner = np.triu(abs(vectors @ vectors.T), 1)
  i, j = np.unravel_index(inner.argmax(), inner.shape)
  coherence = min(float(inner[i, j]) * (1 + checks.MARGIN), 1.0)
  tight = int((inner >= 0.999 * inner[i, j]).sum())
  metrics = {"pairs_near_the_largest": tight, "mean_inner_product": float(inner.sum() * 2 / (n * n - n))}
  return core.Score(coherence, metrics, {"closest_pair": f"vectors {i} and {j}"}, construction=vectors)


TASKS = [
    core.Task(
        name=f"frame_coherence_{n}_{d}", family="frame_coherence", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, d=d, best=best),
        brief=BRIEF.format(n=n, d=d),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source="Conway, Hardin and Sloane 1996; Welch's bound for all but (7, 3)",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n, d=d))
    for (n, d), (baseline, best) in SIZES.items()
]
