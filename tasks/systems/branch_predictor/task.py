"""Branch predictor: which two-bit counter a branch looks up, from its number and the recent outcomes. Policy shape.

Predictors differ in how they hash address and global history into their small tables (gshare takes the exclusive or).
The candidate is that hash, asked once for all branches and histories, so that it never sees a trace; the evaluation
keeps the counters. Programs are ours: loops, biased, periodic and correlated branches, from hidden seeds.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

BRANCHES, BITS, TABLES, COUNTERS = 32, 10, 3, 128
LENGTHS = {"search": 500, "full": 10000}
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 40
GRIDS = np.meshgrid(np.arange(BRANCHES), np.arange(1 << BITS), indexing="ij")

STATEMENT = """A processor predicts whether branches are taken. It has three tables of 128 two-bit counters. For each \
branch it looks up one counter in every table; the branch is predicted as taken if the three counters (0 to 3, at \
first 2) sum to 5 or more. Then all three move by one towards the outcome, within 0 to 3.

Write `index(branch, history)`, which chooses the counters. It is called once, with two integer arrays of shape (32, \
1024) that hold every combination: `branch` is the number of the branch, 0 to 31, `history` the last ten outcomes of \
all branches as bits (1 is taken; the latest is the lowest bit). Return integers of shape (3, 32, 1024), from 0 to \
127: the counter in each table.

Invalid: another shape, a number that is no integer from 0 to 127.

Score: mispredicted branches in percent, over hidden programs of {search} branches ({full} at full fidelity) with \
loops, biased, periodic and correlated branches; lower is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Choose 3 of 3 x 128 two-bit counters for each branch (0-31) and 10-bit history: integers (3, 32, 1024). "
         "Minimise mispredicted branches.")


def draw(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
  """Branch numbers and outcomes [count] of one program, which runs through its branches again and again."""
  rng = np.random.default_rng(seed)
  used = rng.permutation(BRANCHES)[:rng.integers(8, 20)]
  kinds = rng.choice(["loop", "biased", "periodic", "correlated", "both"], len(used))
  trips = rng.integers(2, 9, len(used))
  chance = rng.beta(0.4, 0.4, len(used))
  patterns = rng.integers(0, 2, (len(used), 6))
  sources = rng.integers(1, 8, (len(used), 2))
  branches: list[int] = []
  outcomes: list[int] = []
  rounds = np.zeros(len(used), int)
  while len(branches) < count:
    for i, branch in enumerate(used):
      past = [outcomes[-s] if len(outcomes) >= s else 0 for s in sources[i]]
      taken = {"loop": [1] * (trips[i] - 1) + [0], "biased": [int(rng.random() < chance[i])],
               "periodic": [patterns[i, rounds[i] % (2 + trips[i] % 5)]], "correlated": [past[0] ^ (trips[i] & 1)],
               "both": [past[0] & past[1]]}[kinds[i]]
      rounds[i] += 1
      branches += [branch] * len(taken)
      outcomes += [int(t) ^ int(rng.random() < 0.01) for t in taken]
  return np.array(branches[:count]), np.array(outcomes[:count])


@functools.lru_cache(maxsize=4)
def programs(seeds: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Branches, histories and outcomes [instances, count]."""
  drawn = [draw(seed, count) for seed in seeds]
  branch, taken = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
  history = np.zeros_like(branch)
  for t in range(1, count):
    history[:, t] = (2 * history[:, t - 1] + taken[:, t - 1]) % (1 << BITS)
  arrays = branch, history, taken
  for a in arrays:
    a.setflags(write=False)
  return arrays


def mispredicted(place: np.ndarray, taken: np.ndarray) -> np.ndarray:
  """Mispredictions [B] with the counters at place [TABLES, B, count] and outcomes [B, count]; all in step."""
  blocks = taken.shape[0]
  counters = np.full(TABLES * blocks * COUNTERS, 2, np.int8)
  offset = COUNTERS * np.arange(TABLES * blocks).reshape(TABLES, blocks, 1)
  steps = np.moveaxis(place + offset, 2, 0).copy()  # [count, TABLES, B]: all of one step are different counters
  wrong = np.zeros(blocks, np.int64)
  for where, outcome in zip(steps, taken.T.astype(np.int8), strict=True):
    now = counters[where]
    wrong += (now.sum(axis=0) > 4) != outcome
    counters[where] = np.clip(now + (2 * outcome - 1), 0, 3)
  return wrong


def evaluate(session: core.Session) -> core.Score:
  count = LENGTHS[session.fidelity]
  branch, history, taken = programs(PUBLIC_SEEDS + tuple(session.seeds("programs", HIDDEN)), count)
  result = session.call("index", GRIDS[0].copy(), GRIDS[1].copy())
  table = checks.array(result, (TABLES, BRANCHES, 1 << BITS), dtype=int, low=0, high=COUNTERS - 1, name="index")
  values = 100 * mispredicted(table[:, branch, history], taken) / count
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):]
  return core.Score(float(hidden.mean()), {"public": float(public.mean()), "gap": float(hidden.mean() - public.mean()),
                                           "worst": float(hidden.max())}, instances=tuple((-public).tolist()))


TASKS = [
    core.Task(
        name="branch_predictor_own", family="branch_predictor", domain="systems", statement=STATEMENT.format(**LENGTHS),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="index", direction="min",
        baseline=23.42, spread=2.9, best_known=16.57,
        source="our own reference: a local search over linear hashes with 10, 4 and 8 bits of history",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
