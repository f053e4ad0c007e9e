"""/v1/chat/completions: OpenAI's shapes around the same requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eft_jax.core.settings import ConfigError
from eft_jax.serve import wire
from eft_jax.serve.requests import GenerateRequest, GenerateResult, RequestError, new_rid

if TYPE_CHECKING:
  from eft_jax.serve.service import Service

# OpenAI's name -> SGLang's.
_RENAMED = {"max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens", "min_tokens": "min_new_tokens",
            "seed": "sampling_seed"}
_SAME = ("temperature", "top_p", "top_k", "min_p", "n", "stop", "stop_token_ids", "ignore_eos", "frequency_penalty",
         "presence_penalty", "repetition_penalty", "skip_special_tokens", "no_stop_trim", "regex", "ebnf",
         "logit_bias", "stop_regex", "custom_params")
_OWN = ("messages", "model", "stream", "stream_options", "logprobs", "top_logprobs", "chat_template_kwargs",
        "input_ids", "return_token_ids", "rid", "continue_final_message", "lora_path",
        "max_thinking_tokens")
_IGNORED = ("user", "metadata", "store", "parallel_tool_calls", "separate_reasoning", "stream_reasoning", "priority",
            "return_meta_info", "service_tier")
_REFUSED = {"response_format": "constrained decoding is not supported", "tools": "tools are not supported",
            "tool_choice": "tools are not supported", "functions": "tools are not supported"}


def parse(service: Service, body: Any) -> wire.Batch:
  """The requests of a chat body. Raises RequestError."""
  if not isinstance(body, Mapping):
    raise RequestError("The body must be a JSON object.")
  sampling = {}
  for name, value in body.items():
    if value is None or name in _OWN or name in _IGNORED:
      continue
    if name in _REFUSED:
      if value not in ([], "none", "auto", {"type": "text"}):
        raise RequestError(f"{name} is not available on this server: {_REFUSED[name]}.")
    elif name in _SAME or name in _RENAMED:
      sampling[_RENAMED.get(name, name)] = value
    else:
      raise RequestError(f"Unknown field {name!r}.")
  ids = body.get("input_ids") or _prompt(service, body)
  limits = service.engine.limits
  if "max_new_tokens" not in sampling:  # OpenAI's default: as much as fits
    sampling["max_new_tokens"] = max(0, limits.max_length - len(ids))
  want = bool(body.get("logprobs"))
  return wire.parse_generate({
      "input_ids": ids, "sampling_params": sampling, "return_logprob": want, "rid": body.get("rid"),
      "top_logprobs_num": body.get("top_logprobs") or 0 if want else 0,
      "max_thinking_tokens": body.get("max_thinking_tokens"),
      "lora_path": _adapter(service, body.get("model")) or body.get("lora_path")}, limits, None)


def _adapter(service: Service, model: Any) -> str | None:
  """The adapter in a model name 'base:adapter'; the served name itself may hold colons."""
  if not isinstance(model, str) or model == service.served_model_name:
    return None
  own = service.served_model_name + ":"
  name = model[len(own):] if model.startswith(own) else model.partition(":")[2]
  return name.strip() or None


def _prompt(service: Service, body: Mapping[str, Any]) -> list[int]:
  """Token ids of the rendered messages."""
  tokenizer, messages = service.engine.tokenizer, body.get("messages")
  if tokenizer is None:
    raise RequestError("Chat needs a tokenizer, and this server has none: send input_ids.")
  if not isinstance(messages, list) or not messages:
    raise RequestError("messages must be a non-empty list.")
  plain = []
  for message in messages:
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list) and all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
      content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str) or not isinstance(message.get("role"), str):
      raise RequestError("each message must have a role (string) and a content (string, or list of text parts).")
    plain.append({"role": message["role"], "content": content})
  variables = body.get("chat_template_kwargs") or {}
  if not isinstance(variables, Mapping) or body.get("continue_final_message"):
    raise RequestError("continue_final_message is not available on this server, and chat_template_kwargs must be an "
                       "object.")
  try:
    return tokenizer.chat(plain, add_generation_prompt=True, **variables)
  except ConfigError as error:
    raise RequestError(str(error)) from error


def answer(
    service: Service, body: Mapping[str, Any], batch: wire.Batch, results: list[GenerateResult],
) -> dict[str, Any]:
  """The chat.completion object."""
  written = sum(len(result.output_ids) for result in results)
  prompt = len(batch.requests[0].input_ids)
  choices = [_choice(service, index, request, result, bool(body.get("return_token_ids")))
             for index, (request, result) in enumerate(zip(batch.requests, results, strict=True))]
  return {
      "id": results[0].rid, "object": "chat.completion", "created": int(time.time()),
      "model": body.get("model") or service.served_model_name, "choices": choices,
      "usage": {"prompt_tokens": prompt, "total_tokens": prompt + written, "completion_tokens": written,
                "prompt_tokens_details": None, "reasoning_tokens": sum(result.reasoning_tokens for result in results)},
      "metadata": {"weight_version": results[0].weight_versions[-1][0]},
  }


def _choice(
    service: Service, index: int, request: GenerateRequest, result: GenerateResult, ids: bool,
) -> dict[str, Any]:
  reason = result.finish_reason or {}
  choice = {
      "index": index, "message": {"role": "assistant", "content": result.text, "reasoning_content": None},
      "logprobs": {"content": _logprobs(service, request, result)} if request.return_logprob else None,
      "finish_reason": reason.get("type"), "matched_stop": reason.get("matched"),
  }
  return choice | ({"token_ids": list(result.output_ids)} if ids else {})


def _logprobs(service: Service, request: GenerateRequest, result: GenerateResult) -> list[dict[str, Any]]:
  def entry(logprob: float, index: int) -> dict[str, Any]:
    token = service.engine.tokenizer.decode([index], specials=True) if service.engine.tokenizer else str(index)
    return {"token": token, "bytes": list(token.encode()), "logprob": logprob}
  tops = result.output_top or ((),) * len(result.output_ids)
  return [entry(p, i) | {"top_logprobs": [entry(*other) for other in top]}
          for p, i, top in zip(result.output_logprobs, result.output_ids, tops, strict=True)]


class Deltas:
  """Turns cumulative results into chat.completion.chunk objects: a role first, then pieces of text, then the reason."""

  def __init__(self, service: Service, body: Mapping[str, Any], batch: wire.Batch):
    self._service, self._body, self._batch = service, body, batch
    self._id, self._created = new_rid(), int(time.time())
    self._sent: dict[int, int] = {}

  def __call__(self, index: int, result: GenerateResult) -> list[dict[str, Any]]:
    chunks = []
    if index not in self._sent:
      chunks.append(self._chunk(index, {"role": "assistant", "content": ""}, {}))
    sent = self._sent.get(index, 0)
    self._sent[index] = max(sent, len(result.text))
    reason = result.finish_reason or {}
    if len(result.text) > sent or reason:
      chunks.append(self._chunk(index, {"content": result.text[sent:]}, reason))
    return chunks

  def _chunk(self, index: int, delta: dict[str, Any], reason: Mapping[str, Any]) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason.get("type"),
              "matched_stop": reason.get("matched")}
    return {"id": self._id, "object": "chat.completion.chunk", "created": self._created,
            "model": self._body.get("model") or self._service.served_model_name, "choices": [choice]}
