"""Language models as proposers: token ids over SGLang's protocol, or text over any OpenAI-style chat endpoint."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from typing import Any

from eft_jax.core import Prompt, Response
from eft_jax.core.settings import ConfigError
from eft_jax.search.proposers import ProposerError, Request, Sampling, rough_tokens


class LLM:
  """Implements Proposer over a client of `serve`: one call per batch, and the tokens that were really read and written.

  Args:
    client: serve.Client or serve.Embedded; the caller closes it unless `close` is given.
    tokenizer: text.Tokenizer of the served model.
    name: stored with every attempt.
    concurrency: calls at a time; 1 keeps what an engine in this process computes the same from run to run.
    close: called when the search ends.
  """

  def __init__(self, client: Any, tokenizer: Any, name: str, concurrency: int = 1,
               close: Callable[[], None] = lambda: None):
    self.name, self.concurrency, self.close = name, concurrency, close
    self._client, self._tokenizer = client, tokenizer

  def count_tokens(self, prompt: Prompt) -> int:
    """Of a prompt as it is sent: budgets are exact without naming a tokenizer."""
    from eft_jax.text import render
    return len(render.prompt_ids(self._tokenizer, prompt))

  def propose(self, requests: Sequence[Request], adapter: str = "") -> list[Response]:
    """Answers in order; by the adapter of this name where one is given."""
    from eft_jax.serve import ServerError
    from eft_jax.text import render
    more = {"lora_path": adapter} if adapter else {}
    bodies = [{
        "input_ids": render.prompt_ids(self._tokenizer, request.prompt), "return_logprob": True, **more,
        **_thinking(request.sampling),
        "sampling_params": {
            "temperature": request.sampling.temperature, "top_p": request.sampling.top_p,
            "max_new_tokens": request.sampling.max_new_tokens, "sampling_seed": request.seed,
            "stop_token_ids": list(self._tokenizer.stop_ids)}} for request in requests]
    try:
      answers = self._client.generate(bodies)
    except ServerError as error:
      if error.status == 400:
        raise ConfigError(f"The server refuses the request: {error} See sampling.max_new_tokens, prompt.budget and "
                          "server.max_length.") from error
      raise ProposerError(str(error)) from error
    except ValueError as error:
      raise ConfigError(f"The request does not fit the served model: {error}") from error
    return [self._response(body["input_ids"], answer) for body, answer in zip(bodies, answers, strict=True)]

  def _response(self, prompt_ids: Sequence[int], answer: Any) -> Response:
    from eft_jax.text import render
    meta, ids = answer["meta_info"], tuple(answer["output_ids"])
    text = answer.get("text")
    reasoning, reply = render.parse(self._tokenizer.decode(list(ids)) if text is None else text)
    logprobs = tuple(entry[0] for entry in meta.get("output_token_logprobs") or ())
    finish = (meta.get("finish_reason") or {}).get("type", "stop")
    return Response(reply, reasoning, tuple(prompt_ids), ids, logprobs if len(logprobs) == len(ids) else (),
                    finish if finish in ("length", "abort") else "stop", str(meta.get("weight_version") or ""),
                    tuple((span["start"], span["end"]) for span in meta.get("forced_tokens") or ()), len(ids),
                    len(prompt_ids))


def _thinking(sampling: Sampling) -> dict[str, int]:
  return {"max_thinking_tokens": sampling.max_thinking_tokens} if sampling.max_thinking_tokens else {}


class OpenAI:
  """Implements Proposer over POST {url}/chat/completions; no token ids, so nothing for reinforcement learning."""

  def __init__(self, url: str, model: str, *, timeout: float = 600.0, key: str = "", concurrency: int = 1):
    import httpx
    self.name, self.concurrency = f"openai:{model}", concurrency
    self._url, self._model = url.rstrip("/"), model
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    self._http = httpx.Client(timeout=httpx.Timeout(timeout, connect=10.0), headers=headers)

  def close(self) -> None:
    self._http.close()

  def check(self) -> None:
    """Raises ConfigError where nobody answers; any HTTP answer will do."""
    import httpx
    try:
      self._http.get(f"{self._url}/models")
    except httpx.HTTPError as error:
      raise ConfigError(f"No server at {self._url} ({error}): start one, or change server.url.") from error

  def propose(self, requests: Sequence[Request]) -> list[Response]:
    if len(requests) == 1:
      return [self._one(requests[0])]
    with concurrent.futures.ThreadPoolExecutor(min(len(requests), 32)) as threads:
      return list(threads.map(self._one, requests))

  def _one(self, request: Request) -> Response:
    import httpx

    from eft_jax.text import render
    roles = (("system", request.prompt.system), ("user", request.prompt.user))
    body = {"model": self._model, "messages": [{"role": role, "content": text} for role, text in roles if text],
            "temperature": request.sampling.temperature, "top_p": request.sampling.top_p,
            "max_tokens": request.sampling.max_new_tokens, "seed": request.seed % 2**31}
    try:
      answer = self._http.post(f"{self._url}/chat/completions", json=body)
    except httpx.HTTPError as error:
      raise ProposerError(f"The server at {self._url} does not answer ({error or type(error).__name__}).") from error
    if answer.status_code in (408, 429) or answer.status_code >= 500:
      raise ProposerError(f"The server at {self._url} answers {answer.status_code}: {answer.text[:200]}",
                          _retry_after(answer.headers.get("retry-after", "")))
    if answer.status_code != 200:
      raise ConfigError(f"The server at {self._url} refuses the request ({answer.status_code}): {answer.text[:300]}")
    try:
      content = answer.json()
      choice, usage = content["choices"][0], content.get("usage") or {}
      message = choice["message"]
      text, thought = message.get("content") or "", message.get("reasoning_content") or message.get("reasoning") or ""
    except (ValueError, LookupError, TypeError, AttributeError) as error:
      raise ProposerError(f"The server at {self._url} answers no chat completion: {answer.text[:200]}") from error
    text, thought = (part.encode("utf-8", "replace").decode() for part in (text, thought))  # lone surrogates
    if not thought:
      thought, text = render.parse(text)
    return Response(text, thought, finish="length" if choice.get("finish_reason") == "length" else "stop",
                    tokens=_count(usage, "completion_tokens", f"{thought}{text}"),
                    prompt_tokens=_count(usage, "prompt_tokens", f"{request.prompt.system}{request.prompt.user}"))


def _count(usage: Any, name: str, text: str) -> int:
  """What an endpoint says it counted, or an estimate from the text."""
  told = usage.get(name) if isinstance(usage, dict) else None
  return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else rough_tokens(text)


def _retry_after(header: str) -> float:
  """Seconds of a Retry-After header; 0 for a date, which no endpoint for models sends, or nonsense."""
  try:
    seconds = float(header)
  except ValueError:
    return 0.0
  return min(seconds, 3600.0) if seconds > 0 else 0.0


def api_key(variable: str) -> str:
  """The key in an environment variable; '' for no variable. Raises ConfigError when it is not set."""
  if variable and variable not in os.environ:
    raise ConfigError(f"server.api_key_env names {variable}, which is not set in the environment.")
  return os.environ.get(variable, "") if variable else ""
