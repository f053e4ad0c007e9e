"""Peaceable queens: two equal armies on one board that do not attack each other. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, size of the largest armies). OEIS A250000; optimal up to 15.
SIZES = {8: (5, 9), 10: (6, 14), 12: (8, 21)}

STATEMENT = """Place white and black queens on an {n} by {n} board so that no white queen attacks a black one: \
no row, column or diagonal, in either direction, holds queens of both colours. What stands between two queens \
does not matter. Make the smaller of the two armies as large as possible.

Write `construct(n, previous=None)` with n = {n}. Return an array or list of shape ({n}, {n}) with 0 for an \
empty square, 1 for a white queen and 2 for a black queen. `previous` is the array that the parent program \
reached, or None.

Invalid: another shape, an entry that is not 0, 1 or 2, a white and a black queen in one row, column or \
diagonal.

Score: the number of white or of black queens, whichever is smaller; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return an {n} x {n} board: 0 empty, 1 white, 2 black queen, no white one attacking a black. "
         "Maximise the smaller army.")


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  board = checks.array(result, (n, n), dtype=int, low=0, high=2, name="board")
  row, column = np.indices((n, n))
  kinds = {"row": row, "column": column, "falling diagonal": row - column, "rising diagonal": row + column}
  white, black = board == 1, board == 2
  for kind, line in kinds.items():
    shared = np.intersect1d(line[white], line[black])
    if len(shared):
      squares = [np.argwhere((line == shared[0]) & army)[0].tolist() for army in (white, black)]
      raise core.Invalid(f"the white queen on {squares[0]} attacks the black queen on {squares[1]} along a {kind}")
  safe = {color: ~functools.reduce(np.logical_or, (np.isin(line, line[army]) for line in kinds.values())) & (board == 0)
          for color, army in (("white", black), ("black", white))}
  metrics = {"white": int(white.sum()), "black": int(black.sum()), "more_white_could_stand": int(safe["white"].sum()),
             "more_black_could_stand": int(safe["black"].sum())}
  return core.Score(float(min(metrics["white"], metrics["black"])), metrics, construction=board)


TASKS = [
    core.Task(
        name=f"peaceable_queens_{n}", family="peaceable_queens", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="optimal, OEIS A250000",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
