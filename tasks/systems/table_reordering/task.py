"""Table reordering: rows, and the fields within each row, are put in an order in which prompts share long prefixes.

The idea is that of LLM-SQL: a query asks a model about every row of a table, and the prefix that a prompt shares with
the one before it need not be computed again. Prefixes are counted in characters of the prompts that the evaluation
builds. Tables are ours, from hidden seeds: values do not compare with those on the published tables. Solver shape.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

SIZES = {"search": (30, 6), "full": (400, 9)}  # rows, columns
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 32
LETTERS = "abcdefghijklmnopqrstuvwxyz"

STATEMENT = """A language model is asked about every row of a table, one prompt a row. The prompt of a row is the text \
of its fields one after another, each as name=value; for example `b=Oslo;a=17;`. \
A prefix shared with the prompt just before costs nothing. Choose the order of the rows, and for \
each row the order of its fields.

Write `reorder(tables)`. `tables` is a list of {instances} tables, each a list of N rows, each a list of C strings. \
Columns differ in length and in number of distinct values; some depend on others, some values begin alike. Return \
integers of shape ({instances}, N, 1 + C): for each prompt in order, the index of its row and then the indices of its \
fields in order. N, C = {search} ({full} at full fidelity).

Invalid: another shape, a row that is missing or stands twice, fields that are no permutation.

Score: characters in shared prefixes, over what sorting each column on its own would share (which no order of whole \
rows beats), averaged over hidden tables; higher is better.

Rules: Python with numpy and scipy; no files, network or input; half a second of CPU."""

BRIEF = ("Order the rows of string tables, and the fields in each row: [row, *fields] per prompt. Maximise characters "
         "of prefix shared with the prompt before.")


def words(rng: np.random.Generator, count: int, length: int) -> list[str]:
  """`count` different texts of about `length` letters; half of them begin like another one."""
  made: list[str] = []
  while len(made) < count:
    size = max(2, int(rng.normal(length, 0.2 * length)))
    text = "".join(LETTERS[i] for i in rng.integers(0, 26, size))
    if made and rng.random() < 0.5:
      other = made[rng.integers(len(made))]
      text = (other[:rng.integers(1, len(other))] + text)[:max(size, 2)]
    if text not in made:
      made.append(text)
  return made


def draw(seed: int, rows: int, columns: int) -> list[list[str]]:
  """One table: independent columns of few or many values, columns that follow from another, one that is unique."""
  rng = np.random.default_rng([seed, rows, columns])
  codes, texts = [], []
  for c in range(columns):
    kinds = rows if c == 0 else int(rng.choice([2, 4, 8, 15, rows // 2]))
    if c > 1 and rng.random() < 0.45:  # follows from an earlier column, but for some rows
      parent = codes[rng.integers(1, c)]
      code = rng.integers(0, kinds, parent.max() + 1)[parent]
      code = np.where(rng.random(rows) < rng.choice([0.0, 0.1]), rng.integers(0, kinds, rows), code)
    else:
      weights = 1 / np.arange(1, kinds + 1) ** rng.uniform(0, 1.2)
      code = rng.permutation(rows) if c == 0 else rng.choice(kinds, rows, p=weights / weights.sum())
    codes.append(code)
    texts.append(words(rng, kinds, int(rng.choice([3, 6, 12, 25]))))
  order = rng.permutation(columns)
  return [[texts[c][codes[c][r]] for c in order] for r in range(rows)]


@functools.lru_cache(maxsize=4)
def tables(seeds: tuple[int, ...], rows: int, columns: int) -> tuple[list, np.ndarray]:
  """Fields name=value; of all tables [instances][rows][columns], and the bounds [instances]."""
  drawn = [draw(seed, rows, columns) for seed in seeds]
  fields = [[[f"{LETTERS[c]}={value};" for c, value in enumerate(row)] for row in table] for table in drawn]
  bounds = [sum(shared(sorted(column)) for column in zip(*table, strict=True)) for table in fields]
  return fields, np.array(bounds, float)


def shared(prompts: list[str]) -> int:
  """Characters of prefix that the texts share with the one before them."""
  total = 0
  for a, b in zip(prompts, prompts[1:], strict=False):
    length = min(len(a), len(b))
    if a[:length] != b[:length]:
      length = next(i for i in range(length) if a[i] != b[i])
    total += length
  return total


def evaluate(session: core.Session) -> core.Score:
  rows, columns = SIZES[session.fidelity]
  fields, bounds = tables(PUBLIC_SEEDS + tuple(session.seeds("tables", HIDDEN)), rows, columns)
  plain = [[[field[2:-1] for field in row] for row in table] for table in fields]
  result = session.call("reorder", plain)
  plans = checks.array(result, (len(fields), rows, 1 + columns), dtype=int, low=0, name="plans")
  for name, part, size in (("rows", plans[:, :, 0], rows), ("fields", plans[:, :, 1:], columns)):
    wrong = np.argwhere((np.sort(part, axis=-1) != np.arange(size)).any(axis=-1))
    if len(wrong):
      raise core.Invalid(f"table {wrong[0][0]}: {part[tuple(wrong[0])].tolist()[:40]} is no permutation of the "
                         f"{size} {name}")
  hits = [shared(["".join([table[r][c] for c in order]) for r, *order in plan])
          for table, plan in zip(fields, plans.tolist(), strict=True)]
  values = np.array(hits) / bounds
  public, hidden = values[:len(PUBLIC_SEEDS)], values[len(PUBLIC_SEEDS):].mean()
  characters = [sum(len(field) for row in table for field in row) for table in fields]
  return core.Score(float(hidden), {"public": float(public.mean()), "gap": float(public.mean() - hidden),
                                    "hit_rate": float(np.mean(np.array(hits) / characters))},
                    instances=tuple(public.tolist()))


TASKS = [
    core.Task(
        name="table_reordering_own", family="table_reordering", domain="systems",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, **SIZES), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="reorder", direction="max",
        baseline=0.216, spread=0.057, best_known=0.673, source="our own reference: greedy groups by shared characters",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
