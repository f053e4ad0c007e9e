"""What a corpus is: rows by domain, label and task, what was left out and why, and the tasks that fall short."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from eft_jax.core import Program, Task
from eft_jax.corpus.plan import Plan
from eft_jax.corpus.settings import CorpusSettings
from eft_jax.finch import LABELS, Row, hindsight

WHY = {"quota": "", "effort": "all its attempts", "share": "its largest share", "time": "all its time",
       "error": "an error"}


class Counted:
  """Counts of the rows that are written, those of hindsight apart; `trees` of improved ones with a valid parent."""

  def __init__(self):
    self.labels: collections.Counter[tuple[str, str]] = collections.Counter()
    self.edits: collections.Counter[str] = collections.Counter()
    self.languages: collections.Counter[str] = collections.Counter()
    self.trees: dict[str, set[bytes]] = collections.defaultdict(set)

  def add(self, row: Row) -> None:
    self.edits[row.edit] += 1
    if row.edit == hindsight.EDIT:
      return
    self.labels[row.task, row.improvement_label] += 1
    self.languages[row.language] += 1
    if row.improvement_label == "improved" and row.parent_outcome == "ok":
      pair = "\0".join(Program(source, row.language).identity for source in (row.parent_code, row.child_code))
      self.trees[row.task].add(hashlib.blake2b(pair.encode(), digest_size=8).digest())


def results(settings: CorpusSettings, plan: Plan, tasks: Mapping[str, Task], built: Mapping[str, Any],
            counted: Counted) -> dict[str, Any]:
  """The report as plain data."""
  rows = [_of_task(plan, tasks[name], counted) for name in plan.states]
  total = sum(row["rows"] for row in rows)
  domains: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
  for row in rows:
    domains[row["domain"]].update(tasks=1, rows=row["rows"], improved_trees=row["improved_trees"],
                                  **{label: row[label] for label in LABELS})
  short = [row["task"] for row in rows if row["improved_trees"] < row["wanted_improved"]]
  outcomes = collections.Counter()
  for state in plan.states.values():
    for tally in state.tallies:
      outcomes.update(tally.outcomes)
  return {
      "rows": total, "wanted_rows": settings.target_rows,
      "improved_trees": sum(row["improved_trees"] for row in rows), "wanted_improved": settings.target_improved,
      "tasks_without_rows": [row["task"] for row in rows if not row["rows"]],
      "largest_share": max(row["rows"] for row in rows) / max(total, 1), "short": short,
      "errors": {name: state.error for name, state in plan.states.items() if state.error},
      "attempts": built["attempts"], "runs": built["runs"], "dropped": built["dropped"],
      "duplicates": {"of the run": outcomes["duplicate"], "between runs": built["dropped"].get("repeated", 0)},
      "outcomes": dict(outcomes.most_common()), "self_repairs": built["self_repairs"],
      "hindsight": built["hindsight"], "hindsight_found": built["hindsight_found"], "tokens": built["tokens"],
      "splits": built["splits"],
      "edits": dict(counted.edits.most_common()), "languages": dict(counted.languages.most_common()),
      "domains": {name: dict(counts) for name, counts in sorted(domains.items())}, "tasks": rows,
      "dataset": built["dataset"], "dataset_bytes": built["bytes"]}


def _of_task(plan: Plan, task: Task, counted: Counted) -> dict[str, Any]:
  state = plan.states[task.name]
  labels = {label: counted.labels[task.name, label] for label in LABELS}
  best = max((tally.best_score for tally in state.tallies), default=0.0)
  initial = state.tallies[0].initial_score if state.tallies else 0.0
  return {"task": task.name, "family": task.family, "domain": task.domain, "runs": len(state.tallies),
          "attempts": state.attempts, "rows": sum(labels.values()), **labels,
          "improved_trees": len(counted.trees[task.name]), "wanted_rows": state.rows,
          "wanted_improved": state.improved, "initial_score": initial, "best_score": best,
          "milliseconds": round(1000 * state.seconds / max(state.attempts, 1), 1), "ended_by": plan.why(state)}


def markdown(found: Mapping[str, Any]) -> str:
  """The report for a reader."""
  state = lambda have, want: f"{have} ({'at least' if have >= want else 'short of'} {want})"
  lines = [
      "# Corpus", "",
      f"- rows: {state(found['rows'], found['wanted_rows'])}, {found['tokens']} tokens",
      f"- improved, distinct syntax trees: {state(found['improved_trees'], found['wanted_improved'])}",
      f"- tasks: {len(found['tasks'])}, the largest has {found['largest_share']:.1%} of the rows; "
      f"without a row: {', '.join(found['tasks_without_rows']) or 'none'}",
      f"- attempts: {found['attempts']} in {found['runs']} runs, all stored ({found['search_bytes'] / 1e6:.1f} MB); "
      f"data set {found['dataset_bytes'] / 1e6:.1f} MB",
      f"- duplicates dropped: {found['duplicates']['of the run']} within a run, "
      f"{found['duplicates']['between runs']} between runs",
      f"- self-repairs among the rows: {found['self_repairs']}; rows of hindsight beside them: {found['hindsight']}",
      f"- edits: {_counts(found['edits'])}; languages: {_counts(found['languages'])}; "
      f"splits: {_counts(found['splits'])}",
      f"- time: {found['seconds_search'] / 60:.1f} min of search in this command, "
      f"{found['seconds_build'] / 60:.1f} min of building the data set",
      *(f"- cannot be searched: {text}" for text in found["errors"].values()),
      "", "## By domain", ""]
  columns = ("tasks", "rows", *LABELS, "improved_trees")
  lines += _table(("domain", *columns), [(name, *(counts.get(column, 0) for column in columns))
                                         for name, counts in found["domains"].items()])
  lines += ["", "## Left out", "", *_table(("reason", "attempts"), list(found["dropped"].items()))]
  head = ("task", "runs", "attempts", "rows", *LABELS, "improved_trees", "wanted_improved", "gain", "ms", "ended by")
  rows = [(row["task"], row["runs"], row["attempts"], row["rows"], *(row[label] for label in LABELS),
           row["improved_trees"], row["wanted_improved"], f"{row['best_score'] - row['initial_score']:.3f}",
           row["milliseconds"], WHY[row["ended_by"]]) for row in found["tasks"]]
  short = [row for row in rows if row[0] in found["short"]]
  lines += ["", f"## Tasks short of improvements: {len(short)}", "", *(_table(head, short) if short else ["none"])]
  return "\n".join([*lines, "", "## All tasks", "", *_table(head, rows)]) + "\n"


def _counts(counts: Mapping[str, int]) -> str:
  return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
  line = lambda cells: "| " + " | ".join(map(str, cells)) + " |"
  return [line(head), "|" + "---|" * len(head), *map(line, rows)]
