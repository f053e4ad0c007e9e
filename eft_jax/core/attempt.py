"""The Attempt: one search step from prompt to score, kept whether or not it worked: the value the chain follows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from eft_jax.core import program as program_lib
from eft_jax.core.outcome import Outcome

EDITS = ("seed", "diff", "rewrite", "crossover", "fix")


@dataclasses.dataclass(frozen=True)
class Prompt:
  """What the proposer was shown: one system and one user message."""

  system: str
  user: str


@dataclasses.dataclass(frozen=True)
class Response:
  """What the proposer answered.

  Attributes:
    text: the answer without its reasoning.
    reasoning: the text between think tags; '' where there was none.
    prompt_ids, token_ids: what the model read and wrote, where known (the `sglang` transport and the embedded engine).
    logprobs: per output token, natural log, after temperature, before filters; same length as token_ids.
    finish: 'stop', 'length' or 'abort'.
    weight_version: of the model that wrote it; '' where unknown.
    forced: (start, end) of the output tokens that the server wrote without asking the model: the end of thinking at its
      limit.
    tokens, prompt_tokens: written (reasoning included) and read: counted where the proposer knows them, else estimated;
      0 where nothing was counted.
  """

  text: str
  reasoning: str = ""
  prompt_ids: tuple[int, ...] = ()
  token_ids: tuple[int, ...] = ()
  logprobs: tuple[float, ...] = ()
  finish: str = "stop"
  weight_version: str = ""
  forced: tuple[tuple[int, int], ...] = ()
  tokens: int = 0
  prompt_tokens: int = 0

  def __post_init__(self):
    if self.logprobs and len(self.logprobs) != len(self.token_ids):
      raise ValueError(f"Response has {len(self.logprobs)} logprobs for {len(self.token_ids)} token_ids.")


@dataclasses.dataclass(frozen=True)
class Attempt:
  """One search step. `step` identifies it within its run; step 0 is the evaluation of the seed program.

  Attributes:
    run: identity of the run: a hash of its configuration, so that the same command gives the same id.
    step, batch, group, member: place on the logical clock; `group` counts parents within a batch, `member` replies
      per parent.
    retry: 0, or how many times an `infra` failure of this step came before.
    task, family, task_version: what was evaluated, by which evaluation.
    parent: step of the parent, None for the seed. `inspirations`: steps shown beside it.
    island, generation: where it was born, and its depth in the lineage.
    archive_digest: rolling hash of the archive that chose the parent.
    proposer: for example 'scripted' or 'sglang:smollm2_135m'.
    sampling: temperature, top_p, max_new_tokens ...: what the proposer was asked for.
    seed: of this reply.
    edit: one of EDITS.
    trust: 'isolated', or 'shared' where the program could have forged its value.
    outcome, message: what became of it; the message is feedback for later prompts.
    program: the child, None when the reply gave none. `parent_hash`: content hash of the parent's source.
    value, score: raw value and common score; None and 0.0 unless outcome is ok.
    metrics, features, artifacts: numbers of the evaluation, coordinates of the archive, texts for the next prompt.
    instances: scores of single instances, higher is better; () where the task has none or the outcome is not ok.
    construction: hash of the stored array, or None.
    fidelity: of the evaluation that gave value and score, 'search' or 'full'.
    cpu_seconds, wall_seconds, peak_memory_mb: of the candidate. `propose_seconds`: of the proposer.
  """

  run: str
  step: int
  batch: int
  group: int
  member: int
  task: str
  family: str
  task_version: str
  outcome: Outcome
  retry: int = 0
  parent: int | None = None
  parent_hash: str = ""
  inspirations: tuple[int, ...] = ()
  island: int = 0
  generation: int = 0
  archive_digest: str = ""
  prompt: Prompt = Prompt("", "")
  response: Response = Response("")
  proposer: str = ""
  sampling: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  seed: int = 0
  edit: str = "seed"
  message: str = ""
  program: program_lib.Program | None = None
  value: float | None = None
  score: float = 0.0
  metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
  features: Mapping[str, float] = dataclasses.field(default_factory=dict)
  artifacts: Mapping[str, str] = dataclasses.field(default_factory=dict)
  instances: tuple[float, ...] = ()
  construction: str | None = None
  fidelity: str = "search"
  cpu_seconds: float = 0.0
  wall_seconds: float = 0.0
  peak_memory_mb: float = 0.0
  propose_seconds: float = 0.0
  trust: str = "isolated"

  def __post_init__(self):
    if self.edit not in EDITS:
      raise ValueError(f"Attempt.edit is {self.edit!r}, expected one of {', '.join(EDITS)}.")
    if self.trust not in ("isolated", "shared"):
      raise ValueError(f"Attempt.trust is {self.trust!r}, expected 'isolated' or 'shared'.")
    if (self.value is not None) != (self.outcome is Outcome.OK):
      raise ValueError(f"Attempt has outcome {self.outcome} and value {self.value}: exactly the ok ones have a value.")

  @property
  def ok(self) -> bool:
    return self.outcome is Outcome.OK


def result_beside(attempt: Attempt, parent: Attempt) -> tuple[float | None, float]:
  """The parent's (value, score) at the fidelity that the child reached, so that the two can be compared.

  A child that a cascade stopped has the numbers of 'search'; its parent keeps its own of 'search' as metrics.
  """
  if attempt.fidelity == parent.fidelity or "search_score" not in parent.metrics:
    return parent.value, parent.score
  return parent.metrics["search_value"], parent.metrics["search_score"]


def gain(attempt: Attempt, parent: Attempt) -> float:
  """How much the child's common score is above its parent's, at the fidelity that the child reached."""
  return attempt.score - result_beside(attempt, parent)[1]


# What a machine's load changes: left out of exported traces, so that two runs can be compared byte for byte.
TIMES = ("cpu_seconds", "wall_seconds", "peak_memory_mb", "propose_seconds")


def to_json(attempt: Attempt, times: bool = True) -> str:
  """One line of JSON with sorted keys; without TIMES where `times` is false."""
  # Not dataclasses.asdict: its deep copies cost more than all else that a search step does to be stored.
  fields = dict(vars(attempt))
  fields["outcome"] = attempt.outcome.value
  fields["prompt"] = vars(attempt.prompt)
  fields["response"] = vars(attempt.response)
  for name in ("sampling", "metrics", "features", "artifacts"):
    fields[name] = dict(fields[name])
  if attempt.program is not None:
    fields["program"] = {"source": attempt.program.source, "language": attempt.program.language}
  if not times:
    for name in TIMES:
      del fields[name]
  return json.dumps(fields, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def from_json(line: str) -> Attempt:
  """The inverse of `to_json`; a line may lack `instances`.

  Raises TypeError for unknown fields, ValueError for bad values.
  """
  fields = json.loads(line)
  fields["outcome"] = Outcome(fields["outcome"])
  fields["prompt"] = Prompt(**fields["prompt"])
  response = fields["response"]
  for name in ("prompt_ids", "token_ids", "logprobs"):
    response[name] = tuple(response[name])
  response["forced"] = tuple(map(tuple, response.get("forced", ())))
  fields["response"] = Response(**response)
  fields["inspirations"] = tuple(fields["inspirations"])
  fields["instances"] = tuple(fields.get("instances", ()))
  if fields["program"] is not None:
    fields["program"] = program_lib.Program(**fields["program"])
  return Attempt(**fields)
