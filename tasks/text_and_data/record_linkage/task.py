"""Record linkage: which rows of two noisy tables stand for the same person. Solver shape."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16
PEOPLE = {"search": 25, "full": 150}
FIRST = ("anna", "bernd", "carla", "david", "elena", "frank", "greta", "hanna", "ivan", "julia", "karim", "lena",
         "maria", "nora", "oskar", "paula")
ENDS = ("mann", "berg", "stein", "feld", "hof", "ova", "sen", "ler", "ini", "ez")
SIDES = ("left", "right")
STREETS = ("mill", "lake", "church", "station", "garden", "park", "bridge", "forest")

STATEMENT = """Two tables hold records of people, partly of the same ones. Find which rows belong together.

Write `link(left, right)`. Both are lists of rows [first name, last name, year of birth, street, phone], all text. \
Rows were typed twice: letters are wrong, lost or swapped, first names cut to an initial, digits wrong, fields empty, \
first and last name exchanged; people have moved (another street and phone). Some are relatives with the same last \
name, street and phone. About two thirds of the rows have a partner, none has two. Return a list of pairs [i, j]: row \
i of `left` and row j of `right` are the same person. It is called once for each of {instances} pairs of tables \
(about {search} rows; {full} at full fidelity).

Invalid: entries that are not pairs of integers, rows that do not exist, a row of either table in two pairs.

Score: the mean over hidden tables of F1 = 2 right pairs / (pairs returned + pairs that exist); higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU for \
all tables."""

BRIEF = ("Return pairs [i, j] of rows of two noisy tables that stand for the same person, each row at most once. "
         "Maximise the mean F1.")


def person(rng: np.random.Generator) -> list[str]:
  syllable = "".join((rng.choice(list("bdfgklmnrst")), rng.choice(list("aeiou")), rng.choice(list("lnrst"))))
  return [str(rng.choice(FIRST)), syllable + str(rng.choice(ENDS)), str(rng.integers(1930, 2006)),
          f"{rng.choice(STREETS)} street {rng.integers(1, 60)}", "".join(map(str, rng.integers(0, 10, 6)))]


def mistype(text: str, rng: np.random.Generator) -> str:
  """The text with one wrong, lost or swapped character."""
  i = int(rng.integers(max(1, len(text) - 1)))
  kind = rng.integers(3)
  letters = "0123456789" if text[i:i + 1].isdigit() else "abcdefghijklmnopqrstuvwxyz"
  if kind == 0:
    return text[:i] + letters[int(rng.integers(len(letters)))] + text[i + 1:]
  return text[:i] + text[i + 1:] if kind == 1 else text[:i] + text[i + 1:i + 2] + text[i:i + 1] + text[i + 2:]


def blur(row: list[str], rng: np.random.Generator) -> list[str]:
  """The row as somebody else typed it."""
  row = [mistype(field, rng) if rng.random() < 0.3 else field for field in row]
  row = [mistype(field, rng) if rng.random() < 0.2 else field for field in row]
  if rng.random() < 0.15:
    row[0] = row[0][:1]
  if rng.random() < 0.1:
    row[0], row[1] = row[1], row[0]
  return ["" if rng.random() < 0.08 else field for field in row]


@functools.lru_cache(maxsize=64)
def tables(seed: int, people: int) -> tuple[list[list[str]], list[list[str]], frozenset[tuple[int, int]]]:
  """Left rows, right rows, and the pairs that belong together."""
  rng = np.random.default_rng(seed)
  known = [person(rng) for _ in range(people)]
  for i in range(1, people):
    if rng.random() < 0.3:  # a relative of the one before, who lives at the same place
      known[i] = [known[i][0], known[i - 1][1], known[i][2], *known[i - 1][3:]]
  sides = rng.choice(3, people, p=(0.6, 0.2, 0.2))  # in both tables, left only, right only
  left, right = [i for i in range(people) if sides[i] != 2], [i for i in range(people) if sides[i] != 1]
  left, right = rng.permutation(left).tolist(), rng.permutation(right).tolist()
  moved = [known[i][:3] + person(rng)[3:] if rng.random() < 0.2 else known[i] for i in right]
  pairs = frozenset((a, b) for a, i in enumerate(left) for b, j in enumerate(right) if i == j)
  return [blur(known[i], rng) for i in left], [blur(row, rng) for row in moved], pairs


def evaluate(session: core.Session) -> core.Score:
  values, missed, wrong = [], 0, 0
  for seed in PUBLIC_SEEDS + tuple(session.seeds("tables", HIDDEN)):
    left, right, true = tables(seed, PEOPLE[session.fidelity])
    result = session.call("link", [list(row) for row in left], [list(row) for row in right])
    if type(result) is list and not result:
      result = np.zeros((0, 2))
    pairs = checks.array(result, (range(min(len(left), len(right)) + 1), 2), dtype=int, low=0, name="pairs")
    for side, (column, rows) in enumerate(zip(pairs.T, (left, right), strict=True)):
      if len(column) and column.max() >= len(rows):
        raise core.Invalid(f"row {column.max()} of the {SIDES[side]} table does not exist: it has {len(rows)}")
      if len(set(column.tolist())) < len(column):
        twice = next(i for i in column.tolist() if (column == i).sum() > 1)
        raise core.Invalid(f"row {twice} of the {SIDES[side]} table is in two pairs")
    hits = len(true & {(i, j) for i, j in pairs.tolist()})
    values.append(2 * hits / (len(pairs) + len(true)))
    missed, wrong = missed + len(true) - hits, wrong + len(pairs) - hits
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  return core.Score(hidden, {"public": public, "gap": hidden - public, "missed_per_table": missed / len(values),
                             "wrong_per_table": wrong / len(values)}, instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="record_linkage_own", family="record_linkage", domain="text_and_data",
        statement=STATEMENT.format(**PEOPLE, instances=len(PUBLIC_SEEDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="link", direction="max",
        baseline=0.39, spread=0.1, best_known=0.8, source="our own reference: weighted similarities and an assignment",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
