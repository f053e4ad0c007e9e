"""How an output ends: stop strings, stop tokens, length; and the result that is made of it."""

from __future__ import annotations

import time
from typing import Any

from eft_jax.serve.requests import GenerateResult
from eft_jax.serve.slots import Job

# A stop string may have begun in tokens before the new ones: in as many as it has bytes, and some that show no text.
_MARGIN = 64


def natural_end(job: Job) -> dict[str, Any]:
  """The reason of a job that the device stopped. At the length limit it is the length, whatever the last token is."""
  limit = job.request.sampling.max_new_tokens
  if len(job.output) >= limit:
    return {"type": "length", "length": limit}
  return {"type": "stop", "matched": job.output[-1]}


def find_stop_string(job: Job, tokenizer: Any) -> dict[str, Any] | None:
  """Looks for stop strings in the tokens that are new since the last call; cuts the output behind the first match."""
  stops = job.request.sampling.stop
  start, job.searched = job.searched, len(job.output)
  if not stops or start == len(job.output):
    return None
  window = max(0, start - _MARGIN - max(len(stop.encode()) for stop in stops))
  text = tokenizer.decode(job.output[window:])
  if not any(stop in text for stop in stops):
    return None
  for end in range(start + 1, len(job.output) + 1):
    text = tokenizer.decode(job.output[window:end])
    matched = next((stop for stop in stops if stop in text), None)
    if matched is not None:
      if end == job.request.sampling.max_new_tokens:
        return None  # the length limit comes first, as in SGLang
      _cut(job, end)
      return {"type": "stop", "matched": matched}
  return None


def _cut(job: Job, end: int) -> None:
  """Drops what was written behind the stop."""
  del job.output[end:], job.logprobs[end:], job.top[end:]
  job.spans = [[version, first, min(last, end)] for version, first, last in job.spans if first < end]


def output_text(job: Job, reason: dict[str, Any] | None, tokenizer: Any) -> str:
  """The output as text, without the stop token or from the stop string on, unless no_stop_trim asks for them."""
  params, ids = job.request.sampling, job.output
  matched = reason.get("matched") if reason else None
  if isinstance(matched, int) and not params.no_stop_trim:
    ids = ids[:-1]
  text = tokenizer.decode(ids, specials=not params.skip_special_tokens)
  if isinstance(matched, str) and not params.no_stop_trim:
    return text[:text.find(matched)] if matched in text else text
  return _settled(text, params.stop) if reason is None else text


def _settled(text: str, stops: tuple[str, ...]) -> str:
  """Text of an unfinished output without what more tokens may take back: half a character, half a stop string."""
  text = text.rstrip("\N{REPLACEMENT CHARACTER}")
  held = max((size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)
  return text[:len(text) - held]


def result(job: Job, reason: dict[str, Any] | None, tokenizer: Any, version: str) -> GenerateResult:
  """The job's result as of now; `reason` None while it runs."""
  request = job.request
  spans = tuple((v, s, e) for v, s, e in job.spans) or ((version, 0, 0),)
  return GenerateResult(
      rid=request.rid, prompt_tokens=len(request.input_ids),
      text=output_text(job, reason, tokenizer) if tokenizer else "",
      output_ids=tuple(job.output), output_logprobs=tuple(job.logprobs), input_logprobs=job.input_logprobs,
      output_top=tuple(job.top), input_top=job.input_top, finish_reason=reason, weight_versions=spans,
      forced=tuple((s, min(e, len(job.output))) for s, e in (job.thinking.forced if job.thinking else ())
                   if s < len(job.output)),
      reasoning_tokens=min(job.thinking.tokens, len(job.output)) if job.thinking else 0, cached_tokens=job.cached,
      num_retractions=job.retractions, seconds=time.monotonic() - job.submitted)
