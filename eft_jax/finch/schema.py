"""One row of a Finch data set: the 25 public columns of Finch-Collection, then ours, and their exact conversions.

Text is stored as UTF-8 (lone surrogates kept), numbers that must stay exact as JSON text: TFDS narrows float64 to
float32 without a word, so no column is a floating-point feature.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from eft_jax.core import Prompt, Response
from eft_jax.text import render

LABELS = ("improved", "no_change", "regressed")


@dataclasses.dataclass(frozen=True)
class Message:
  """One turn of a trajectory; role is system, user or assistant."""

  role: str
  content: str


@dataclasses.dataclass(frozen=True)
class Row:
  """One parent -> child transition: what the proposer was shown, what it answered, what came of it.

  The first 25 fields are the public columns (minnesotanlp/Finch-Collection), in their order and with their types:
  metrics, delta and metadata are JSON text, `reasoning` may be null. The others are ours; a row from elsewhere leaves
  them at their defaults.

  Attributes:
    improvement_label: one of LABELS.
    improvement_delta: JSON, child - parent of every numeric metric that both have.
    global_uid: identity of the run. instance_uid: of the row.
    outcome, parent_outcome: values of core.Outcome; a parent that is not ok and an ok child are a self-repair.
    value, parent_value: raw values in the task's units. score, parent_score: common scores. None where invalid.
    task_split: 'train' or 'heldout', of the task's family. split: 'train' or 'validation', of this row.
    sampling: JSON of what the proposer was asked for. message: the child's feedback text.
    tokenizer: name of the tokenizer that counted the *_token_length columns.
    edit: what was asked for, as in an Attempt; 'hindsight' where the row stands for several steps (see hindsight.py).
    openevolve: of a row from an OpenEvolve trace: what else its record held (see openevolve.py).
  """

  domain: str
  task: str
  trajectory: tuple[Message, ...]
  improvement_label: str
  improvement_delta: str
  global_uid: str
  instance_uid: str
  iteration: int
  island_id: int
  generation: int
  parent_id: str
  child_id: str
  parent_metrics: str
  child_metrics: str
  parent_code: str
  child_code: str
  metadata: str
  system_prompt: str
  user_prompt: str
  reasoning: str | None
  response: str
  system_token_length: int
  user_token_length: int
  reasoning_token_length: int
  response_token_length: int

  outcome: str = ""
  parent_outcome: str = ""
  family: str = ""
  task_version: str = ""
  task_split: str = ""
  language: str = ""
  direction: str = ""
  run: str = ""
  step: int = 0
  parent_step: int = 0
  proposer: str = ""
  weight_version: str = ""
  sampling: str = "{}"
  seed: int = 0
  edit: str = ""
  value: float | None = None
  parent_value: float | None = None
  score: float | None = None
  parent_score: float | None = None
  message: str = ""
  tokenizer: str = ""
  split: str = "train"
  openevolve: str = ""

  def __post_init__(self):
    if self.improvement_label not in LABELS:
      raise ValueError(f"Row {self.instance_uid}: improvement_label is {self.improvement_label!r}, "
                       f"expected one of {', '.join(LABELS)}.")

  @property
  def prompt(self) -> Prompt:
    return Prompt(self.system_prompt, self.user_prompt)

  @property
  def reply(self) -> Response:
    return Response(self.response, self.reasoning or "")

  @property
  def token_length(self) -> int:
    """Of the four texts together, without the chat template around them."""
    return (self.system_token_length + self.user_token_length + self.reasoning_token_length
            + self.response_token_length)


FIELDS = tuple(field.name for field in dataclasses.fields(Row))
PUBLIC = FIELDS[:25]
_HINTS = typing.get_type_hints(Row)
_NULLABLE_NUMBERS = tuple(name for name in FIELDS if _HINTS[name] == float | None)


def trajectory(system: str, user: str, reasoning: str | None, response: str) -> tuple[Message, ...]:
  """The three messages of a single-turn transition; the assistant's holds the reasoning in think tags."""
  reply = render.reply_text(Response(response, reasoning or ""))
  return Message("system", system), Message("user", user), Message("assistant", reply)


def features():
  """The TFDS features of a Row. Imports tensorflow_datasets (which does not import tensorflow)."""
  import numpy as np
  import tensorflow_datasets as tfds
  made = {}
  for name in FIELDS:
    hint = _HINTS[name]
    if name == "trajectory":
      made[name] = tfds.features.Sequence({"role": tfds.features.Text(), "content": tfds.features.Text()})
    elif hint is int:
      made[name] = tfds.features.Scalar(dtype=np.int64)
    else:
      made[name] = tfds.features.Text(optional=hint == str | None)
  return tfds.features.FeaturesDict(made)


def _bytes(text: str) -> bytes:
  return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
  return data.decode("utf-8", "surrogatepass")


def to_example(row: Row) -> dict[str, Any]:
  """A row as TFDS takes it; `from_example` gives the same row back."""
  example = {}
  for name in FIELDS:
    value = getattr(row, name)
    if name == "trajectory":
      value = [{"role": _bytes(message.role), "content": _bytes(message.content)} for message in value]
    elif name in _NULLABLE_NUMBERS:
      value = _bytes(json.dumps(value))
    elif isinstance(value, str):
      value = _bytes(value)
    example[name] = value
  return example


def from_example(example: Mapping[str, Any]) -> Row:
  """A row from what a TFDS data source returns. Raises KeyError where a column is missing."""
  values = {}
  for name in FIELDS:
    value = example[name]
    if name == "trajectory":
      pairs = zip(value["role"], value["content"], strict=True)
      value = tuple(Message(_text(role), _text(content)) for role, content in pairs)
    elif name in _NULLABLE_NUMBERS:
      value = json.loads(value)
    elif isinstance(value, bytes):
      value = _text(value)
    values[name] = value
  return Row(**values)


def to_public(row: Row) -> dict[str, Any]:
  """The 25 public columns as plain data, ready for JSON lines or parquet."""
  columns = {name: getattr(row, name) for name in PUBLIC}
  columns["trajectory"] = [dataclasses.asdict(message) for message in row.trajectory]
  return columns


def from_public(columns: Mapping[str, Any], **ours: Any) -> Row:
  """A row from the 25 public columns; `ours` sets fields of our own (family, run, ...).

  Raises:
    ValueError: names the columns that are missing or unknown.
  """
  missing, unknown = set(PUBLIC) - set(columns), set(columns) - set(PUBLIC)
  if missing or unknown:
    raise ValueError(f"A public row has exactly 25 columns; missing: {sorted(missing)}, unknown: {sorted(unknown)}.")
  values = dict(columns)
  values["trajectory"] = tuple(Message(message["role"], message["content"]) for message in columns["trajectory"])
  return Row(**values, **ours)
