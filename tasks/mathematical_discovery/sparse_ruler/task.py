"""Sparse rulers: few marks that measure every length. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# length: (value of the seed program, fewest marks). Wichmann's rulers, optimal by exhaustive search (OEIS A046693).
LENGTHS = {68: (23, 14), 101: (34, 17), 138: (39, 20)}

STATEMENT = """A complete sparse ruler of length {n} has marks at integers between 0 and {n} such that every \
distance from 1 to {n} is the difference of two of its marks. Find one with as few marks as possible.

Write `construct(n, previous=None)` with n = {n}. Return the list of marks, in any order; how many is your \
choice. `previous` is the sorted array of marks that the parent program reached, or None.

Invalid: fewer than 2 marks, a mark that is not an integer from 0 to {n}, a mark that stands twice, a distance \
from 1 to {n} that no two marks have.

Score: the number of marks; lower is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return distinct integer marks in 0..{n} whose differences hold every distance 1..{n}. Minimise the marks."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  marks = np.sort(checks.array(result, (range(2, n + 2),), dtype=int, low=0, high=n, name="marks"))
  if not (np.diff(marks) > 0).all():
    raise core.Invalid(f"mark {marks[np.argmin(np.diff(marks) > 0)]} stands twice")
  a, b = np.triu_indices(len(marks), 1)
  times = np.bincount(marks[b] - marks[a], minlength=n + 1)[1:]
  missing = np.flatnonzero(times == 0) + 1
  if len(missing):
    raise core.Invalid(f"{len(missing)} of the distances 1 to {n} are not measured, among them {missing[:5].tolist()}")
  return core.Score(float(len(marks)), {"distances_measured_once": int((times == 1).sum())}, construction=marks)


TASKS = [
    core.Task(
        name=f"sparse_ruler_{n}", family="sparse_ruler", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source="Wichmann 1963, optimal by exhaustive search, OEIS A046693",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in LENGTHS.items()
]
