"""What goes into the engine and what comes out: GenerateRequest, SamplingParams, GenerateResult."""

from __future__ import annotations

import dataclasses
import math
import uuid
from collections.abc import Callable
from typing import Any

MAX_STOP_STRINGS = 32


class RequestError(ValueError):
  """A request that cannot be served as it is: the reason is for its sender. HTTP 400."""


class QueueFull(RuntimeError):
  """The engine's queue is full: try again later. HTTP 503."""


@dataclasses.dataclass(frozen=True)
class SamplingParams:
  """SGLang's sampling parameters (srt/sampling/sampling_params.py), with its names, defaults and ranges.

  Attributes:
    stop: strings that end the output; `text` ends before the first match, `output_ids` keeps its tokens.
    stop_token_ids: ids that end the output, beside the model's own.
    sampling_seed: 64-bit; None lets the engine draw one. Sample i of `n` uses the seed folded with i.
  """

  max_new_tokens: int = 128
  min_new_tokens: int = 0
  temperature: float = 1.0
  top_p: float = 1.0
  top_k: int = -1
  min_p: float = 0.0
  frequency_penalty: float = 0.0
  presence_penalty: float = 0.0
  repetition_penalty: float = 1.0
  stop: tuple[str, ...] = ()
  stop_token_ids: tuple[int, ...] = ()
  ignore_eos: bool = False
  skip_special_tokens: bool = True
  no_stop_trim: bool = False
  n: int = 1
  sampling_seed: int | None = None

  def __post_init__(self):
    def need(condition: bool, name: str, expected: str) -> None:
      if not condition:
        raise RequestError(f"{name} must be {expected}, got {getattr(self, name)}.")
    need(math.isfinite(self.temperature) and self.temperature >= 0, "temperature", "a non-negative finite number")
    need(0 < self.top_p <= 1, "top_p", "in (0, 1]")
    need(0 <= self.min_p <= 1, "min_p", "in [0, 1]")
    need(self.top_k == -1 or self.top_k >= 1, "top_k", "-1 (disable) or at least 1")
    need(-2 <= self.frequency_penalty <= 2, "frequency_penalty", "in [-2, 2]")
    need(-2 <= self.presence_penalty <= 2, "presence_penalty", "in [-2, 2]")
    need(0 < self.repetition_penalty <= 2, "repetition_penalty", "in (0, 2] (1.0 = no penalty)")
    need(self.max_new_tokens >= 0, "max_new_tokens", "at least 0")
    need(0 <= self.min_new_tokens <= self.max_new_tokens, "min_new_tokens",
         f"in [0, max_new_tokens({self.max_new_tokens})]")
    need(1 <= self.n <= 1024, "n", "in [1, 1024]")
    need(len(self.stop) <= MAX_STOP_STRINGS, "stop", f"at most {MAX_STOP_STRINGS} strings")
    need(all(self.stop), "stop", "non-empty strings")
    need(self.sampling_seed is None or -2**63 <= self.sampling_seed < 2**64, "sampling_seed", "a 64-bit integer")

  @property
  def penalized(self) -> bool:
    """Whether the next token depends on how often tokens were written before."""
    return bool(self.frequency_penalty or self.presence_penalty or self.repetition_penalty != 1.0)


def new_rid() -> str:
  """A fresh request id."""
  return uuid.uuid4().hex


@dataclasses.dataclass(frozen=True)
class GenerateRequest:
  """One prompt, one sample.

  Attributes:
    input_ids: the prompt, at least one token.
    sample: index among the `n` samples of one prompt; folded into the seed.
    rid: name for abort; unique among those in flight.
    return_logprob: whether log-probs come back. `logprob_start_len`: prompt position from which the prompt's are
      wanted too; -1 = none of them, 0 = all.
    top_logprobs_num: how many alternatives per position come back.
    adapter: name of a loaded LoRA adapter; None is the base model.
    max_thinking_tokens: thinking is ended by force after so many tokens, see `thinking.Thinking`; None is no limit.
    thinking_end_ids: the token ids that end it; () are the tokenizer's.
    on_tokens: called on the engine's thread with the partial result after each block of tokens (streaming).
  """

  input_ids: tuple[int, ...]
  sampling: SamplingParams = SamplingParams()
  sample: int = 0
  rid: str = dataclasses.field(default_factory=new_rid)
  return_logprob: bool = False
  logprob_start_len: int = -1
  top_logprobs_num: int = 0
  adapter: str | None = None
  max_thinking_tokens: int | None = None
  thinking_end_ids: tuple[int, ...] = ()
  on_tokens: Callable[["GenerateResult"], None] | None = None


@dataclasses.dataclass(frozen=True)
class GenerateResult:
  """What became of one request.

  Attributes:
    text: the output without its stop token or stop string.
    output_ids: what was sampled, or forced, the stop token or the tokens of the stop string included.
    output_logprobs: one per output token; empty unless asked for.
    input_logprobs: of prompt tokens from logprob_start_len on; None for the first token of the prompt, which nothing
      precedes. Empty unless asked for.
    output_top, input_top: per position [(log-prob, id), ...], falling; aligned with the two lists above.
    finish_reason: {'type': 'stop' | 'length' | 'abort', ...} as in SGLang, or None in a partial result.
    weight_versions: (version, start, end) over output tokens. The versions are the base's; with the request's adapter,
      whose name stands for one set of weights, they name the weights.
    forced: [start, end) spans of output tokens that a thinking budget put there. Their log-probs are the model's, but
      they were not sampled from it: a policy gradient leaves them out.
    reasoning_tokens: output tokens that belong to limited thinking, its markers included; 0 where it is not limited.
    cached_tokens: prompt tokens that were not computed for this request.
    num_retractions: how often it was put back into the queue.
    seconds: from submission to result.
  """

  rid: str
  prompt_tokens: int
  text: str = ""
  output_ids: tuple[int, ...] = ()
  output_logprobs: tuple[float, ...] = ()
  input_logprobs: tuple[float | None, ...] = ()
  output_top: tuple[tuple[tuple[float, int], ...], ...] = ()
  input_top: tuple[tuple[tuple[float, int], ...] | None, ...] = ()
  finish_reason: dict[str, Any] | None = None
  weight_versions: tuple[tuple[str, int, int], ...] = ()
  forced: tuple[tuple[int, int], ...] = ()
  reasoning_tokens: int = 0
  cached_tokens: int = 0
  num_retractions: int = 0
  seconds: float = 0.0
