"""The interface of archives, their settings, and the fold that all of them share."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Literal, Protocol

from eft_jax.core import Attempt, Outcome, Program, Prompt, Response
from eft_jax.core.settings import ConfigError


@dataclasses.dataclass(frozen=True)
class Choice:
  """One parent and what is shown beside it.

  Attributes:
    parent: the program to improve.
    top: the best others, best first.
    inspirations: others that differ.
    previous: what was tried from this very parent before, failures included, oldest first.
    island: where the child will be born.
  """

  parent: Attempt
  top: tuple[Attempt, ...] = ()
  inspirations: tuple[Attempt, ...] = ()
  previous: tuple[Attempt, ...] = ()
  island: int = 0


class Archive(Protocol):
  """A fold over attempts in step order. Two archives that saw the same attempts choose alike and share their digest."""

  @property
  def digest(self) -> str:
    """Rolling hash of what was added."""

  def add(self, attempt: Attempt) -> None:
    """Takes the next attempt; `infra` is skipped. O(log n)."""

  def choose(self, key: int, batch: int, count: int) -> list[Choice]:
    """`count` parents for one batch; a pure function of the state and the arguments."""

  def features(self, program: Program, metrics: Mapping[str, float], score: float) -> dict[str, float]:
    """Coordinates of a new program, to be stored in its attempt before it is added."""


_ISLANDS_ONLY = ("diverse", "islands", "population", "elites", "exploration", "exploitation", "features", "bins",
                 "migration_interval", "migration_rate")
_UNUSED = {"islands": ("k",), "topk": _ISLANDS_ONLY, "best_of_n": ("k", "top", *_ISLANDS_ONLY)}


@dataclasses.dataclass(frozen=True)
class ArchiveSettings:
  """Which archive, and its sizes; the defaults of the islands are OpenEvolve's.

  Attributes:
    kind: 'islands' (islands with a MAP-Elites grid each), 'topk' (a parent from the k best) or 'best_of_n' (the parent
      is always the seed program).
    k: of 'topk'.
    top, diverse, previous: how many programs and earlier attempts are offered to the prompt.
    islands, population, elites: number of islands, programs over all of them, and best programs for exploitation.
    exploration, exploitation: shares of parents drawn uniformly from the island, and from the elites; the rest is drawn
      in proportion to the score.
    features, bins: axes of the grid: 'complexity', 'diversity', 'score' or any metric of the task; cells per axis.
    migration_interval, migration_rate: every how many attempts of one island which share of its best visits both
      neighbours.
  """

  kind: Literal["islands", "topk", "best_of_n"] = "islands"
  k: int = 10
  top: int = 3
  diverse: int = 2
  previous: int = 3
  islands: int = 5
  population: int = 1000
  elites: int = 100
  exploration: float = 0.2
  exploitation: float = 0.7
  features: tuple[str, ...] = ("complexity", "diversity")
  bins: int = 10
  migration_interval: int = 50
  migration_rate: float = 0.1

  def __post_init__(self):
    for name in ("k", "islands", "elites", "bins", "migration_interval"):
      if getattr(self, name) < 1:
        raise ConfigError(f"archive.{name} is {getattr(self, name)}, expected at least 1.")
    for name in ("top", "diverse", "previous"):
      if getattr(self, name) < 0:
        raise ConfigError(f"archive.{name} is {getattr(self, name)}, expected at least 0.")
    if self.population < 2 * self.islands:
      raise ConfigError(f"archive.population is {self.population}, expected at least 2 for each of archive.islands = "
                        f"{self.islands}.")
    for name in ("exploration", "exploitation", "migration_rate"):
      if not 0 <= getattr(self, name) <= 1:
        raise ConfigError(f"archive.{name} is {getattr(self, name)}, expected a share between 0 and 1.")
    if self.exploration + self.exploitation > 1:
      raise ConfigError(f"archive.exploration + archive.exploitation is {self.exploration + self.exploitation}, "
                        "expected at most 1.")
    if not self.features or len(set(self.features)) != len(self.features):
      raise ConfigError(f"archive.features is {self.features}, expected at least one name, each once.")
    for field in dataclasses.fields(self):
      if field.name in _UNUSED[self.kind] and getattr(self, field.name) != field.default:
        raise ConfigError(f"archive.{field.name} has no effect with archive.kind={self.kind!r}: leave it at "
                          f"{field.default!r}.")


@dataclasses.dataclass(slots=True, eq=False)
class Entry:
  """A program that lives in an archive."""

  attempt: Attempt
  tries: collections.deque
  islands: set[int] = dataclasses.field(default_factory=set)
  cell: tuple[int, ...] = ()
  owned: int = 0
  loose: bool = False

  @property
  def step(self) -> int:
    return self.attempt.step

  @property
  def score(self) -> float:
    return self.attempt.score

  @property
  def rank(self) -> tuple[float, int]:
    """Sorts the best first, and of equals the older."""
    return (-self.attempt.score, self.attempt.step)


def slim(attempt: Attempt, program: bool = True) -> Attempt:
  """The attempt without prompt and tokens, which no prompt shows: an archive keeps a thousand of them."""
  return dataclasses.replace(
      attempt, prompt=Prompt("", ""), response=Response(attempt.response.text, attempt.response.reasoning),
      program=attempt.program if program else None)


class Fold:
  """What every archive does with an attempt; subclasses say where a valid program goes."""

  def __init__(self, settings: ArchiveSettings):
    self._settings = settings
    self._digest = ""
    self._entries: dict[int, Entry] = {}
    self._programs: dict[str, Entry] = {}

  @property
  def digest(self) -> str:
    return self._digest

  def __len__(self) -> int:
    return len(self._entries)

  def features(self, program: Program, metrics: Mapping[str, float], score: float) -> dict[str, float]:
    del metrics, score
    return {"complexity": float(len(program.source))}

  def add(self, attempt: Attempt) -> None:
    if attempt.outcome is Outcome.INFRA:
      return
    program = attempt.program.hash if attempt.program else ""
    text = f"{self._digest} {attempt.step} {attempt.outcome} {attempt.island} {program} {attempt.value!r}"
    self._digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    parent = self._entries.get(attempt.parent) if attempt.parent is not None else None
    if parent is not None and self._settings.previous:
      parent.tries.append(slim(attempt, program=False))
    if attempt.ok:
      self._meet(attempt)
    self._tick(attempt)

  def _meet(self, attempt: Attempt) -> None:
    """A program lives once. It takes its own place only with a better score, from a better `previous`."""
    homes = {attempt.island}
    same = self._programs.get(attempt.program.hash)
    if same is not None:
      if attempt.score <= same.score:
        return
      homes |= same.islands
      self._remove(same)
    entry = Entry(slim(attempt), collections.deque(maxlen=max(self._settings.previous, 1)))
    self._entries[entry.step] = entry
    self._programs[attempt.program.hash] = entry
    self._admit(entry, homes)

  def _remove(self, entry: Entry) -> None:
    """Forgets an entry everywhere."""
    del self._entries[entry.step]
    del self._programs[entry.attempt.program.hash]

  def _admit(self, entry: Entry, homes: set[int]) -> None:
    """Takes in an entry, to live on the islands `homes` where there are islands."""
    raise NotImplementedError

  def _tick(self, attempt: Attempt) -> None:
    """Called after every attempt that was folded."""
