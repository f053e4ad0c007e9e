"""Independent sets in powers of odd cycles, behind the Shannon capacity. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (q, n): (value of the seed program, largest independent set). Shannon 1956 and Lovasz 1979 for the pentagon; Baumert
# et al. 1971 for (7, 3) and (9, 3).
SIZES = {(5, 4): (15, 25), (7, 3): (21, 33), (9, 3): (37, 81)}

STATEMENT = """Find a code over a noisy channel: a set of words with {n} digits from 0 to {top} that is as \
large as possible, such that no two different words can be confused. Two digits can be confused if they are \
equal or neighbours on the cycle of the {q} digits ({top} and 0 are neighbours); two words can be confused if \
they can be in every place. (This is an independent set in the {n}-th strong power of the cycle C_{q}.)

Write `construct(q, n, previous=None)` with q = {q} and n = {n}. Return a list or array of m words, shape (m, \
{n}); m is your choice. `previous` is the sorted array of words that the parent program reached, or None.

Invalid: an empty list, a word of another length, an entry that is not an integer from 0 to {top}, a word that \
stands twice, two words that can be confused.

Score: the number of words; higher is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return an (m, {n}) array of digits 0..{top}; two rows differ by 2 or more around the cycle "
         "somewhere. Maximise m.")


def evaluate(session: core.Session, q: int, n: int) -> core.Score:
  result = session.call("construct", q, n, session.previous)
  words = checks.array(result, (range(1, q**n + 1), n), dtype=int, low=0, high=q - 1, name="words")
  words = words[np.lexsort(words.T[::-1])]
  close = np.isin(np.arange(q), (0, 1, q - 1))
  confused = np.ones((len(words), len(words)), dtype=bool)
  for digits in words.T:
    confused &= close[(digits[:, None] - digits) % q]
  np.fill_diagonal(confused, False)
  if confused.any():
    i, j = (int(x) for x in np.argwhere(confused)[0])
    raise core.Invalid(f"words {words[i].tolist()} and {words[j].tolist()} can be confused; {int(confused.sum()) // 2} "
                       "such pairs")
  every = np.indices([q] * n).reshape(n, -1)
  taken = np.ones((every.shape[1], len(words)), dtype=bool)
  for digits, own in zip(every, words.T, strict=True):
    taken &= close[(digits[:, None] - own) % q]
  return core.Score(float(len(words)), {"words_that_could_be_added": int((~taken.any(1)).sum())}, construction=words)


TASKS = [
    core.Task(
        name=f"cycle_strong_product_{q}_{n}", family="cycle_strong_product", domain="mathematical_discovery",
        statement=STATEMENT.format(q=q, n=n, best=best, top=q - 1),
        brief=BRIEF.format(n=n, top=q - 1),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source=f"largest independent set of C_{q}^{n}: Lovasz 1979, Baumert et al. 1971",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, q=q, n=n))
    for (q, n), (baseline, best) in SIZES.items()
]
