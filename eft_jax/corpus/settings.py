"""Settings of a corpus: what it aims for, and the kinds of runs that it is made of."""

from __future__ import annotations

import dataclasses
import math
import re

from eft_jax.core.settings import ConfigError, changeable
from eft_jax.finch import FilterSettings
from eft_jax.sandbox import SandboxSettings
from eft_jax.search.archives import ArchiveSettings
from eft_jax.search.prompts import PromptSettings

SHORTEST = 24  # steps of a run, however small the corpus


@dataclasses.dataclass(frozen=True)
class RecipeSettings:
  """Prompts and archive of one kind of run."""

  prompt: PromptSettings = PromptSettings()
  archive: ArchiveSettings = ArchiveSettings()


def _default_recipes() -> dict[str, RecipeSettings]:
  full = lambda **shares: PromptSettings(profile="full", **shares)
  wide = ArchiveSettings(exploration=0.9, exploitation=0.1)
  return {
      "full_islands": RecipeSettings(full(rewrite_share=0.3, crossover_share=0.15, fix_share=0.1)),
      "compact_islands": RecipeSettings(PromptSettings(rewrite_share=0.3, fix_share=0.1)),
      "full_wide": RecipeSettings(full(rewrite_share=0.5, crossover_share=0.15, fix_share=0.1), wide),
      "compact_wide": RecipeSettings(PromptSettings(rewrite_share=0.5, fix_share=0.1), wide),
      "full_beam": RecipeSettings(full(rewrite_share=0.4, crossover_share=0.15, fix_share=0.1),
                                  ArchiveSettings(kind="beam", k=20)),
      "compact_topk": RecipeSettings(PromptSettings(rewrite_share=0.5, fix_share=0.1),
                                     ArchiveSettings(kind="topk", k=50)),
      "full_crossover": RecipeSettings(full(rewrite_share=0.2, crossover_share=0.5, fix_share=0.1), wide)}


@dataclasses.dataclass(frozen=True)
class CorpusSettings:
  """Settings of launch/corpus.py.

  Every task is searched in runs of `steps` steps, one after the other, each with a seed and a recipe of its own, until
  it has its part of `rows` and of `improved`, or has had `effort` attempts for every row of its part. What a run
  brought decides about the task's next ones, never how long it took, unless `task_seconds` says so. Where the sum falls
  short after all tasks are done, those that met their parts get larger ones.

  Attributes:
    tasks: names of tasks or families; () is all tasks of training families.
    seed: of everything.
    rows: transitions wanted in all, kept by `filters` and distinct; a task's part is this by the number of tasks.
    improved: how many of them are to be better than a valid parent, by at least `filters.minimum_gain`, with distinct
      pairs of syntax trees.
    scale: multiplies `rows` and `improved`: 0.01 is a small trial of the whole.
    share: the largest part of the rows that one task may have; with fewer than 2 / share tasks, twice the mean part.
    cpp_weight: part of a task in C++ beside one in Python: each of its attempts compiles.
    steps: of one run, at most; a quarter of the task's part where that is less.
    effort: most attempts of a task for every row of its part.
    task_seconds: after so many seconds in its runs a task gets no further one; 0 is no limit. The only setting by which
      the machine decides what is in the corpus.
    processes: searches at a time; 0 is one for each core.
    recipes: name -> prompts and archive of a kind of run; taken in turns at first, then by what they bring.
    tokenizer, filters, hindsight: of the data set; see finch.BuildSettings.
  """

  tasks: tuple[str, ...] = ()
  seed: int = 0
  rows: int = 161_000
  improved: int = 31_500
  scale: float = 1.0
  share: float = 0.03
  cpp_weight: float = 0.5
  steps: int = 250
  effort: float = 3.0
  task_seconds: float = changeable(0.0)
  processes: int = changeable(0)
  recipes: dict[str, RecipeSettings] = dataclasses.field(default_factory=_default_recipes)
  tokenizer: str = changeable("smollm2_135m")
  filters: FilterSettings = FilterSettings(minimum_gain=1e-6, maximum_share=0.03, unique_edits=True)
  hindsight: bool = changeable(False)
  sandbox: SandboxSettings = SandboxSettings()

  def __post_init__(self):
    for name in ("scale", "share", "cpp_weight", "effort"):
      if not 0 < getattr(self, name) < math.inf:
        raise ConfigError(f"config.{name} is {getattr(self, name)}, expected a number above 0.")
    if self.share > 1 or self.effort < 1:
      raise ConfigError(f"config.share is {self.share} and config.effort is {self.effort}, expected at most 1 and at "
                        "least 1.")
    for name, least in (("rows", 1), ("improved", 0), ("steps", SHORTEST), ("task_seconds", 0), ("processes", 0)):
      if getattr(self, name) < least:
        raise ConfigError(f"config.{name} is {getattr(self, name)}, expected at least {least}.")
    if self.improved > self.rows:
      raise ConfigError(f"config.improved is {self.improved}, expected at most config.rows = {self.rows}.")
    wrong = [name for name in self.recipes if not re.fullmatch(r"[a-z0-9_]+", name)]
    if wrong or not self.recipes:
      raise ConfigError(f"config.recipes has the names {sorted(self.recipes)}, expected at least one of letters, "
                        "digits and '_'.")

  @property
  def target_rows(self) -> int:
    return max(math.ceil(self.rows * self.scale), 1)

  @property
  def target_improved(self) -> int:
    return math.ceil(self.improved * self.scale)
