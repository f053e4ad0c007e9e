"""Who answers a prompt: a language model behind a server or in this process, or a script that needs none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from eft_jax.core import Prompt, Response
from eft_jax.core.settings import ConfigError


@dataclasses.dataclass(frozen=True)
class Sampling:
  """What a model is asked for.

  Attributes:
    temperature: 0 is greedy.
    top_p: of nucleus sampling.
    max_new_tokens: of one reply, its thinking included; a longer one is cut.
    max_thinking_tokens: after which the server ends the model's thinking, so that there is room for an answer; 0 for no
      limit. For models that think between <think> and </think>, over SGLang's protocol.
  """

  temperature: float = 0.7
  top_p: float = 0.95
  max_new_tokens: int = 256
  max_thinking_tokens: int = 0

  def __post_init__(self):
    if self.temperature < 0:
      raise ConfigError(f"sampling.temperature is {self.temperature}, expected at least 0.")
    if not 0 < self.top_p <= 1:
      raise ConfigError(f"sampling.top_p is {self.top_p}, expected a share above 0 and at most 1.")
    if self.max_new_tokens < 1:
      raise ConfigError(f"sampling.max_new_tokens is {self.max_new_tokens}, expected at least 1.")
    if not 0 <= self.max_thinking_tokens < self.max_new_tokens:
      raise ConfigError(f"sampling.max_thinking_tokens is {self.max_thinking_tokens}, expected 0 for no limit, or less "
                        f"than sampling.max_new_tokens = {self.max_new_tokens}.")


@dataclasses.dataclass(frozen=True)
class Request:
  """One reply that is wanted; `edit` is 'diff' or 'rewrite', `seed` has 63 bits and is this reply's alone."""

  prompt: Prompt
  seed: int
  edit: str
  sampling: Sampling = Sampling()


class ProposerError(Exception):
  """The proposer cannot answer now (server gone); one clear line. The steps concerned are `infra` and tried again.

  Attributes:
    wait: seconds that the server asks to be left alone; 0 where it does not say.
  """

  def __init__(self, message: str, wait: float = 0.0):
    super().__init__(message)
    self.wait = wait


def rough_tokens(text: str) -> int:
  """Tokens of a text that nobody counted: one for every three characters, about what programs and prose need."""
  return (len(text) + 2) // 3


class Proposer(Protocol):
  """Answers prompts. `name` is stored with every attempt.

  `propose` gets all members of one batch, or of one group of it where the object has a true `by_group`, and answers in
  their order. It is called from one thread of its own, or from up to `concurrency` of them where the object has that
  attribute; 0 is for one so fast that it needs none. Where it has `count_tokens`, that measures prompts unless the
  settings name a tokenizer. Raises ProposerError.
  """

  name: str

  def propose(self, requests: Sequence[Request]) -> list[Response]: ...
