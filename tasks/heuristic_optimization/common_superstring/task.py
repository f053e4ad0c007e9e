"""Shortest common superstring: order fragments of a hidden text so that they overlap well. Solver shape.

The hidden text bounds the optimum from above; chance overlaps allow a little less.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

FRAGMENTS = {"search": 20, "full": 60}
PUBLIC = tuple(range(8))
HIDDEN = 16

# kind: (letters, lengths, overlaps in the text, value of the seed program, of our reference, spread of the seed)
KINDS = {
    "four_letters": ("acgt", (8, 14), (2, 5), 0.7464, 1.007, 0.022),
    "two_letters": ("ab", (12, 18), (3, 8), 0.7502, 1.051, 0.042),
}

STATEMENT = """Order fragments of text such that the text that holds them all is short: fragments are joined one after \
another, each with the largest overlap of the text so far and its own beginning.

Write `solve(fragments)`. `fragments` is a list of {count} instances, each a list of n texts of {low} to {high} of the \
letters {letters}; n = 20 (60 at full fidelity). They were cut from one random text in which neighbours overlap by \
{less} to {more} letters, and stand in random order. Return an array (or lists) of shape ({count}, n): row b is the \
order of the fragments 0 to n - 1 of instance b.

Invalid: another shape, a number that is not an integer from 0 to n - 1, a fragment that stands twice.

Score: length of the text that the fragments were cut from over the length of yours, averaged over {hidden} hidden \
instances; {public} are public. Higher is better; above 1 your text is the shorter one.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for all \
instances."""

BRIEF = "Order text fragments so that they overlap well, many instances at once. Maximise hidden over reached length."


def draw(kind: str, seed: int, n: int) -> tuple[list[str], int]:
  """n fragments in random order, and the length of the text."""
  letters, lengths, overlaps, *_ = KINDS[kind]
  rng = np.random.default_rng(seed)
  sizes = rng.integers(lengths[0], lengths[1] + 1, n)
  shared = np.append(rng.integers(overlaps[0], overlaps[1] + 1, n - 1), 0)
  begins = np.cumsum(sizes - shared) - (sizes - shared)
  text = "".join(rng.choice(list(letters), begins[-1] + sizes[-1]))
  parts = [text[a:a + size] for a, size in zip(begins, sizes, strict=True)]
  return [parts[i] for i in rng.permutation(n)], len(text)


@functools.lru_cache(maxsize=4)
def instances(kind: str, seeds: tuple[int, ...], n: int) -> tuple[tuple[tuple[str, ...], ...], np.ndarray]:
  """Fragments of all instances, and the lengths of their texts [B]."""
  drawn = [draw(kind, seed, n) for seed in seeds]
  return tuple(tuple(parts) for parts, _ in drawn), np.array([length for _, length in drawn])


def join(parts: tuple[str, ...], order: list[int]) -> str:
  """The text that holds the fragments in this order."""
  text = ""
  for i in order:
    part = parts[i]
    shared = next(k for k in range(len(part), -1, -1) if text.endswith(part[:k]))
    text += part[shared:]
  return text


def evaluate(session: core.Session, kind: str) -> core.Score:
  fragments, planted = instances(kind, PUBLIC + tuple(session.seeds(kind, HIDDEN)), FRAGMENTS[session.fidelity])
  result = session.call("solve", [list(parts) for parts in fragments])
  orders = checks.permutations(result, len(fragments), len(fragments[0]), name="orders").tolist()
  values = planted / np.array([len(join(parts, order)) for parts, order in zip(fragments, orders, strict=True)])
  public, hidden = float(values[:len(PUBLIC)].mean()), float(values[len(PUBLIC):].mean())
  return core.Score(hidden, {"public": public, "gap": public - hidden}, instances=tuple(values[:len(PUBLIC)].tolist()))


TASKS = [
    core.Task(
        name=f"common_superstring_{kind}_own", family="common_superstring", domain="heuristic_optimization",
        statement=STATEMENT.format(letters=" and ".join(letters) if len(letters) == 2 else ", ".join(letters), low=low,
                                   high=high, less=less, more=more, count=len(PUBLIC) + HIDDEN, public=len(PUBLIC),
                                   hidden=HIDDEN),
        brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="solve", direction="max",
        baseline=baseline, best_known=best, spread=spread,
        source="our own reference: largest overlaps first, with noise, best of many",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, kind=kind))
    for kind, (letters, (low, high), (less, more), baseline, best, spread) in KINDS.items()
]
