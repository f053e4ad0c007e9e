"""Covering codes: few words so that every word is one change away. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (q, n): (value of the seed program, size of the smallest code known). All but the last are optimal: a Hamming code for
# (2, 7), Stanton and Kalbfleisch 1968 for (2, 6) and (2, 8), Kamps and van Lint 1967 for (3, 5); Wille 1987 for (3, 6).
SIZES = {(2, 6): (26, 12), (2, 7): (47, 16), (2, 8): (104, 32), (3, 5): (76, 27), (3, 6): (217, 73)}

STATEMENT = """Words have {n} digits from 0 to {top}. Find a set of words that is as small as possible, such \
that every one of the {count} words differs from some word of the set in at most one digit.

Write `construct(q, n, previous=None)` with q = {q} and n = {n}. Return a list or array of m words, shape (m, \
{n}), each entry an integer from 0 to {top}; m is your choice. `previous` is the sorted array of words that the \
parent program reached, or None.

Invalid: an empty list, more than {count} words, a word of another length, an entry that is not an integer from \
0 to {top}, a word that differs from every word of the set in two digits or more. A word that stands twice \
counts twice.

Score: m, the number of words; lower is better. Smallest known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return an (m, {n}) array of digits 0..{top} so that every word is within one change of a row. Minimise m."


@functools.lru_cache(maxsize=8)
def _near(q: int, n: int) -> np.ndarray:
  """Indices of the words within one change of each word [q^n, 1 + n (q - 1)], word and index read in base q."""
  words = np.indices([q] * n).reshape(n, -1).T
  place = q ** np.arange(n)[::-1]
  rows = [words @ place]
  for digit in range(n):
    for more in range(1, q):
      changed = words.copy()
      changed[:, digit] = (changed[:, digit] + more) % q
      rows.append(changed @ place)
  near = np.stack(rows, axis=1)
  near.flags.writeable = False
  return near


def evaluate(session: core.Session, q: int, n: int) -> core.Score:
  result = session.call("construct", q, n, session.previous)
  words = checks.array(result, (range(1, q**n + 1), n), dtype=int, low=0, high=q - 1, name="words")
  codes = np.sort(words @ q ** np.arange(n)[::-1])
  times = np.bincount(_near(q, n)[codes].ravel(), minlength=q**n)
  if not times.all():
    open_ = np.base_repr(int(np.argmin(times)), q).zfill(n)
    raise core.Invalid(f"{int((times == 0).sum())} of {q**n} words are further than one change from all {len(codes)} "
                       f"words of the set, among them {open_}")
  sorted_words = codes[:, None] // q ** np.arange(n)[::-1] % q
  spare = int((times[_near(q, n)[codes]] > 1).all(1).sum())
  metrics = {"covered_once": int((times == 1).sum()), "words_that_cover_nothing_alone": spare}
  return core.Score(float(len(codes)), metrics, construction=sorted_words)


TASKS = [
    core.Task(
        name=f"covering_code_{q}_{n}", family="covering_code", domain="mathematical_discovery",
        statement=STATEMENT.format(q=q, n=n, best=best, top=q - 1, count=q**n),
        brief=BRIEF.format(n=n, top=q - 1),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source=f"K_{q}({n}, 1) = {best} as in Keri's tables of covering codes; for (3, 6) an upper bound",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, q=q, n=n))
    for (q, n), (baseline, best) in SIZES.items()
]
