"""Attempts to labelled transitions: join each child with its parent, label it by value, say why it is left out.

Every attempt ends in exactly one place: a label, or one reason of DROPPED.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from eft_jax.core import NEVER_TRAINED_ON, Attempt, Outcome, Prompt, Response, Task, result_beside
from eft_jax.core.settings import ConfigError
from eft_jax.finch import schema

# The reply itself is at fault: there is no child program of its own to compare.
_REPLY_FAULTS = frozenset({Outcome.NO_EDIT, Outcome.NO_MATCH, Outcome.NO_CHANGE, Outcome.TRUNCATED, Outcome.TOO_LONG,
                           Outcome.DUPLICATE})

# Why an attempt is no row. The paper's classes are systematic errors (infra, task_bug, shared, parent_missing,
# task_changed), breakage (both_invalid, child_invalid) and length (too_many_tokens).
DROPPED = ("seed", *sorted(outcome.value for outcome in NEVER_TRAINED_ON | _REPLY_FAULTS), "shared", "parent_missing",
           "task_changed", "both_invalid", "child_invalid", "label", "too_many_tokens", "repeated", "over_cap")


# Of tasks whose value is a ratio of CPU times: a relative change up to this one may be noise, and is no_change.
TIMED_GAIN = 0.25


class Lengths(NamedTuple):
  """Token counts of one row. `total` is of the whole rendered example, chat template included."""

  system: int
  user: int
  reasoning: int
  response: int
  total: int


class Measure(Protocol):
  """Counts the tokens of a row; `name` is the tokenizer's."""

  name: str

  def __call__(self, prompt: Prompt, response: Response) -> Lengths:
    ...


@dataclasses.dataclass(frozen=True)
class Transition:
  """An attempt with its parent. Exactly one of `label` and `dropped` is set.

  `path` is of a hindsight transition: the steps that lead from the parent to the attempt, which is none that was made.
  """

  attempt: Attempt
  parent: Attempt | None
  label: str | None = None
  dropped: str | None = None
  path: tuple[int, ...] = ()


def label_of(value: float, parent_value: float, direction: str, minimum_gain: float) -> str:
  """improved, no_change or regressed, by the sign of the change of the raw value.

  A change counts where it exceeds minimum_gain * max(|value|, |parent_value|).
  """
  gain = value - parent_value if direction == "max" else parent_value - value
  threshold = minimum_gain * max(abs(value), abs(parent_value))
  return "improved" if gain > threshold else "regressed" if gain < -threshold else "no_change"


def joined(attempts: Iterable[Attempt], tasks: Mapping[str, Task], minimum_gain: float,
           keep_broken: bool) -> Iterator[Transition]:
  """Labels a stream of attempts, runs one after the other and steps of a run in order.

  Memory is that of one run. A step that was retried after an infra failure yields one `infra` drop for every failure.

  Args:
    attempts: as the store gives them.
    tasks: by name; gives direction and evaluation version.
    minimum_gain: relative change of the raw value below which a child is no_change; at least TIMED_GAIN where the task
      is timed.
    keep_broken: label a broken child of a working parent 'regressed' (for KTO) instead of dropping it.

  Raises:
    ConfigError: names a task that does not exist.
  """
  run, parents = None, {}
  for attempt in attempts:
    if attempt.run != run or attempt.edit == "seed":
      run, parents = attempt.run, {}
    if attempt.task not in tasks:
      raise ConfigError(f"Attempt {attempt.step} of run {attempt.run} is of the unknown task {attempt.task!r}; "
                        "`python launch/tasks.py --action=list` shows what exists.")
    if attempt.outcome not in NEVER_TRAINED_ON and attempt.program is not None:
      # Texts of the parent are not needed again, and a run of 100,000 attempts must fit in memory.
      parents[attempt.step] = dataclasses.replace(attempt, prompt=Prompt("", ""), response=Response(""), artifacts={})
    parent = parents.get(attempt.parent) if attempt.parent is not None else None
    label, dropped = _judge(attempt, parent, tasks[attempt.task], minimum_gain, keep_broken)
    yield Transition(attempt, parent, label, dropped)


def _judge(attempt: Attempt, parent: Attempt | None, task: Task, minimum_gain: float,
           keep_broken: bool) -> tuple[str | None, str | None]:
  """(label, None) or (None, reason)."""
  if attempt.edit == "seed" or attempt.parent is None:
    return None, "seed"
  if attempt.outcome in NEVER_TRAINED_ON or attempt.outcome in _REPLY_FAULTS:
    return None, attempt.outcome.value
  if parent is None or (attempt.parent_hash and attempt.parent_hash != parent.program.hash):
    return None, "parent_missing"
  if attempt.task_version != parent.task_version:
    return None, "task_changed"
  if attempt.ok:
    if not parent.ok:
      return "improved", None  # self-repair
    smallest = max(minimum_gain, TIMED_GAIN) if task.timed else minimum_gain
    return label_of(attempt.value, result_beside(attempt, parent)[0], task.direction, smallest), None
  if not parent.ok:
    return None, "both_invalid"
  return ("regressed", None) if keep_broken and attempt.program is not None else (None, "child_invalid")


def metrics_of(attempt: Attempt) -> dict[str, float]:
  """The numbers of one program as the public columns name them; empty where it is invalid."""
  if not attempt.ok:
    return {}
  return {**attempt.metrics, "combined_score": attempt.score, "value": attempt.value}


def parent_metrics_of(attempt: Attempt, parent: Attempt) -> dict[str, float]:
  """`metrics_of` the parent, with value and score at the fidelity that the child reached."""
  metrics = metrics_of(parent)
  if metrics:
    metrics["value"], metrics["combined_score"] = result_beside(attempt, parent)
  return metrics


def delta(child: Mapping[str, float], parent: Mapping[str, float]) -> dict[str, float]:
  """child - parent of every metric that both have."""
  return {name: child[name] - parent[name] for name in child if name in parent}


def first_line(text: str) -> str:
  """The reply's own summary of its change: its first line outside the edit."""
  for line in text.splitlines():
    line = line.strip()
    if line and not line.startswith(("<<<<<<<", "```")):
      return line[:200]
    if line:
      break
  return ""


def text_digest(prompt: Prompt, response: Response) -> str:
  """32 hex digits over everything that a model would be trained on."""
  texts = (prompt.system, prompt.user, response.reasoning, response.text)
  data = b"\0\0".join(text.encode("utf-8", "surrogatepass") for text in texts)
  return hashlib.sha256(data).hexdigest()[:32]


def to_row(transition: Transition, task: Task, lengths: Lengths, tokenizer: str, split: str) -> schema.Row:
  """The row of a labelled transition."""
  attempt, parent = transition.attempt, transition.parent
  parent_value, parent_score = result_beside(attempt, parent)
  child_metrics, parent_metrics = metrics_of(attempt), parent_metrics_of(attempt, parent)
  reasoning = attempt.response.reasoning or None
  prompt, text = attempt.prompt, attempt.response.text
  seconds = attempt.propose_seconds + attempt.wall_seconds
  uid = lambda step: f"{attempt.run}-{step:06d}"
  dump = lambda value: json.dumps(value, sort_keys=True, default=float)
  metadata = {"iteration_time": seconds, "changes": first_line(text)}
  if transition.path:
    metadata["hindsight"] = list(transition.path)
  return schema.Row(
      domain=task.domain, task=attempt.task,
      trajectory=schema.trajectory(prompt.system, prompt.user, reasoning, text),
      improvement_label=transition.label, improvement_delta=dump(delta(child_metrics, parent_metrics)),
      global_uid=attempt.run, iteration=attempt.step, island_id=attempt.island,
      # The same configuration gives the same run and steps; with a server that samples freely the texts still differ.
      instance_uid=f"{uid(attempt.step)}-{text_digest(prompt, attempt.response)[:8]}",
      generation=attempt.generation, parent_id=uid(parent.step), child_id=uid(attempt.step),
      parent_metrics=dump(parent_metrics), child_metrics=dump(child_metrics), parent_code=parent.program.source,
      child_code=attempt.program.source, metadata=dump(metadata),
      system_prompt=prompt.system, user_prompt=prompt.user, reasoning=reasoning, response=text,
      system_token_length=lengths.system, user_token_length=lengths.user,
      reasoning_token_length=lengths.reasoning, response_token_length=lengths.response,
      outcome=attempt.outcome.value, parent_outcome=parent.outcome.value, family=attempt.family,
      task_version=attempt.task_version, task_split=task.split, language=attempt.program.language,
      direction=task.direction, run=attempt.run, step=attempt.step, parent_step=parent.step,
      proposer=attempt.proposer, weight_version=attempt.response.weight_version,
      sampling=dump(dict(attempt.sampling)), seed=attempt.seed,
      edit="hindsight" if transition.path else attempt.edit, value=attempt.value, parent_value=parent_value,
      score=attempt.score if attempt.ok else None, parent_score=parent_score if parent.ok else None,
      message=attempt.message, tokenizer=tokenizer, split=split, openevolve=attempt.artifacts.get("openevolve", ""))
