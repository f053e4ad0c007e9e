"""The build_dataset stage: attempts, or an OpenEvolve trace -> selected rows -> a data set; the rest is counted."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eft_jax import foreign, store, text
from eft_jax.core import Attempt, Prompt, Response, Task, load_all
from eft_jax.core.settings import ConfigError, to_dict
from eft_jax.finch import dataset, openevolve, schema, selection, transitions


@dataclasses.dataclass(frozen=True)
class BuildSettings:
  """Settings of launch/build_dataset.py.

  Attributes:
    source: a folder with attempts.db files anywhere below it, or one such file; or a trace that OpenEvolve wrote
      (.jsonl or .jsonl.gz, with code and prompts).
    task: of an OpenEvolve trace, which does not say it; '' takes the file's name up to its first dot.
    domain: of a trace's task that is not one of ours.
    tokenizer: what counts tokens: a name or path for text.Tokenizer.load, or 'bytes'.
    hindsight: also make rows that stand for several steps at once: from a program to its best descendant. They are
      marked: see hindsight.py.
    filters: what becomes a row.
  """

  source: str = ""
  task: str = ""
  domain: str = ""
  tokenizer: str = "smollm2_135m"
  hindsight: bool = False
  filters: selection.FilterSettings = selection.FilterSettings()


class TokenCounter:
  """Counts the tokens of rows with one tokenizer; a system prompt, which repeats, is counted once.

  `total` is exact; it is the length of what the trainer sees.
  """

  def __init__(self, name: str):
    self.name = name
    self._tokenizer = text.Tokenizer.bytes() if name == "bytes" else text.Tokenizer.load(name)
    self._count_system = functools.lru_cache(4096)(self._count)

  def _count(self, words: str) -> int:
    return len(self._tokenizer.encode(words)) if words else 0

  def __call__(self, prompt: Prompt, response: Response) -> transitions.Lengths:
    tokens, _ = text.render.example(self._tokenizer, prompt, response)
    return transitions.Lengths(self._count_system(prompt.system), self._count(prompt.user),
                               self._count(response.reasoning), self._count(response.text), len(tokens))


def read_all(source: str) -> Iterator[Attempt]:
  """All attempts below a folder, run by run and step by step. Raises ConfigError on a damaged file."""
  for opened in store.open_all(source):
    yield from opened.read()


def open_source(settings: BuildSettings) -> tuple[int, Callable[[], Iterator[Attempt]], Mapping[str, Task]]:
  """(how many attempts, what streams them, their tasks). Raises ConfigError."""
  if openevolve.is_trace(settings.source):
    task = openevolve.task_of(settings.task, settings.source, settings.domain)
    stream = functools.partial(openevolve.attempts, settings.source, task)
    return sum(1 for _ in stream()), stream, {task.name: task}
  for name in ("task", "domain"):
    if getattr(settings, name):
      raise ConfigError(f"config.{name} has an effect only where config.source is an OpenEvolve trace (.jsonl): the "
                        "attempts of a store say it.")
  total = sum(opened.count() for opened in store.open_all(settings.source))
  return total, lambda: read_all(settings.source), {**load_all(), **_foreign_tasks(settings.source)}


def _foreign_tasks(source: str) -> dict[str, Task]:
  """Tasks of folders of other projects that runs below a source name. Raises ConfigError."""
  found: dict[str, Task] = {}
  for opened in store.open_all(source):
    name = opened.info().get("reference", "")
    if name and foreign.is_path(name):
      task = foreign.find(name)
      if found.setdefault(task.name, task).version != task.version or task.name in load_all():
        raise ConfigError(f"{opened.path} is of the task folder {name}, whose name {task.name!r} another task has: "
                          "build a data set of each.")
  return found


def run_build(settings: BuildSettings, workdir: pathlib.Path, progress: Callable[..., None],
              watch: Callable[[schema.Row], None] = lambda row: None) -> dict[str, Any]:
  """Builds workdir/dataset; a data set that stands there is replaced only when the new one is complete.

  Args:
    watch: shown every row before it is written.

  Returns:
    The report's counts, with the path and size of the data set.

  Raises:
    ConfigError: no source, a damaged source, a held-out family, or no rows left for training.
  """
  if not settings.source:
    raise ConfigError("config.source is empty: give a folder with attempts.db files, or one such file.")
  total, attempts, tasks = open_source(settings)
  chosen = selection.select(attempts, tasks, settings.filters, TokenCounter(settings.tokenizer),
                            lambda count: progress(count, total, "attempt"), settings.hindsight)
  report = chosen.report.to_dict()
  print(table(report), flush=True)
  if not report["splits"].get("train"):
    raise ConfigError(f"No row of {report['attempts']} attempts in {settings.source} is left for training "
                      f"(dropped: {report['dropped']}, validation: {report['splits'].get('validation', 0)}). "
                      "Search more, or loosen config.filters.")
  path = workdir / "dataset"
  written = iter(range(1, report["rows"] + 1))

  def rows(split: str) -> Iterable[schema.Row]:
    for row in chosen.rows(split):
      progress(next(written), report["rows"], "row")
      watch(row)
      yield row

  dataset.write({split: functools.partial(rows, split) for split in report["splits"]}, path,
                {"settings": to_dict(settings), "report": report})
  size = sum(file.stat().st_size for file in path.iterdir())
  print(f"{report['rows']} rows, {size / 1e6:.2f} MB: {path}", flush=True)
  return {**report, "dataset": str(path), "bytes": size}


def table(report: dict[str, Any]) -> str:
  """The counts as text: what was dropped and why, then rows per task and label."""
  lines = ["{attempts} attempts of {runs} runs -> {rows} rows, {tokens} tokens".format(**report)]
  lines += [f"  {'dropped: ' + name:<34}{count:>8}" for name, count in report["dropped"].items()]
  lines += [f"  {'kept: ' + name:<34}{count:>8}" for name, count in report["splits"].items()]
  lines.append(f"  {'of these self-repairs':<34}{report['self_repairs']:>8}")
  if report["hindsight_found"]:
    lines.append(f"  {'of these hindsight':<34}{report['hindsight']:>8} of {report['hindsight_found']}")
  lines.append(f"  {'task':<34}" + "".join(f"{label:>12}" for label in schema.LABELS))
  lines += [f"  {task:<34}" + "".join(f"{counts[label]:>12}" for label in schema.LABELS)
            for task, counts in report["tasks"].items()]
  lines.append(f"  {'all':<34}" + "".join(f"{report['labels'][label]:>12}" for label in schema.LABELS))
  return "\n".join(lines)
