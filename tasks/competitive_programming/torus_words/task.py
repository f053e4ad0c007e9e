"""Torus words: letters on a torus that hold as many given words as possible. Solver shape, C++.

Idea: AtCoder Heuristic Contest 4, with our own statement and generator. The words are read from a hidden torus, which
holds them all.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIZES = {"search": (9, 60), "full": (20, 500)}  # side, words
ALPHABET = "ABCDEFGH"
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 8

STATEMENT = """Fill an n x n torus with the letters A to H so that it holds many of the given words. It holds a word \
that can be read in a row from left to right or in a column from top to bottom, where a row goes on at its left end \
and a column at its top.

Write a C++17 program. On standard input: the number of instances, then for each one n and m (9 60; 20 500 at full \
fidelity) and m lines with a word of 2 to n letters each; words may repeat. On standard output: one line per instance \
with n * n letters, row after row.

Invalid: another number of lines, another number of letters in a line, a letter other than A to H.

Score: share of the m words that the torus holds, mean over hidden instances. Higher is better; 1 is possible.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: fill an n x n torus with letters A to H so that rows and columns hold given words. Maximise words held."


def draw(seed: int, n: int, m: int) -> tuple[str, ...]:
  """Words of a hidden torus."""
  rng = np.random.default_rng(seed)
  torus = rng.integers(0, len(ALPHABET), (n, n))
  found = []
  for _ in range(m):
    line = torus[rng.integers(n)] if rng.random() < 0.5 else torus[:, rng.integers(n)]
    length, start = int(rng.integers(2, min(n, 12) + 1)), int(rng.integers(n))
    found.append("".join(ALPHABET[i] for i in np.roll(line, -start)[:length]))
  return tuple(found)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], n: int, m: int) -> tuple[tuple[tuple[str, ...], ...], str]:
  """Words of each instance, and the text that a candidate reads."""
  found = tuple(draw(seed, n, m) for seed in seeds)
  return found, "\n".join([str(len(found)), *("\n".join([f"{n} {m}", *words]) for words in found)]) + "\n"


def held(words: tuple[str, ...], n: int, letters: str) -> float:
  """Share of the words that the torus with these n * n letters holds."""
  lines = [letters[i * n:(i + 1) * n] for i in range(n)] + [letters[i::n] for i in range(n)]
  everything = " ".join(line + line[:-1] for line in lines)
  return sum(word in everything for word in words) / len(words)


def evaluate(session: core.Session) -> core.Score:
  n, m = SIZES[session.fidelity]
  found, given = instances(PUBLIC_SEEDS + tuple(session.seeds("words", HIDDEN)), n, m)
  rows = text.letters(session.call("main", given), len(found), ALPHABET, range(n * n, n * n + 1))
  values = [held(words, n, row) for words, row in zip(found, rows, strict=True)]
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="torus_words_own", family="torus_words", domain="competitive_programming", statement=STATEMENT,
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(), language="cpp", entry="main",
        direction="max", baseline=0.336, best_known=1.0,
        source="planted: the torus that the words are read from",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=10.0, wall_seconds=100.0), evaluate=evaluate, spread=0.04)
]
