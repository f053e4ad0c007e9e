"""SGLang's JSON: bodies of /generate to requests, results to its response objects, and its error shapes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eft_jax.serve.requests import GenerateRequest, GenerateResult, RequestError, SamplingParams, new_rid

MAX_TOP_LOGPROBS = 20

# Fields that change nothing in what an answer holds.
_IGNORED = frozenset("""
    stream log_metrics priority extra_key cache_salt session_id routing_key no_logs custom_labels conversation_id
    data_parallel_rank routed_dp_rank background received_time external_trace_header modalities lora_id
""".split())
_REFUSED = {
    "input_embeds": "prompts are token ids or text",
    "image_data": "the model reads text only", "video_data": "the model reads text only",
    "audio_data": "the model reads text only",
    "custom_logit_processor": "code from outside is not run",
    "return_hidden_states": "hidden states are not returned", "return_routed_experts": "the model has no experts",
    "return_sampling_mask": "sampling masks are not returned", "session_params": "sessions are not kept",
    "token_ids_logprob": "log-probs come for the sampled token and for the top ones (top_logprobs_num)",
    "return_entropy": "not returned",
}
_FIELDS = frozenset("""
    text input_ids sampling_params return_logprob logprob_start_len top_logprobs_num return_text_in_logprobs rid
    return_prompt_token_ids lora_path max_thinking_tokens
""".split()) | _IGNORED | _REFUSED.keys()

_SAMPLING_TYPES = {field.name: field.type for field in dataclasses.fields(SamplingParams)}
_SAMPLING_IGNORED = frozenset({"spaces_between_special_tokens", "stream_interval", "custom_params"})
_SAMPLING_REFUSED = {name: "constrained decoding is not supported" for name in
                     ("json_schema", "regex", "ebnf", "structural_tag")}
_SAMPLING_REFUSED |= {"stop_regex": "use stop (strings) or stop_token_ids", "logit_bias": "not supported"}


class BodyError(RequestError):
  """The body breaks the contract itself: answered as {"error": "..."}, where other refusals nest a message."""


@dataclasses.dataclass(frozen=True)
class Batch:
  """A parsed /generate body: its requests (prompt-major over the n samples) and how to answer."""

  requests: tuple[GenerateRequest, ...]
  single: bool  # one object, not a list, is the answer
  text_in_logprobs: bool = False
  prompt_token_ids: bool = False


@dataclasses.dataclass(frozen=True)
class Limits:
  """What a request is checked against."""

  vocab_size: int
  max_length: int


def parse_sampling(values: Mapping[str, Any] | None, room: int | None = None) -> SamplingParams:
  """SamplingParams of a JSON object; null means default.

  Args:
    room: tokens behind the prompt; max_new_tokens null (not absent) means as many as fit, as in SGLang.

  Raises:
    BodyError: unknown field. RequestError: wrong type, range, or something this engine does not do.
  """
  if values is None:
    return SamplingParams()
  if not isinstance(values, Mapping):
    raise RequestError(f"sampling_params must be an object, got {type(values).__name__}.")
  arguments = {}
  for name, value in values.items():
    if name in _SAMPLING_TYPES:
      if name == "max_new_tokens" and value is None and room is not None:
        arguments[name] = max(0, room)
      elif value is not None:
        arguments[name] = _convert(name, _SAMPLING_TYPES[name], value)
    elif name in _SAMPLING_REFUSED:
      if value:
        raise RequestError(f"{name} is not available on this server: {_SAMPLING_REFUSED[name]}.")
    elif name not in _SAMPLING_IGNORED:
      expected = sorted(_SAMPLING_TYPES.keys() | _SAMPLING_REFUSED.keys() | _SAMPLING_IGNORED)
      raise BodyError(f"unknown field {name!r} in sampling_params, expected one of {', '.join(expected)}")
  return SamplingParams(**arguments)


def _convert(name: str, kind: str, value: Any) -> Any:
  """`value` as the field's type, where that loses nothing."""
  is_int = isinstance(value, int) and not isinstance(value, bool)
  if kind == "float" and (is_int or isinstance(value, float)):
    return float(value)
  if kind.startswith("int") and (is_int or isinstance(value, float) and value.is_integer()):
    return int(value)
  if kind == "bool" and isinstance(value, bool):
    return value
  if kind == "tuple[str, ...]":
    items = [value] if isinstance(value, str) else value
    if isinstance(items, (list, tuple)) and all(isinstance(item, str) for item in items):
      return tuple(items)
  if kind == "tuple[int, ...]" and isinstance(value, (list, tuple)):
    if all(isinstance(item, int) and not isinstance(item, bool) for item in value):
      return tuple(value)
  raise RequestError(f"{name} has a wrong type: got {_short(value)}, expected {kind}.")


def _short(value: Any) -> str:
  text = repr(value)
  return text if len(text) <= 80 else text[:77] + "..."


def parse_generate(body: Any, limits: Limits, encode: Callable[[str], list[int]] | None) -> Batch:
  """The requests of a /generate body.

  Raises:
    BodyError, RequestError: what is wrong with it; HTTP 400.
  """
  if not isinstance(body, Mapping):
    raise BodyError(f"the body must be a JSON object, got {type(body).__name__}")
  for name, value in body.items():
    if name not in _FIELDS:
      raise BodyError(f"unknown field {name!r}, expected one of {', '.join(sorted(_FIELDS))}")
    if name in _REFUSED and value not in (None, False, [], {}):
      raise RequestError(f"{name} is not available on this server: {_REFUSED[name]}.")
  prompts, single = _prompts(body, encode)
  count = len(prompts)
  raw = _each("sampling_params", body.get("sampling_params"), count)
  samplings = [parse_sampling(item, limits.max_length - len(ids)) for item, ids in zip(raw, prompts, strict=True)]
  if len({sampling.n for sampling in samplings}) > 1:
    raise RequestError("sampling_params.n must be the same for all prompts of a batch.")
  n = samplings[0].n
  wants = [_as(bool, "return_logprob", w or False) for w in _each("return_logprob", body.get("return_logprob"), count)]
  starts = [_as(int, "logprob_start_len", -1 if s is None else s)
            for s in _each("logprob_start_len", body.get("logprob_start_len"), count)]
  tops = [_as(int, "top_logprobs_num", t or 0)
          for t in _each("top_logprobs_num", body.get("top_logprobs_num"), count)]
  loras = _each("lora_path", body.get("lora_path"), count)
  if not all(name is None or isinstance(name, str) for name in loras):
    raise RequestError("lora_path must be the name of a loaded adapter, null for the base, or a list of these.")
  thoughts = map(_thinking, _each("max_thinking_tokens", body.get("max_thinking_tokens"), count), raw)
  rids = _rids(body.get("rid"), count, single and n == 1)
  requests = []
  for ids, sampling, want, start, top, lora, thought, rid in zip(prompts, samplings, wants, starts, tops, loras,
                                                                 thoughts, rids, strict=True):
    check(ids, sampling, start, top, limits)
    requests += [GenerateRequest(ids, sampling, sample, rid if n == 1 else f"{rid}_{sample}", want, start,
                                 top if want else 0, lora, *thought) for sample in range(n)]
  flag = lambda name: _as(bool, name, body.get(name) or False)
  return Batch(tuple(requests), single and n == 1, flag("return_text_in_logprobs"), flag("return_prompt_token_ids"))


def _thinking(limit: Any, sampling: Any) -> tuple[int | None, tuple[int, ...]]:
  """The thinking budget and the ids that end thinking: max_thinking_tokens, or thinking_budget in custom_params.

  SGLang has both, and the first goes before. `thinking_end_ids` in custom_params is ours, for models without </think>.
  """
  custom = (sampling or {}).get("custom_params") or {}
  if not isinstance(custom, Mapping):
    raise RequestError(f"custom_params must be an object, got {_short(custom)}.")
  limit, ends = custom.get("thinking_budget") if limit is None else limit, custom.get("thinking_end_ids") or []
  if not isinstance(ends, list) or not all(type(item) is int for item in ends):
    raise RequestError(f"thinking_end_ids must be a list of token ids, got {_short(ends)}.")
  return None if limit is None else _as(int, "max_thinking_tokens", limit), tuple(ends)


def _prompts(body: Mapping[str, Any], encode: Callable[[str], list[int]] | None) -> tuple[list[tuple[int, ...]], bool]:
  """Token ids of each prompt, and whether the body holds one prompt outside a list."""
  text, ids = body.get("text"), body.get("input_ids")
  if (text is None) == (ids is None):
    raise RequestError("Exactly one of text and input_ids must be given.")
  if text is not None:
    if encode is None:
      raise RequestError("text needs a tokenizer, and this server has none: send input_ids.")
    texts = [text] if isinstance(text, str) else text
    if not isinstance(texts, list) or not texts or not all(isinstance(item, str) for item in texts):
      raise RequestError("text must be a string or a non-empty list of strings.")
    return [tuple(encode(item)) for item in texts], isinstance(text, str)
  if not isinstance(ids, list) or not ids:
    raise RequestError("input_ids must be a non-empty list of token ids, or a list of such lists.")
  single = not isinstance(ids[0], list)
  prompts = [ids] if single else ids
  for prompt in prompts:
    if not isinstance(prompt, list) or not all(type(item) is int for item in prompt):
      raise RequestError("input_ids must be a list of integers, or a list of such lists.")
  return [tuple(prompt) for prompt in prompts], single


def _each(name: str, value: Any, count: int) -> list[Any]:
  """A value for each prompt: given once or as a list."""
  if not isinstance(value, list):
    return [value] * count
  if len(value) != count:
    raise RequestError(f"{name} has {len(value)} entries for {count} prompts.")
  return value


def _as(kind: type, name: str, value: Any) -> Any:
  if type(value) is not kind:
    raise RequestError(f"{name} must be of type {kind.__name__}, got {_short(value)}.")
  return value


def _rids(rid: Any, count: int, single: bool) -> list[str]:
  """Request ids: a string is the id of a single request and a prefix in a batch."""
  if rid is None:
    return [new_rid() for _ in range(count)]
  if isinstance(rid, str) and rid:
    return [rid] if single or count == 1 else [f"{rid}_{index}" for index in range(count)]
  if isinstance(rid, list) and len(rid) == count and all(isinstance(item, str) and item for item in rid):
    if len(set(rid)) != len(rid):
      raise RequestError("Duplicate request IDs detected within the request.")
    return rid
  raise RequestError(f"rid must be a string or a list of {count} strings.")


def check(ids: Sequence[int], sampling: SamplingParams, start: int, top: int, limits: Limits) -> None:
  """Raises RequestError for prompts and lengths that the model cannot take."""
  if not ids:
    raise RequestError("input_ids cannot be empty.")
  low, high = min(ids), max(ids)
  if low < 0 or high >= limits.vocab_size:
    raise RequestError(f"input_ids holds {low if low < 0 else high}, outside the vocabulary of {limits.vocab_size}.")
  if any(not 0 <= item < limits.vocab_size for item in sampling.stop_token_ids):
    raise RequestError(f"stop_token_ids must be inside the vocabulary of {limits.vocab_size}.")
  if len(ids) >= limits.max_length:
    raise RequestError(f"The input ({len(ids)} tokens) is longer than the model's context length "
                       f"({limits.max_length} tokens).")
  if len(ids) + sampling.max_new_tokens > limits.max_length:
    raise RequestError(f"Requested token count exceeds the model's maximum context length of {limits.max_length} "
                       f"tokens: {len(ids)} of the input and {sampling.max_new_tokens} of max_new_tokens.")
  if not -1 <= start <= len(ids):
    raise RequestError(f"logprob_start_len is {start}, expected -1 or a position in the prompt of {len(ids)} tokens.")
  if not 0 <= top <= MAX_TOP_LOGPROBS:
    raise RequestError(f"top_logprobs_num is {top}, expected 0 to {MAX_TOP_LOGPROBS}.")


def result_json(request: GenerateRequest, result: GenerateResult, batch: Batch,
                token_text: Callable[[int], str] | None, has_text: bool = True) -> dict[str, Any]:
  """One response object of /generate. Log-prob keys appear where they were asked for, top lists where top > 0."""
  text = (lambda i: token_text(i)) if batch.text_in_logprobs and token_text else (lambda i: None)
  triple = lambda p, i: [p if p is not None and math.isfinite(p) else None, i, text(i)]  # JSON knows no infinity
  tops = lambda row: None if row is None else [triple(p, i) for p, i in row]
  version = result.weight_versions[-1][0] if result.weight_versions else ""
  meta: dict[str, Any] = {
      "id": result.rid, "finish_reason": result.finish_reason, "prompt_tokens": result.prompt_tokens,
      "weight_version": version,
      "weight_versions": [{"version": v, "start": s, "end": e} for v, s, e in result.weight_versions],
      "num_retractions": result.num_retractions, "reasoning_tokens": result.reasoning_tokens,
      "completion_tokens": len(result.output_ids), "cached_tokens": result.cached_tokens,
      "cached_tokens_details": {"device": result.cached_tokens, "host": 0} if result.cached_tokens else None,
      "e2e_latency": result.seconds,
  }
  if request.max_thinking_tokens is not None:  # ours: what a policy gradient must leave out
    meta["forced_tokens"] = [{"start": s, "end": e} for s, e in result.forced]
  if request.return_logprob:
    first = len(request.input_ids) - len(result.input_logprobs)
    meta["input_token_logprobs"] = [triple(p, request.input_ids[first + k])
                                    for k, p in enumerate(result.input_logprobs)]
    meta["output_token_logprobs"] = [triple(p, i) for p, i in
                                     zip(result.output_logprobs, result.output_ids, strict=True)]
    meta["output_token_logprobs_length"] = len(result.output_logprobs)
    if request.top_logprobs_num:
      meta["input_top_logprobs"] = [tops(row) for row in result.input_top]
      meta["output_top_logprobs"] = [tops(row) for row in result.output_top]
  answer: dict[str, Any] = {"text": result.text} if has_text else {}
  answer |= {"output_ids": list(result.output_ids), "meta_info": meta}
  if batch.prompt_token_ids:
    answer["prompt_token_ids"] = list(request.input_ids)
  return answer


def error_json(error: Exception) -> dict[str, Any]:
  """SGLang's two shapes: the body contract check answers with a string, the handlers nest a message."""
  return {"error": str(error)} if isinstance(error, BodyError) else {"error": {"message": str(error)}}


def openai_error(message: str, code: int, kind: str = "BadRequest") -> dict[str, Any]:
  """The shape of validation errors and of the OpenAI routes."""
  return {"object": "error", "message": message, "type": kind, "param": None, "code": code}
