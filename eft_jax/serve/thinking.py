"""A thinking budget: a state machine over an output's tokens that says when the end of thinking must be forced."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from eft_jax.serve.requests import RequestError

# Markers that tokenizers have as tokens of their own (Qwen3, DeepSeek-R1).
START, END = "<think>", "</think>"
MAX_MARKER = 32  # tokens, as in SGLang


@dataclasses.dataclass(frozen=True)
class Budget:
  """What a request may think, and how that shows.

  Attributes:
    limit: tokens between the markers.
    end, start: ids of the markers. Without a start marker the output thinks from its first token.
  """

  limit: int
  end: tuple[int, ...]
  start: tuple[int, ...] = ()


def budget(limit: int, end_ids: tuple[int, ...], tokenizer: Any, vocab_size: int) -> Budget:
  """The budget of a request. Raises RequestError: no markers are known, or they are not of the vocabulary."""
  if limit < 0:
    raise RequestError(f"max_thinking_tokens is {limit}, expected at least 0 (leave it out for no limit).")
  if not end_ids:
    start, end = (tokenizer.bpe.token_to_id(marker) if tokenizer else None for marker in (START, END))
    if end is None:
      raise RequestError(f"max_thinking_tokens needs to know how thinking ends, and the tokenizer has no {END}: give "
                         'token ids as custom_params {"thinking_end_ids": [...]}.')
    return Budget(limit, (end,), () if start is None else (start,))
  if len(end_ids) > MAX_MARKER or not all(0 <= index < vocab_size for index in end_ids):
    raise RequestError(f"thinking_end_ids must be at most {MAX_MARKER} ids inside the vocabulary of {vocab_size}.")
  return Budget(limit, end_ids)


class Thinking:
  """How far one output has thought.

  Thinking is open where the prompt ends inside it or the output opens with the start marker, as SGLang's
  reasoning_tokens count it, or from the start where there is no start marker. It ends once, with the end marker; where
  the limit is reached before, the end marker is forced, and the answer goes on behind it.

  Attributes:
    pending: ids to be forced next.
    tokens: of the output that belong to thinking, markers included.
    forced: [start, end) spans over output tokens that were not sampled.
  """

  def __init__(self, budget: Budget, prompt: Sequence[int]):
    self._budget = budget
    self.pending: tuple[int, ...] = ()
    self.tokens, self.forced = 0, []
    self._seen = self._opened = 0
    self._thoughts: list[int] = []
    self._over = False
    if not budget.start or _last(prompt, budget.start) > _last(prompt, budget.end):
      self._opened = len(budget.start)
      self._limit()

  @property
  def allowance(self) -> int | None:
    """Tokens that may be written before this must be asked again; None is any number."""
    if self._over:
      return None
    if self.pending:
      return len(self.pending)
    return len(self._budget.start) - self._opened + self._budget.limit - len(self._thoughts)

  def write(self, tokens: Sequence[int]) -> None:
    """Takes the next output tokens; the first of them are those of `pending`, as far as there are."""
    for token in tokens:
      if self.pending:
        self.pending = self.pending[1:]
        if self.forced and self.forced[-1][1] == self._seen:
          self.forced[-1][1] += 1
        else:
          self.forced.append([self._seen, self._seen + 1])
      if not self._over:
        self._think(token)
      self._seen += 1

  def _think(self, token: int) -> None:
    start, end = self._budget.start, self._budget.end
    if self._opened < len(start):
      self._over = token != start[self._opened]
      self._opened += not self._over
      self.tokens = 0 if self._over else self._opened
    else:
      self._thoughts.append(token)
      self.tokens += 1
      self._over = tuple(self._thoughts[-len(end):]) == end
    if self._opened == len(start) and not self._over:
      self._limit()

  def _limit(self) -> None:
    if not self.pending and len(self._thoughts) >= self._budget.limit:
      self.pending = self._budget.end


def _last(ids: Sequence[int], marker: tuple[int, ...]) -> int:
  """Where the last `marker` in `ids` begins; -1 is nowhere."""
  size = len(marker)
  return next((start for start in range(len(ids) - size, -1, -1) if tuple(ids[start:start + size]) == marker), -1)
