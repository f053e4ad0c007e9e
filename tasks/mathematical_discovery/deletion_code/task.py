"""Single-deletion codes: words that stay apart when each loses one letter. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, size of the largest code). Varshamov and Tenengolts 1965 reach them
# (OEIS A000016), and no larger code is known; optimal up to 8: Sloane 2002.
SIZES = {7: (7, 16), 8: (11, 30), 9: (15, 52)}

STATEMENT = """Find a set of binary words of length {n} that is as large as possible and corrects one deletion: \
no two different words of the set can become the same word of length {less} when each of them loses one letter, \
at places that may differ.

Write `construct(n, previous=None)` with n = {n}. Return a list or array of m words, shape (m, {n}), each entry \
0 or 1; m is your choice. `previous` is the sorted array of words that the parent program reached, or None.

Invalid: an empty list, a word of another length, an entry that is not 0 or 1, a word that stands twice, two \
words that share a word of length {less} after one deletion each.

Score: the number of words; higher is better. Largest known: {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return an (m, {n}) array of 0 and 1; no two rows become equal after one deletion in each. Maximise m."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  words = checks.array(result, (range(1, 2**n + 1), n), dtype=int, low=0, high=1, name="words")
  words = words[np.argsort(words @ 2 ** np.arange(n)[::-1])]
  owner: dict[tuple[int, ...], tuple[int, ...]] = {}
  for word in map(tuple, words.tolist()):
    shorter = {word[:i] + word[i + 1:] for i in range(n)}
    for left in sorted(shorter):
      if left in owner:
        if owner[left] == word:
          raise core.Invalid(f"word {_text(word)} stands twice")
        raise core.Invalid(f"words {_text(owner[left])} and {_text(word)} both become {_text(left)} by one deletion")
    owner.update(dict.fromkeys(shorter, word))
  return core.Score(float(len(words)), {"shorter_words_used": len(owner), "shorter_words": 2 ** (n - 1)},
                    construction=words)


def _text(word: tuple[int, ...]) -> str:
  return "".join(map(str, word))


TASKS = [
    core.Task(
        name=f"deletion_code_{n}", family="deletion_code", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, less=n - 1),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=float(baseline), best_known=float(best),
        source="Varshamov-Tenengolts code VT_0, largest known (optimal up to 8: Sloane 2002)",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
