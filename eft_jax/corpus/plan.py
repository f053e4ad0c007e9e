"""Which runs a corpus still needs: a pure function of what the finished ones brought.

Every decision about a task follows from the tallies of its own earlier runs and from quotas, which change only when no
task needs a run any more. So the order in which runs end, and how often the command was stopped, change nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from eft_jax.core import Task
from eft_jax.corpus.settings import SHORTEST, CorpusSettings
from eft_jax.search import keys

LEVELS = 4  # times that quotas are set


@dataclasses.dataclass(frozen=True)
class Tally:
  """What one run brought.

  Attributes:
    recipe: its name.
    attempts: steps, without the seed program.
    rows: hashes of (parent, child) of the transitions that are kept.
    trees: hashes of the pairs of syntax trees of those that are better than a valid parent.
    labels, dropped, outcomes: counts; self-repairs are among the improved.
    initial_score, best_score: of the run.
    seconds: it took; of a run that was stopped in between, since the last start.
  """

  recipe: str
  attempts: int
  rows: tuple[int, ...]
  trees: tuple[int, ...]
  labels: Mapping[str, int]
  dropped: Mapping[str, int]
  outcomes: Mapping[str, int]
  initial_score: float
  best_score: float
  seconds: float


@dataclasses.dataclass(frozen=True)
class Job:
  """One run of one task."""

  task: str
  index: int
  recipe: str
  seed: int
  steps: int

  @property
  def folder(self) -> str:
    return f"{self.task}/{self.index:03d}_{self.recipe}"


class TaskState:
  """A task: its quotas, the tallies of its runs in order, and what they add up to."""

  def __init__(self, name: str, rows: int, improved: int):
    self.name, self.rows, self.improved = name, rows, improved
    self.tallies: list[Tally] = []
    self.kept: set[int] = set()
    self.trees: set[int] = set()
    self.news: list[tuple[int, int]] = []  # (rows, pairs of trees) that each run added
    self.attempts, self.seconds = 0, 0.0
    self.running = False
    self.error = ""  # why it cannot be searched

  def add(self, tally: Tally) -> None:
    before = len(self.kept), len(self.trees)
    self.kept.update(tally.rows)
    self.trees.update(tally.trees)
    self.news.append((len(self.kept) - before[0], len(self.trees) - before[1]))
    self.tallies.append(tally)
    self.attempts += tally.attempts
    self.seconds += tally.seconds

  @property
  def met(self) -> bool:
    return len(self.kept) >= self.rows and len(self.trees) >= self.improved

  def stopped_by(self, settings: CorpusSettings, most: int) -> str:
    """Why the task gets no further run, or ''."""
    if self.error:
      return "error"
    if self.met:
      return "quota"
    if self.attempts >= settings.effort * self.rows:
      return "effort"
    if len(self.kept) >= most:
      return "share"
    if settings.task_seconds and self.seconds >= settings.task_seconds:
      return "time"
    return ""


class Plan:
  """All tasks, and the next run of each."""

  def __init__(self, settings: CorpusSettings, tasks: Sequence[Task]):
    self._settings = settings
    weights = {task.name: settings.cpp_weight if task.language == "cpp" else 1.0 for task in tasks}
    part = 1 / sum(weights.values())
    self.most = math.ceil(settings.target_rows * max(settings.share, min(2 / len(tasks), 1.0)))
    self.states = {}
    for name, weight in weights.items():
      rows = min(math.ceil(settings.target_rows * weight * part), self.most)
      improved = min(math.ceil(settings.target_improved * weight * part), rows)
      self.states[name] = TaskState(name, rows, improved)
    self._steps = {name: min(settings.steps, max(SHORTEST, math.ceil(state.rows / 4)))
                   for name, state in self.states.items()}
    self._level = 1

  @property
  def rows(self) -> int:
    return sum(len(state.kept) for state in self.states.values())

  @property
  def improved(self) -> int:
    return sum(len(state.trees) for state in self.states.values())

  @property
  def todo(self) -> int:
    """Rows that count for progress: of each task at most its quota, for one that is done all of it."""
    return sum(state.rows if self.why(state) else min(len(state.kept), state.rows) for state in self.states.values())

  @property
  def total(self) -> int:
    return sum(state.rows for state in self.states.values())

  def why(self, state: TaskState) -> str:
    return state.stopped_by(self._settings, self.most)

  def next(self) -> Job | None:
    """The next run: of the tasks that need one and have none under way, the one with the fewest runs."""
    while True:
      open_tasks = [state for state in self.states.values() if not self.why(state)]
      if open_tasks:
        ready = [state for state in open_tasks if not state.running]
        return self._job(min(ready, key=lambda state: len(state.tallies))) if ready else None
      if not self._raise_quotas():
        return None

  def _job(self, state: TaskState) -> Job:
    index = len(state.tallies)
    return Job(state.name, index, self._recipe(state), keys.fold(self._settings.seed, state.name, index),
               self._steps[state.name])

  def _recipe(self, state: TaskState) -> str:
    """Each in turn, from a place that differs by task; then in turns the two that bring most of what is short."""
    names, index = sorted(self._settings.recipes), len(state.tallies)
    if index < len(names):
      return names[(index + keys.fold(self._settings.seed, "recipe", state.name)) % len(names)]
    short = 1 if len(state.trees) < state.improved else 0
    gained, tried = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for tally, news in zip(state.tallies, state.news, strict=True):
      gained[tally.recipe] += news[short]
      tried[tally.recipe] += tally.attempts
    ranked = sorted(names, key=lambda name: -gained[name] / max(tried[name], 1))
    return ranked[index % 2 % len(ranked)]

  def _raise_quotas(self) -> bool:
    """Where the sum is short, divides what is missing among the tasks that met their quotas."""
    able = [state for state in self.states.values()
            if state.met and not state.error and len(state.kept) < self.most]
    rows = max(self._settings.target_rows - self.rows, 0)
    improved = max(self._settings.target_improved - self.improved, 0)
    if not (rows or improved) or not able or self._level >= LEVELS:
      return False
    self._level += 1
    for state in able:
      state.rows = min(len(state.kept) + math.ceil(rows / len(able)), self.most)
      state.improved = min(len(state.trees) + math.ceil(improved / len(able)), state.rows)
    return True
