"""Which transitions become rows: filters, duplicates, caps, and the split, decided in one pass over light records.

Two rows of one parent program never stand on both sides of the train/validation split: the side is a hash of
(family, parent program), so the program that a prompt shows is in one split only, over all runs and sizes of a task.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from eft_jax.core import Attempt, Task
from eft_jax.core.settings import ConfigError
from eft_jax.finch import hindsight, schema, transitions

SPLITS = ("train", "validation")


@dataclasses.dataclass(frozen=True)
class FilterSettings:
  """What becomes a row.

  Attributes:
    labels: kept labels. A data set may keep all; the trainer chooses among them again.
    minimum_gain: relative change of the raw value that counts as a change.
    keep_broken: label broken children of working parents 'regressed' instead of dropping them.
    maximum_tokens: of the whole rendered example; longer ones are dropped, never cut.
    per_task: most rows per task and label, chosen by hash; 0 for no cap.
    maximum_share: the largest part of all rows that one task may have; with fewer than 2 / maximum_share tasks, twice
      the mean part. Of a task with more, improving rows stay first.
    unique_edits: keep one row of each (parent program, child program), not only of each text.
    validation: share of parent programs whose rows are kept apart for loss reporting.
    include_shared: take attempts whose evaluation shared a process with the program, which could have forged its value.
    allow_held_out: take rows of held-out families, which would make every comparison on them void.
    seed: of the cap's and the split's hashes.
  """

  labels: tuple[str, ...] = schema.LABELS
  minimum_gain: float = 1e-9
  keep_broken: bool = False
  maximum_tokens: int = 32768
  per_task: int = 0
  maximum_share: float = 1.0
  unique_edits: bool = False
  validation: float = 0.05
  include_shared: bool = False
  allow_held_out: bool = False
  seed: int = 0

  def __post_init__(self):
    wrong = set(self.labels) - set(schema.LABELS)
    if wrong or not self.labels:
      raise ConfigError(f"filters.labels is {self.labels!r}, expected some of {', '.join(schema.LABELS)}.")
    if not 0 <= self.validation < 1:
      raise ConfigError(f"filters.validation is {self.validation}, expected a share in [0, 1).")
    if not 0 <= self.minimum_gain < 1:
      raise ConfigError(f"filters.minimum_gain is {self.minimum_gain}, expected a relative change in [0, 1).")
    if not 0 < self.maximum_share <= 1:
      raise ConfigError(f"filters.maximum_share is {self.maximum_share}, expected a share above 0 and at most 1.")
    if self.maximum_tokens < 1 or self.per_task < 0:
      raise ConfigError(f"filters.maximum_tokens is {self.maximum_tokens} and filters.per_task is {self.per_task}; "
                        "expected at least 1 and at least 0.")


@dataclasses.dataclass
class Report:
  """Counts of one selection. attempts + hindsight == sum(dropped) + sum(kept)."""

  attempts: int = 0
  hindsight: int = 0                                                                     # found, beside the attempts
  runs: set[str] = dataclasses.field(default_factory=set)
  outcomes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  dropped: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  labels: collections.Counter = dataclasses.field(default_factory=collections.Counter)   # before selection
  repairs: int = 0                                                                       # kept self-repairs
  kept_hindsight: int = 0
  kept: collections.Counter = dataclasses.field(default_factory=collections.Counter)     # (split, task, label)
  tokens: int = 0                                                                        # of the kept rows

  def to_dict(self) -> dict:
    """Plain data for summary.json."""
    by = lambda index: dict(sorted(self._sum(index).items()))
    tasks = {}
    for (_, task, label), count in sorted(self.kept.items()):
      tasks.setdefault(task, dict.fromkeys(schema.LABELS, 0))[label] += count
    return {"attempts": self.attempts, "runs": len(self.runs), "rows": sum(self.kept.values()),
            "outcomes": dict(sorted(self.outcomes.items())),
            "dropped": {name: self.dropped[name] for name in transitions.DROPPED if self.dropped[name]},
            "labels_found": {name: self.labels[name] for name in schema.LABELS},
            "labels": {name: self._sum(2)[name] for name in schema.LABELS},
            "splits": by(0), "tasks": tasks, "self_repairs": self.repairs, "tokens": self.tokens,
            "hindsight_found": self.hindsight, "hindsight": self.kept_hindsight}

  def _sum(self, index: int) -> collections.Counter:
    total = collections.Counter()
    for key, count in self.kept.items():
      total[key[index]] += count
    return total


@dataclasses.dataclass(frozen=True)
class _Candidate:
  """What a decision needs to know of a transition, without its texts."""

  key: tuple[str, int, str]  # run, step, digest of the texts
  task: str
  label: str
  repair: bool
  lengths: transitions.Lengths
  split: str
  priority: bytes
  hindsight: bool


@dataclasses.dataclass(frozen=True)
class Selection:
  """The chosen rows, by key, with the report; `rows` streams them from the attempts again."""

  attempts: Callable[[], Iterable[Attempt]]
  tasks: Mapping[str, Task]
  filters: FilterSettings
  tokenizer: str
  chosen: Mapping[tuple[str, int, str], _Candidate]
  report: Report
  hindsight: bool = False

  def rows(self, split: str) -> Iterator[schema.Row]:
    """The rows of one split, in the order of the attempts."""
    left = {key for key, candidate in self.chosen.items() if candidate.split == split}
    for transition in _stream(self.attempts(), self.tasks, self.filters, self.hindsight):
      if transition.label is None:
        continue
      key = _key(transition.attempt)
      if key in left:
        left.remove(key)
        candidate, task = self.chosen[key], self.tasks[transition.attempt.task]
        yield transitions.to_row(transition, task, candidate.lengths, self.tokenizer, split)


def select(attempts: Callable[[], Iterable[Attempt]], tasks: Mapping[str, Task], filters: FilterSettings,
           measure: transitions.Measure, progress: Callable[[int], None] = lambda count: None,
           with_hindsight: bool = False) -> Selection:
  """Decides which attempts become rows.

  Args:
    attempts: opens the stream of attempts; called again when rows are read.
    tasks: by name.
    measure: counts tokens.
    progress: told how many attempts were read.
    with_hindsight: also make rows of several steps: see hindsight.py.

  Raises:
    ConfigError: unknown task; an attempt of a held-out family where that is not allowed.
  """
  report, candidates, seen = Report(), [], set()
  for transition in _stream(attempts(), tasks, filters, with_hindsight):
    attempt, task = transition.attempt, tasks[transition.attempt.task]
    if task.split == "heldout" and not filters.allow_held_out:
      raise ConfigError(f"Run {attempt.run} is of the held-out family {task.family!r} (task {task.name}): leave it out "
                        "of the source, or set --config.filters.allow_held_out=True and compare nothing on it.")
    if transition.path:
      report.hindsight += 1
    else:
      report.attempts += 1
      report.runs.add(attempt.run)
      report.outcomes[attempt.outcome.value] += 1
      progress(report.attempts)
    candidate = _candidate(transition, filters, measure, seen, report)
    if candidate is not None:
      candidates.append(candidate)
  chosen = _shared(_capped(candidates, filters.per_task, report), filters.maximum_share, report)
  for candidate in chosen:
    report.kept[candidate.split, candidate.task, candidate.label] += 1
    report.repairs += candidate.repair
    report.kept_hindsight += candidate.hindsight
    report.tokens += candidate.lengths.total
  return Selection(attempts, tasks, filters, measure.name, {c.key: c for c in chosen}, report, with_hindsight)


def _stream(attempts: Iterable[Attempt], tasks: Mapping[str, Task], filters: FilterSettings,
            with_hindsight: bool) -> Iterator[transitions.Transition]:
  stream = transitions.joined(attempts, tasks, filters.minimum_gain, filters.keep_broken)
  return hindsight.added(stream, tasks, filters.minimum_gain) if with_hindsight else stream


def _candidate(transition: transitions.Transition, filters: FilterSettings, measure: transitions.Measure, seen: set,
               report: Report) -> _Candidate | None:
  """The record of a transition that passes all filters; otherwise counts why it does not."""
  attempt, parent, label = transition.attempt, transition.parent, transition.label
  if attempt.trust == "shared" and attempt.edit != "seed" and not filters.include_shared:
    report.dropped["shared"] += 1
    return None
  if label is None:
    report.dropped[transition.dropped] += 1
    return None
  report.labels[label] += 1
  if label not in filters.labels:
    report.dropped["label"] += 1
    return None
  key = _key(attempt)
  marks = {key[2]}
  if filters.unique_edits:
    marks.add((attempt.task, parent.program.hash, attempt.program.hash))
  if marks & seen:
    report.dropped["repeated"] += 1
    return None
  lengths = measure(attempt.prompt, attempt.response)
  if lengths.total > filters.maximum_tokens:
    report.dropped["too_many_tokens"] += 1
    return None
  seen |= marks
  side = _hash(filters.seed, "split", attempt.family, parent.program.hash)
  validation = int.from_bytes(side[:8], "big") < filters.validation * 2**64
  return _Candidate(key, attempt.task, label, not parent.ok, lengths, SPLITS[validation],
                    _hash(filters.seed, "cap", *map(str, key)), bool(transition.path))


def _capped(candidates: list[_Candidate], per_task: int, report: Report) -> list[_Candidate]:
  """At most per_task candidates of each task and label: those of the smallest hash, in their old order."""
  if not per_task:
    return candidates
  groups = collections.defaultdict(list)
  for candidate in candidates:
    groups[candidate.task, candidate.label].append(candidate)
  kept = set()
  for group in groups.values():
    kept.update(c.key for c in sorted(group, key=lambda c: c.priority)[:per_task])
    report.dropped["over_cap"] += max(0, len(group) - per_task)
  return [candidate for candidate in candidates if candidate.key in kept]


def _shared(candidates: list[_Candidate], share: float, report: Report) -> list[_Candidate]:
  """No task above its share: improving rows stay first, then those of the smallest hash, all in their old order."""
  groups = collections.defaultdict(list)
  for candidate in candidates:
    groups[candidate.task].append(candidate)
  most = most_of_one([len(group) for group in groups.values()], share)
  kept = set()
  for group in groups.values():
    ranked = sorted(group, key=lambda c: (c.label != "improved", c.priority))
    kept.update(c.key for c in ranked[:most])
    report.dropped["over_cap"] += max(0, len(group) - most)
  return [candidate for candidate in candidates if candidate.key in kept]


def most_of_one(counts: Sequence[int], share: float) -> int:
  """The largest cap under which none of these counts is above the share of their sum, the cap applied to all.

  The share is at least twice the mean part, so that few tasks do not cut each other down to nothing.
  """
  share = max(share, min(2 / max(len(counts), 1), 1.0))
  low, high = 0, max(counts, default=0)
  while low < high:
    middle = (low + high + 1) // 2
    if middle <= share * sum(min(count, middle) for count in counts):
      low = middle
    else:
      high = middle - 1
  return low


def _key(attempt: Attempt) -> tuple[str, int, str]:
  return attempt.run, attempt.step, transitions.text_digest(attempt.prompt, attempt.response)


def _hash(seed: int, *parts: str) -> bytes:
  return hashlib.sha256("\0".join((str(seed), *parts)).encode()).digest()
