"""Spelling correction: the intended words of noisy ones, by a made-up language and its own typing errors. Solver shape.

Words are drawn from syllables, so that many are near each other; errors are slips to neighbours on the keyboard,
swaps, doubled, lost and added letters. What is likely can be learnt from the public lists.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16
SIZES = {"search": (40, 20), "full": (200, 100)}  # words of a language, typed words
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

STATEMENT = """Correct typing errors in a made-up language. Words are typed on an English keyboard (rows qwertyuiop, \
asdfghjkl, zxcvbnm, each shifted by half a key), with one to three errors each: a slip to a neighbouring key (the \
most frequent), two letters swapped, a letter lost, doubled, or added. Frequent words are meant more often.

Write `correct(typed, lexicon, counts)`. `typed` is a list of wrong words, `lexicon` the list of all right words and \
`counts` how often each was seen in other text. Return a list with one right word for each typed one. It is called \
once for each of {instances} languages ({search[0]} right words and {search[1]} typed ones; {full[0]} and {full[1]} \
at full fidelity).

Invalid: another length, entries that are not text.

Score: the mean over hidden languages of the share of words that come out as they were meant; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all languages."""

BRIEF = ("Return the intended word of the lexicon for each mistyped word, given lexicon and counts. Maximise the "
         "share of right ones.")


def _places() -> dict[str, tuple[float, float]]:
  return {key: (x + 0.5 * y, float(y)) for y, row in enumerate(ROWS) for x, key in enumerate(row)}


@functools.lru_cache(maxsize=1)
def neighbours() -> dict[str, str]:
  """For every key those next to it."""
  at = _places()
  return {a: "".join(b for b in at if a != b and abs(at[a][0] - at[b][0]) <= 1 and abs(at[a][1] - at[b][1]) <= 1)
          for a in at}


def slip(word: str, rng: np.random.Generator) -> str:
  """The word with one more error."""
  kind = rng.choice(5, p=(0.4, 0.2, 0.2, 0.1, 0.1))
  i = int(rng.integers(len(word)))
  if kind == 0:
    near = neighbours()[word[i]]
    return word[:i] + near[int(rng.integers(len(near)))] + word[i + 1:]
  if kind == 1:
    i = min(i, len(word) - 2)
    return word[:i] + word[i + 1] + word[i] + word[i + 2:]
  if kind == 2 and len(word) > 3:
    return word[:i] + word[i + 1:]
  if kind == 3:
    return word[:i] + word[i] + word[i:]
  return word[:i] + "etaoins"[int(rng.integers(7))] + word[i:]


@functools.lru_cache(maxsize=64)
def language(seed: int, words: int, typed: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...], np.ndarray]:
  """Typed words, lexicon, counts, and the places of the meant words in the lexicon."""
  rng = np.random.default_rng(seed)
  onsets, vowels, codas = list("bdfgklmnprstvz"), list("aeiou"), ["", "", "n", "s", "r", "l"]
  syllables = ["".join((rng.choice(onsets), rng.choice(vowels), rng.choice(codas))) for _ in range(int(words**0.5) + 4)]
  lexicon: dict[str, None] = {}
  while len(lexicon) < words:
    lexicon["".join(rng.choice(syllables, int(rng.integers(2, 4))))] = None
  share = rng.permutation(1 / np.arange(2, words + 2) ** 0.8)
  counts = rng.poisson(20 * words * share / share.sum())
  meant, wrong = [], []
  while len(meant) < typed:
    target = int(rng.choice(words, p=share / share.sum()))
    word = list(lexicon)[target]
    for _ in range(int(rng.choice((1, 2, 3), p=(0.45, 0.35, 0.2)))):
      word = slip(word, rng)
    if word not in lexicon:
      meant.append(target)
      wrong.append(word)
  return tuple(wrong), tuple(lexicon), tuple(int(c) for c in counts), np.array(meant)


def answers(result: object, count: int) -> list[str]:
  """The candidate's words."""
  if type(result) is not list or len(result) != count:
    size = f"{len(result)} entries" if type(result) is list else f"a {type(result).__name__}"
    raise core.Invalid(f"correct returned {size}, expected a list of {count} words")
  bad = [i for i, word in enumerate(result) if type(word) is not str]
  if bad:
    raise core.Invalid(f"entry {bad[0]} of the result is a {type(result[bad[0]]).__name__}, expected a word")
  return result


def evaluate(session: core.Session) -> core.Score:
  shares, shown = [], ""
  for seed in PUBLIC_SEEDS + tuple(session.seeds("languages", HIDDEN)):
    typed, lexicon, counts, meant = language(seed, *SIZES[session.fidelity])
    words = answers(session.call("correct", list(typed), list(lexicon), list(counts)), len(typed))
    right = [word == lexicon[target] for word, target in zip(words, meant, strict=True)]
    shares.append(sum(right) / len(right))
    if len(shares) == 1:
      wrong = [f"{t} -> {lexicon[m]}" for t, m, ok in zip(typed, meant, right, strict=True) if not ok]
      shown = "wrong in the first public language: " + ", ".join(wrong[:8])
  public, hidden = float(np.mean(shares[:len(PUBLIC_SEEDS)])), float(np.mean(shares[len(PUBLIC_SEEDS):]))
  return core.Score(hidden, {"public": public, "gap": hidden - public}, {"examples": shown},
                    instances=tuple(shares[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="spell_correction_own", family="spell_correction", domain="text_and_data",
        statement=STATEMENT.format(**SIZES, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="correct", direction="max",
        baseline=0.69, spread=0.1, best_known=0.97,
        source="our own reference: noisy channel with the true kinds of errors",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
