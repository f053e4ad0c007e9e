"""Binary codes: many words with a given distance between any two. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (n, d): (value of the seed program, A(n, d)). Best 1980; Oestergard, Baicheva and Kolev 1999; a Hadamard code for
# (12, 6).
SIZES = {(9, 4): (5, 20), (10, 4): (8, 40), (11, 4): (11, 72), (12, 6): (2, 24)}

STATEMENT = """Find a set of binary words of length {n} that is as large as possible, such that any two \
different words of the set differ in at least {d} places.

Write `construct(n, d, previous=None)` with n = {n} and d = {d}. Return a list or array of m words, shape (m, \
{n}), each entry 0 or 1; m is your choice. `previous` is the sorted array of words that the parent program \
reached, or None.

Invalid: an empty list, a word of another length, an entry that is not 0 or 1, two words that differ in fewer \
than {d} places (a word that stands twice as well).

Score: the number of words; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return an (m, {n}) array of 0 and 1; any two rows differ in at least {d} places. Maximise m."


def evaluate(session: core.Session, n: int, d: int) -> core.Score:
  result = session.call("construct", n, d, session.previous)
  words = checks.array(result, (range(1, 2**n + 1), n), dtype=int, low=0, high=1, name="words")
  words = words[np.argsort(words @ 2 ** np.arange(n)[::-1])]
  packed = words @ 2 ** np.arange(n)
  distance = np.bitwise_count(packed[:, None] ^ packed) + d * np.eye(len(words), dtype=np.int64)
  if not (distance.min() >= d):
    i, j = (int(x) for x in np.argwhere(distance < d)[0])
    raise core.Invalid(f"words {words[i].tolist()} and {words[j].tolist()} differ in {distance[i, j]} places, expected "
                       f"at least {d}; {int((distance < d).sum()) // 2} such pairs")
  addable = int((np.bitwise_count(np.arange(2**n)[:, None] ^ packed) >= d).all(1).sum())
  return core.Score(float(len(words)), {"words_that_could_be_added": addable}, construction=words)


TASKS = [
    core.Task(
        name=f"binary_code_{n}_{d}", family="binary_code", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, d=d, best=best),
        brief=BRIEF.format(n=n, d=d),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source=f"A({n}, {d}) = {best}, optimal: Brouwer's table of binary codes",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n, d=d))
    for (n, d), (baseline, best) in SIZES.items()
]
