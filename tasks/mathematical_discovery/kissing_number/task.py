"""Kissing configurations of integer vectors: as many as possible, no two nearer than the longest is long. Construction
shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# Dimension: (value of the seed program, best known number, source). Dimension 6 is missing: its 72 vectors span a
# lattice of determinant 3, which has no copy on integer coordinates in 6 dimensions.
SIZES = {
    5: (7, 40, "roots of D5"), 7: (11, 126, "roots of E7, by the Hamming code"),
    8: (16, 240, "roots of E8, optimal (Odlyzko and Sloane 1979, Levenshtein 1979)"),
    9: (15, 306, "P9a, by a constant-weight code (Conway and Sloane, chapter 5)"),
}
MOST, LARGEST = 1000, 1_000_000

STATEMENT = """Find as many integer vectors of {d} coordinates as possible of which no two are nearer to each other \
than the longest of them is long. Scaled to equal lengths they are centres of spheres that touch a central one.

Write `construct(n, previous=None)` with n = {d}, the number of coordinates. Return a list of vectors, or an array of \
shape (m, {d}) with m from 1 to {most}. `previous` is the array that the parent program reached, or None.

Invalid: an entry that is not an integer or is above 1,000,000 in magnitude, a zero vector, two vectors v and w with \
|v - w|^2 < max over all u of |u|^2. The check is in exact integers.

Score: m, the number of vectors; higher is better. Best known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return integer vectors of {d} coordinates, no two nearer than the longest is long. Maximise their number."


def evaluate(session: core.Session, d: int) -> core.Score:
  result = session.call("construct", d, session.previous)
  vectors = checks.array(result, (range(1, MOST + 1), d), dtype=int, low=-LARGEST, high=LARGEST, name="vectors")
  gram = vectors @ vectors.T  # below 9e12, so that int64 is exact
  norm = gram.diagonal()
  if not (norm > 0).all():
    raise core.Invalid(f"vector {int(norm.argmin())} is 0")
  longest = int(norm.max())
  apart = norm[:, None] + norm - 2 * gram
  np.fill_diagonal(apart, 4 * longest)
  near = np.argwhere(apart < longest)
  if len(near):
    i, j = near[0].tolist()
    raise core.Invalid(f"vectors {i} and {j} have squared distance {apart[i, j]}, expected at least {longest}, the "
                       f"largest squared length; {len(near) // 2} pairs are too near")
  metrics = {"largest_norm": longest, "touching_pairs": int((apart == longest).sum()) // 2}
  return core.Score(float(len(vectors)), metrics, construction=vectors)


def task(d: int, baseline: int, best: int, source: str) -> core.Task:
  return core.Task(
      name=f"kissing_number_{d}", family="kissing_number", domain="mathematical_discovery",
      statement=STATEMENT.format(d=d, best=best, most=MOST), brief=BRIEF.format(d=d),
      seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct",
      direction="max", baseline=float(baseline), best_known=float(best), source=source,
      limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, d=d))


TASKS = [task(d, *row) for d, row in SIZES.items()]
