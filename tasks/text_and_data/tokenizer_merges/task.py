"""Tokenizers: which pieces of text deserve a token of their own. Solver shape.

Texts are written in made-up languages: stems with endings, words by Zipf's law. The pieces are chosen on one text and
judged on another of the same language, cut into as few tokens as possible.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8
SIZES = {"search": (600, 400, 24), "full": (6000, 3000, 24)}  # characters shown, characters judged, pieces
LONGEST = 10

STATEMENT = """A tokenizer has a token for every single character and for {search[2]} longer pieces of text. Choose \
the pieces so that texts of a language need few tokens.

Write `pieces(texts, count)`. `texts` is a list of {instances} texts of about {search[0]} characters ({full[0]} at \
full fidelity) in made-up languages: lower-case words, made of stems and endings, with spaces between them. Return a \
list of {instances} lists of at most `count` pieces, each a text of 2 to {longest} characters, spaces allowed.

Invalid: another number of lists, more than `count` pieces, pieces that are not text, or shorter or longer.

Score: the mean over hidden languages of characters per token on another text of the same language, cut into as few \
tokens as possible; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all texts."""

BRIEF = ("Choose `count` multi-character tokens per language from sample texts. Maximise characters per token on "
         "other text of the language.")


@functools.lru_cache(maxsize=64)
def language(seed: int, shown: int, judged: int) -> tuple[str, str]:
  """Two texts of one language."""
  rng = np.random.default_rng(seed)
  consonants, vowels = rng.permutation(list("bcdfghklmnprstvz"))[:9], rng.permutation(list("aeiouy"))[:4]
  def syllable() -> str:
    return str(rng.choice(consonants)) + str(rng.choice(vowels)) + str(rng.choice(["", "", *consonants[:3]]))
  stems = ["".join(syllable() for _ in range(int(rng.integers(1, 4)))) for _ in range(60)]
  endings = ["", "", *(str(rng.choice(vowels)) + str(rng.choice(["", *consonants[:4]])) for _ in range(5))]
  share = 1 / np.arange(1, 61) ** 0.9
  share /= share.sum()
  texts = []
  for size in (shown, judged):
    words = [stems[i] + endings[int(j)] for i, j in
             zip(rng.choice(60, size // 4, p=share), rng.integers(0, len(endings), size // 4), strict=True)]
    texts.append(" ".join(words)[:size])
  return texts[0], texts[1]


def tokens(text: str, pieces: set[str]) -> int:
  """Least number of tokens that the text can be cut into."""
  sizes = sorted({len(piece) for piece in pieces})
  least = [0] * (len(text) + 1)
  for end in range(1, len(text) + 1):
    best = least[end - 1]
    for size in sizes:
      if size > end:
        break
      if least[end - size] < best and text[end - size:end] in pieces:
        best = least[end - size]
    least[end] = best + 1
  return least[-1]


def checked(result: object, languages: int, count: int) -> list[set[str]]:
  """The candidate's pieces of every language."""
  if type(result) is not list or len(result) != languages:
    size = f"{len(result)} entries" if type(result) is list else f"a {type(result).__name__}"
    raise core.Invalid(f"pieces returned {size}, expected a list of {languages} lists")
  for number, pieces in enumerate(result):
    if type(pieces) is not list or len(pieces) > count:
      size = f"{len(pieces)} entries" if type(pieces) is list else f"a {type(pieces).__name__}"
      raise core.Invalid(f"entry {number} of the result is {size}, expected a list of at most {count} pieces")
    for piece in pieces:
      if type(piece) is not str or not 2 <= len(piece) <= LONGEST:
        shown = repr(piece)[:30] if type(piece) is str else f"a {type(piece).__name__}"
        raise core.Invalid(f"a piece of language {number} is {shown}, expected text of 2 to {LONGEST} characters")
  return [set(pieces) for pieces in result]


def evaluate(session: core.Session) -> core.Score:
  shown, judged, count = SIZES[session.fidelity]
  texts = [language(seed, shown, judged) for seed in PUBLIC_SEEDS + tuple(session.seeds("languages", HIDDEN))]
  chosen = checked(session.call("pieces", [text for text, _ in texts], count), len(texts), count)
  values = [len(text) / tokens(text, pieces) for (_, text), pieces in zip(texts, chosen, strict=True)]
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  unused = [piece for piece in sorted(chosen[0]) if piece not in texts[0][1]]
  return core.Score(hidden, {"public": public, "gap": hidden - public},
                    {"of no use in the first public language": ", ".join(map(repr, unused[:20]))},
                    instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="tokenizer_merges_own", family="tokenizer_merges", domain="text_and_data",
        statement=STATEMENT.format(**SIZES, instances=len(PUBLIC_SEEDS) + HIDDEN, longest=LONGEST), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="pieces", direction="max",
        baseline=1.5, spread=0.1, best_known=2.02, source="our own reference: greedy choice by tokens saved",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
