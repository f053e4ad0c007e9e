"""A task: a statement, a seed program and a strict evaluation. Task files are found by path, never by package name."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import importlib.util
import math
import pathlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import numpy as np

from eft_jax.core import program
from eft_jax.core import score as score_lib
from eft_jax.core.outcome import Outcome

TASKS_ROOT = pathlib.Path(__file__).resolve().parents[2] / "tasks"

# The ten domains of the EFT paper by their public names, in snake case; folders of tasks/ carry these names.
DOMAINS = (
    "mathematical_discovery", "heuristic_optimization", "competitive_programming", "numerical_algorithms",
    "symbolic_regression", "gpu_kernels", "constructive_search", "single_cell", "systems", "signal_processing",
    "text_and_data",
    "foreign",  # other people's task folders, which name no domain of ours
)


class CandidateError(Exception):
  """The candidate failed while the Session ran it. `outcome` is timeout, memory, crash, syntax, compile,
  policy, or invalid for a result that is not plain data."""

  def __init__(self, outcome: Outcome, message: str):
    super().__init__(message)
    self.outcome = outcome
    self.message = message


class Session(Protocol):
  """The only door between a trusted evaluation and one candidate process.

  Attributes:
    fidelity: 'search' (tens of milliseconds of CPU) or 'full' (the published problem size).
    previous: the parent's construction, or None. `call` hands it to a candidate only when the task passes it on.
  """

  fidelity: Literal["search", "full"]
  previous: np.ndarray | None

  def call(self, entry: str, *args) -> object:
    """Calls one function of the candidate with copies of plain data and returns a plain copy of its result.

    Plain data: None, bool, int, float, str, list, tuple (comes back as list), dict with str keys, and numpy arrays of
    bool, integer or float. Subclasses arrive as their plain base. State of the candidate's module lives on between
    calls of one session.

    Raises:
      CandidateError: the candidate raised, died, hit a limit, or returned something that is not plain data.
    """

  def seeds(self, label: str, count: int) -> list[int]:
    """`count` hidden seeds for this task and label: the same for every candidate, unknown to all of them."""

  def cpu_seconds(self) -> float:
    """CPU seconds of the candidate so far, all threads together; 0.0 before the first call.

    The kernel's clock of the candidate's process, read from outside, so that no candidate can turn it.
    """


@dataclasses.dataclass(frozen=True)
class Limits:
  """What one evaluation of a candidate may use, in total over all calls of its session."""

  cpu_seconds: float = 2.0       # decides `timeout`
  wall_seconds: float = 20.0     # a backstop for sleeping programs
  memory_mb: int = 1024
  output_kb: int = 64            # of stdout and stderr together that is kept
  result_mb: float = 16.0        # of one result


@dataclasses.dataclass(frozen=True)
class Task:
  """One problem with fixed parameters.

  Attributes:
    name: family plus parameter, for example `thomson_energy_12`.
    family: evaluation logic; what is held out is held out by family.
    domain: one of DOMAINS.
    statement: what a proposer reads; says what `entry` must return and how it is valued, in a few hundred words.
    seed: source of the initial program.
    language: 'python' or 'cpp'.
    entry: the function that the candidate must define.
    direction: 'min' or 'max'.
    baseline, best_known: raw values b and z of the common score; b is about the seed program's value. Where nobody
      knows a best value z is None, and the score is the distance from b in the task's own units.
    source: where best_known comes from.
    spread: how far the seed program's value may lie from baseline because instances come from hidden seeds.
    evaluate: trusted code, `evaluate(session) -> Score`; raises Invalid.
    limits: per fidelity 'search'.
    full_limits: per fidelity 'full'.
    brief: the statement in one or two sentences, for prompts with a token budget.
    version: hash over the task file, its seed and the evaluation that its family shares with others; set by the
      loader.
    split: 'train' or 'heldout'; set by the loader from tasks/held_out.txt.
    origin: what loads the task again where that is not its name: the reference of a foreign folder.
    trust: 'isolated', or 'shared' where candidate and evaluation share a process, so that values can be forged.
    timed: whether the value is a ratio of CPU times, which is not the same on every run. Labels of such a task need a
      change beyond the noise, and nothing that must repeat may rest on it.
    harness: source that is appended to a candidate before it runs; not part of the program.
  """

  name: str
  family: str
  domain: str
  statement: str
  brief: str
  seed: str
  entry: str
  direction: Literal["min", "max"]
  baseline: float
  best_known: float | None
  source: str
  evaluate: Callable[[Session], score_lib.Score]
  language: str = "python"
  limits: Limits = Limits()
  full_limits: Limits = Limits(cpu_seconds=60.0, wall_seconds=300.0, memory_mb=4096)
  version: str = ""
  split: Literal["train", "heldout"] = "train"
  origin: str = ""
  trust: Literal["isolated", "shared"] = "isolated"
  timed: bool = False
  harness: str = ""
  spread: float = 0.0

  def __post_init__(self):
    if not re.fullmatch(r"[a-z0-9_]+", self.name) or not self.name.startswith(self.family):
      raise ValueError(f"Task name {self.name!r} must be snake_case and start with its family {self.family!r}.")
    if self.domain not in DOMAINS:
      raise ValueError(f"Task {self.name}: domain {self.domain!r} is not one of {', '.join(DOMAINS)}.")
    if self.direction not in ("min", "max"):
      raise ValueError(f"Task {self.name}: direction {self.direction!r} is neither 'min' nor 'max'.")
    gain = (1.0 if self.direction == "max" else -1.0) if self.best_known is None else self.best_known - self.baseline
    if not math.isfinite(gain) or gain == 0 or (gain > 0) != (self.direction == "max"):
      raise ValueError(f"Task {self.name}: best_known {self.best_known} is not better than baseline {self.baseline} "
                       f"in direction {self.direction!r}.")

  @property
  def seed_program(self) -> program.Program:
    return program.Program(self.seed, self.language)

  def score(self, value: float | None) -> float:
    """The common score of a raw value, or its gain over the baseline where no best value is known; 0 for None."""
    if self.best_known is None:
      gain = 0.0 if value is None else value - self.baseline
      return (gain if self.direction == "max" else -gain) + 0.0  # no negative zero
    return score_lib.common_score(value, self.baseline, self.best_known)

  @property
  def reference(self) -> str:
    """What an evaluation worker loads the task by."""
    return self.origin or self.name

  def better(self, a: float, b: float) -> bool:
    """Whether raw value a is strictly better than b."""
    return a > b if self.direction == "max" else a < b


class UnknownTask(ValueError):
  """No task of this name; the message names the nearest ones."""


def read_split(root: pathlib.Path = TASKS_ROOT) -> dict[str, tuple[str, ...]]:
  """The held-out families with those of their tasks that models are compared on, from `held_out.txt`.

  A line is a family, and after a colon its tasks; '#' begins a comment. A family without tasks is held out as a near
  relative of another.
  """
  lines = (line.split("#")[0].partition(":") for line in (root / "held_out.txt").read_text().splitlines())
  return {family.strip(): tuple(tasks.split()) for family, _, tasks in lines if family.strip()}


def held_out_families(root: pathlib.Path = TASKS_ROOT) -> frozenset[str]:
  """The families that no training data may hold."""
  return frozenset(read_split(root))


def evaluation_tasks(root: pathlib.Path = TASKS_ROOT) -> tuple[str, ...]:
  """Names of the held-out tasks that models are compared on, in the order of `held_out.txt`."""
  return tuple(name for names in read_split(root).values() for name in names)


def load_file(path: pathlib.Path, held_out: Iterable[str] = ()) -> list[Task]:
  """Runs one task.py by path and returns its TASKS, each with `version` and `split` set.

  Raises:
    ValueError: the file defines no TASKS, or a task of another family than its folder.
  """
  module_name = "eft_jax_task_" + "_".join(path.parts[-3:-1])
  spec = importlib.util.spec_from_file_location(module_name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  tasks: Sequence[Task] | None = getattr(module, "TASKS", None)
  if not tasks:
    raise ValueError(f"{path} defines no TASKS: expected a list of eft_jax.core.Task.")
  digest = hashlib.sha256(path.read_bytes())
  for source in (*sorted(path.parent.glob("seed.*")), *_shared_evaluation(module)):
    digest.update(source.read_bytes())
  version = digest.hexdigest()[:12]
  split = "heldout" if path.parent.name in held_out else "train"
  for task in tasks:
    if task.family != path.parent.name or task.domain != path.parent.parent.name:
      raise ValueError(f"{path}: task {task.name} says {task.domain}/{task.family}, its folder says otherwise.")
  return [dataclasses.replace(task, version=version, split=split) for task in tasks]


def _shared_evaluation(module: object) -> list[pathlib.Path]:
  """Files of the evaluations that a task file takes from eft_jax.core: where they change, values may."""
  shared = {name: value for name, value in vars(module).items() if getattr(value, "IS_EVALUATION", False)}
  return [pathlib.Path(shared[name].__file__) for name in sorted(shared)]


@functools.lru_cache(maxsize=8)
def load_all(root: pathlib.Path = TASKS_ROOT) -> dict[str, Task]:
  """All tasks below root by name, in name order. Raises ValueError when two tasks share a name."""
  held_out = held_out_families(root)
  found: dict[str, Task] = {}
  for path in sorted(root.glob("*/*/task.py")):
    for task in load_file(path, held_out):
      if task.name in found:
        raise ValueError(f"{path}: task name {task.name} is taken already.")
      found[task.name] = task
  return dict(sorted(found.items()))


def _family_of(name: str, families: Iterable[str]) -> list[str]:
  """The families whose name begins `name`, longest first."""
  return sorted((f for f in families if name == f or name.startswith(f + "_")), key=len, reverse=True)


def load(name: str, root: pathlib.Path = TASKS_ROOT) -> Task:
  """One task by name; opens only the files whose folder begins the name.

  Raises:
    UnknownTask: with the nearest names.
  """
  files = {path.parent.name: path for path in root.glob("*/*/task.py")}
  for family in _family_of(name, files):
    for task in load_file(files[family], held_out_families(root)):
      if task.name == name:
        return task
  near = difflib.get_close_matches(name, load_all(root), n=3, cutoff=0.3)
  raise UnknownTask(f"Unknown task {name!r}. Nearest: {', '.join(near) or 'none'}; "
                    "`python launch/tasks.py --action=list` shows all.")
