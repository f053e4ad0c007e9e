"""Maximum satisfiability: random clauses of 3 literals with a planted solution, or of 2 without. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

VARIABLES = {"search": 50, "full": 200}
PUBLIC = tuple(range(8))
HIDDEN = 32

# kind: (literals per clause, clauses per variable, words, value of the seed program, best value, its source, spread)
KINDS = {
    "three_planted": (3, 4.2, "some assignment satisfies all clauses", 0.9474, 1.0, "planted optimum", 0.0082),
    "two": (2, 4.0, "no assignment satisfies all clauses", 0.8449, 0.924,
            "our own reference: flips in broken clauses", 0.021),
}

STATEMENT = """Choose truth values for n variables such that many clauses hold. A clause holds if at least one of its \
{literals} literals is true.

Write `solve(clauses, n)`. `clauses` has shape ({count}, m, {literals}), {count} instances of random clauses: the \
literal v > 0 is true if variable v is true, the literal -v if variable v is false; variables have the numbers 1 to n. \
There are n = 50 variables and m = {search} clauses (200 and {full} at full fidelity), and {words}. Return an array \
(or lists) of shape ({count}, n) of 0 and 1: entry [b, v - 1] is 1 where variable v of instance b is true.

Invalid: another shape, an entry that is neither 0 nor 1.

Score: share of clauses that hold, averaged over {hidden} hidden instances; {public} are public. Higher is better, at \
most 1.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Choose truth values for random clauses of {literals} literals, many instances. Maximise the share that hold."


def size(kind: str, n: int) -> int:
  """How many clauses there are."""
  return round(n * KINDS[kind][1])


def draw(kind: str, seed: int, n: int) -> np.ndarray:
  """Clauses [m, literals] of different variables."""
  rng = np.random.default_rng(seed)
  width = KINDS[kind][0]
  truth = rng.integers(2, size=n)
  clauses = []
  while len(clauses) < size(kind, n):
    variables = rng.choice(n, width, replace=False)
    positive = rng.integers(2, size=width)
    if kind == "two" or (truth[variables] == positive).any():  # what the planted assignment breaks is left out
      clauses.append(np.where(positive, variables + 1, -variables - 1))
  return np.array(clauses)


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> np.ndarray:
  """Clauses [B, m, literals]."""
  clauses = np.stack([draw(kind, seed, n) for seed in seeds])
  clauses.setflags(write=False)
  return clauses


def evaluate(session: core.Session, kind: str) -> core.Score:
  n = VARIABLES[session.fidelity]
  clauses = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), n)
  result = session.call("solve", clauses.copy(), n)
  truth = checks.array(result, (len(clauses), n), dtype=int, low=0, high=1, name="truth")
  chosen = truth[np.arange(len(clauses))[:, None, None], np.abs(clauses) - 1]
  values = (chosen == (clauses > 0)).any(axis=2).mean(axis=1)
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden, "satisfied": float((values == 1).mean())},
                    instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"max_sat_{kind}_own", family="max_sat", domain="heuristic_optimization",
        statement=STATEMENT.format(literals=literals, words=words, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC),
                                   hidden=HIDDEN, **{name: size(kind, n) for name, n in VARIABLES.items()}),
        brief=BRIEF.format(literals=literals), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="solve", direction="max", baseline=baseline, best_known=best, spread=spread, source=source,
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (literals, _, words, baseline, best, source, spread) in KINDS.items()
]
