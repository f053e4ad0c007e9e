"""The catalogue of tasks, generated: one markdown table for each domain, with the counts on top.

Shape and idea of a family are read from the first sentences of its task.py, where the shape stands as "... shape".
"""

from __future__ import annotations

import ast
import collections
import pathlib
import re
from collections.abc import Sequence

from eft_jax import core

FILE_NAME = "CATALOGUE.md"
SHAPES = ("construction", "solver", "policy")
_HEAD = ("task", "family", "shape", "language", "split", "direction", "baseline", "best known", "source")


def shape(task: core.Task, root: pathlib.Path) -> str:
  """One of SHAPES: what the docstring of the family's file says; '-' where it says nothing."""
  path = root / task.domain / task.family / "task.py"
  text = (ast.get_docstring(ast.parse(path.read_text())) or "").lower()
  said = re.findall(rf"\b({'|'.join(SHAPES)})\s+shape\b", text) or re.findall(rf"\b({'|'.join(SHAPES)})\b", text)
  return said[0] if said else "-"


def markdown(tasks: Sequence[core.Task], root: pathlib.Path) -> str:
  """The whole file."""
  shapes = {task.family: shape(task, root) for task in tasks}
  domains = collections.defaultdict(list)
  for task in sorted(tasks, key=lambda task: (task.domain, task.family, task.name)):
    domains[task.domain].append(task)
  lines = ["# Catalogue of tasks", "", "Written by `python launch/tasks.py --action=catalogue`. Values are those of "
           "the fidelity `search` unless the source says otherwise.", ""]
  head = ("domain", "families", "tasks", "train", "held out", "Python", "C++", *SHAPES)
  counts = [(domain, *_counts(found, shapes)) for domain, found in sorted(domains.items())]
  lines += _table(head, [*counts, ("all", *_counts(tasks, shapes))])
  for domain, found in sorted(domains.items()):
    lines += ["", f"## {domain}", "", *_table(_HEAD, [_row(task, shapes[task.family]) for task in found])]
  return "\n".join(lines) + "\n"


def _counts(tasks: Sequence[core.Task], shapes: dict[str, str]) -> tuple[int, ...]:
  train, cpp = sum(t.split == "train" for t in tasks), sum(t.language == "cpp" for t in tasks)
  of = collections.Counter(shapes[t.family] for t in tasks)
  return (len({t.family for t in tasks}), len(tasks), train, len(tasks) - train, len(tasks) - cpp, cpp,
          *(of[name] for name in SHAPES))


def _row(task: core.Task, form: str) -> tuple[str, ...]:
  best = "-" if task.best_known is None else f"{task.best_known:.7g}"
  return (task.name, task.family, form, task.language, task.split, task.direction, f"{task.baseline:.7g}", best,
          task.source)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
  line = lambda cells: "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"
  return [line(head), "|" + "---|" * len(head), *map(line, rows)]
