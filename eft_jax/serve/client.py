"""One client for every server that speaks SGLang's protocol: over HTTP, or an engine in this process.

It guards against what a real SGLang server does not survive or does not say plainly: ids outside the vocabulary, a
checkpoint or an adapter of another shape, weights that were updated although the answer is 400.
"""

from __future__ import annotations

import ipaddress
import math
import pathlib
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from eft_jax.serve import folders

# Fields of one request; in a batch each becomes a list.
_FIELDS = ("input_ids", "text", "sampling_params", "return_logprob", "logprob_start_len", "top_logprobs_num", "rid",
           "lora_path", "max_thinking_tokens")
_DEFAULTS = {"sampling_params": {}, "return_logprob": False, "logprob_start_len": -1, "top_logprobs_num": 0,
             "lora_path": None, "max_thinking_tokens": None}
PROBE_IDS = (3, 5, 7, 11, 13, 17, 19, 23)


class ServerError(RuntimeError):
  """The server refused, failed, or is not there. `status` is the HTTP status, or None where none came back."""

  def __init__(self, message: str, status: int | None = None):
    super().__init__(message)
    self.status = status


class _Methods:
  """The calls, over any transport."""

  vocab_size: int | None = None

  def _send(self, method: str, path: str, body: Any = None, *, retry: bool = True) -> tuple[int, Any]:
    """Status, and the answer: JSON, or text where it is none. Raises ServerError where there is no answer."""
    raise NotImplementedError

  def _get(self, path: str) -> Any:
    return _checked(path, *self._send("GET", path))

  def _post(self, path: str, body: Mapping[str, Any], *, retry: bool = False) -> Any:
    return _checked(path, *self._send("POST", path, body, retry=retry))

  def generate(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sends requests as one batch and returns SGLang's objects in order (with n samples each, prompt by prompt).

    Args:
      requests: of `input_ids` or `text`, `sampling_params`, `return_logprob`, `logprob_start_len`,
        `top_logprobs_num`, `rid`, `lora_path` (name of a loaded adapter), `max_thinking_tokens`. Requests with
        different `n` travel in one call per n.

    Raises:
      ValueError: unknown field, or ids outside the vocabulary. ServerError: see its `status`.
    """
    for request in requests:
      self._check(request)
    groups: dict[int, list[int]] = {}
    for index, request in enumerate(requests):
      groups.setdefault(int((request.get("sampling_params") or {}).get("n") or 1), []).append(index)
    answers: list[list[dict[str, Any]]] = [[] for _ in requests]
    for n, indices in groups.items():
      found = self._post("/generate", _batch([requests[index] for index in indices]), retry=True)
      if not isinstance(found, list) or len(found) != n * len(indices):
        raise ServerError(f"/generate answered {n * len(indices)} samples with {_short(found)}.")
      for place, index in enumerate(indices):
        answers[index] = found[place * n:(place + 1) * n]
    return [answer for group in answers for answer in group]

  def _check(self, request: Mapping[str, Any]) -> None:
    unknown = request.keys() - set(_FIELDS)
    if unknown:
      raise ValueError(f"Unknown request field {sorted(unknown)[0]!r}, expected some of {', '.join(_FIELDS)}.")
    if (request.get("input_ids") is None) == (request.get("text") is None):
      raise ValueError("A request needs exactly one of input_ids and text.")
    ids = request.get("input_ids")
    if ids is None:
      return
    if not len(ids):
      raise ValueError("input_ids cannot be empty.")
    size = self.vocabulary()
    if min(ids) < 0 or (size is not None and max(ids) >= size):
      wrong = min(ids) if min(ids) < 0 else max(ids)
      raise ValueError(f"input_ids holds {wrong}, outside the vocabulary of {size}: is this the tokenizer of the "
                       "served model?")

  def vocabulary(self) -> int | None:
    """Vocabulary size: given, or told by the server, or in the config.json of a local checkpoint; None is unknown."""
    if self.vocab_size is None:
      info = self.model_info()
      config = folders.read_json(pathlib.Path(info.get("model_path") or "/nonexistent") / "config.json")
      self.vocab_size = info.get("vocab_size") or config.get("vocab_size") or 0
    return self.vocab_size or None

  def score(self, prompts: Sequence[Sequence[int]], lora: str | None = None) -> list[list[float]]:
    """Log-probs of each prompt's tokens but the first, under the served model, or under the adapter named `lora`."""
    answers = self.generate([{"input_ids": list(ids), "sampling_params": {"max_new_tokens": 0, "temperature": 0.0},
                              "return_logprob": True, "logprob_start_len": 0, "lora_path": lora} for ids in prompts])
    return [[entry[0] for entry in answer["meta_info"]["input_token_logprobs"][1:]] for answer in answers]

  def chat(self, messages: Sequence[Mapping[str, str]], **options: Any) -> dict[str, Any]:
    """/v1/chat/completions."""
    return self._post("/v1/chat/completions", {"messages": list(messages), **options}, retry=True)

  def health(self) -> bool:
    """Whether the server says it is well; False too where there is none."""
    try:
      return self._send("GET", "/health", retry=False)[0] == 200
    except ServerError:
      return False

  def model_info(self) -> dict[str, Any]:
    """/model_info."""
    return self._get("/model_info")

  def server_info(self) -> dict[str, Any]:
    """/server_info."""
    return self._get("/server_info")

  def flush_cache(self, tries: int = 60, seconds: float = 0.5) -> None:
    """Drops cached prompts; waits while requests run."""
    for attempt in range(tries):
      status, answer = self._send("POST", "/flush_cache", {})
      if status == 200:
        return
      if attempt + 1 < tries:
        time.sleep(seconds)
    raise ServerError(f"/flush_cache: {_short(answer)} ({tries} tries)", status)

  def pause_generation(self, mode: str = "abort") -> dict[str, Any]:
    """/pause_generation: 'abort', 'retract' or 'in_place'. Forgetting `continue_generation` hangs every request."""
    return self._post("/pause_generation", {"mode": mode})

  def continue_generation(self) -> dict[str, Any]:
    """/continue_generation."""
    return self._post("/continue_generation", {})

  def abort_request(self, rid: str | None = None, abort_all: bool = False) -> None:
    """Ends the requests whose id begins with `rid`, or all. Raises ValueError where it is neither."""
    if bool(rid) == abort_all:  # a real server takes an empty rid for the beginning of every one
      raise ValueError(f"abort_request needs either rid or abort_all, got rid={rid!r}, abort_all={abort_all}.")
    self._post("/abort_request", {"rid": rid or "", "abort_all": abort_all})

  def update_weights_from_disk(self, path: str | pathlib.Path, version: str, **options: Any) -> dict[str, Any]:
    """Loads a checkpoint into the server under a version name.

    For requests in flight use `sync_weights`, which pauses first.

    Raises:
      ServerError: the server keeps its old weights.
    """
    self.check_checkpoint(path)
    body = {"model_path": _whole(path), "weight_version": version, **options}
    status, answer = self._send("POST", "/update_weights_from_disk", body, retry=False)
    message = answer.get("message", "") if isinstance(answer, Mapping) else _short(answer)
    if status != 200 and "Weights were updated" in message:
      self.flush_cache()  # the new weights are live, but cached prompts are the old ones'
      return answer
    if status != 200 or not answer.get("success"):
      raise ServerError(f"/update_weights_from_disk {path}: {message or _short(answer)}", status)
    return answer

  def update_weight_version(self, version: str, abort_all_requests: bool = True) -> dict[str, Any]:
    """/update_weight_version."""
    return self._post("/update_weight_version", {"new_version": version, "abort_all_requests": abort_all_requests})

  def sync_weights(
      self, path: str | pathlib.Path, version: str, *, probe_ids: Sequence[int] = PROBE_IDS,
      expected: Sequence[float] | None = None, tolerance: float = 1e-2,
  ) -> list[float]:
    """The safe order for a server with requests in flight: pause (retract), update, continue, verify.

    Args:
      probe_ids: a prompt that is scored after the update.
      expected: what the trainer says its log-probs are (as `score`: without the first token's).
      tolerance: largest accepted difference.

    Returns:
      The probe's log-probs.

    Raises:
      ServerError: not updated, or the answers are not those of the new weights.
    """
    self.pause_generation("retract")
    try:
      self.update_weights_from_disk(path, version)
    finally:
      self.continue_generation()
    return self._probe(probe_ids, expected, tolerance, f"After the update to weight version {version!r}",
                       version=version)

  def load_lora_adapter(
      self, name: str, path: str | pathlib.Path, *, probe_ids: Sequence[int] = PROBE_IDS,
      expected: Sequence[float] | None = None, tolerance: float = 1e-2,
  ) -> list[float]:
    """Loads an adapter (a PEFT folder) under a name that no loaded one has; requests use it as their `lora_path`.

    Args and returns: as `sync_weights`; the probe runs with the adapter.

    Raises:
      ServerError: the adapter is not there: it does not fit, or its answers were not those expected.
    """
    info = self.model_info()
    if fault := folders.adapter_fault(path, info.get("model_path"), fused=not _is_ours(info)):
      raise ServerError(f"/load_lora_adapter: {path} {fault}.", 400)
    self._change_adapters("/load_lora_adapter", {"lora_name": name, "lora_path": _whole(path)}, name, True)
    try:
      return self._probe(probe_ids, expected, tolerance, f"With adapter {name!r} of {path}", lora=name)
    except ServerError:
      self.unload_lora_adapter(name)
      raise

  def unload_lora_adapter(self, name: str) -> None:
    """Takes an adapter away once the requests that use it are done. Raises ServerError where there is none."""
    self._change_adapters("/unload_lora_adapter", {"lora_name": name}, name, False)

  def _change_adapters(self, path: str, body: Mapping[str, Any], name: str, there: bool) -> None:
    status, answer = self._send("POST", path, body, retry=False)
    if not isinstance(answer, Mapping) or status != 200 or not answer.get("success"):
      message = (answer.get("error_message") if isinstance(answer, Mapping) else None) or _short(answer)
      raise ServerError(f"{path} {name!r}: {message} (HTTP {status})", status)
    if (name in (answer.get("loaded_adapters") or {})) != there:
      raise ServerError(f"{path} {name!r}: said to have worked, but loaded are {_short(answer['loaded_adapters'])}.")

  def _probe(self, ids: Sequence[int], expected: Sequence[float] | None, tolerance: float, when: str, *,
             version: str | None = None, lora: str | None = None) -> list[float]:
    """The log-probs of a prompt, once the answer's version and they themselves are what they should be."""
    # The info routes of a real server can lag behind: what an answer says about itself counts.
    answer, = self.generate([{
        "input_ids": list(ids), "sampling_params": {"max_new_tokens": 1, "temperature": 0.0},
        "return_logprob": True, "logprob_start_len": 0, "lora_path": lora}])
    found = answer["meta_info"].get("weight_version")
    if version is not None and found != version:
      raise ServerError(f"{when} /generate answers with {found!r}.")
    logprobs = [entry[0] for entry in answer["meta_info"]["input_token_logprobs"][1:]]
    if not all(value is not None and math.isfinite(value) for value in logprobs):
      raise ServerError(f"{when} the probe's log-probs are {logprobs}.")
    if expected is not None:
      worst = max(abs(a - b) for a, b in zip(logprobs, expected, strict=True))
      if not worst <= tolerance:
        raise ServerError(f"{when} the probe's log-probs differ by {worst:.3g} from the expected ones (tolerance "
                          f"{tolerance:.3g}).")
    return logprobs

  def check_checkpoint(self, path: str | pathlib.Path) -> None:
    """Raises ServerError where a local checkpoint is visibly not one of the served model: a real server would die."""
    info = self.model_info()
    if fault := folders.checkpoint_fault(path, info.get("model_path"), any_head=_is_ours(info)):
      raise ServerError(f"/update_weights_from_disk: {path} {fault}.", 400)


class Client(_Methods):
  """Talks to a server by HTTP; may be used from several threads.

  Args:
    url: for example 'http://127.0.0.1:30000'.
    connect_seconds: how long to try where nobody listens, or the queue is full.
    timeout: seconds until an answer must be complete; None waits for ever.
    vocab_size: for checking ids, where the server does not tell.

  Raises:
    ValueError: the URL is none.
  """

  def __init__(self, url: str, *, connect_seconds: float = 10.0, timeout: float | None = None,
               vocab_size: int | None = None):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
      raise ValueError(f"Server URL {url!r} is none, expected for example http://127.0.0.1:30000.")
    self.url, self.vocab_size, self._connect_seconds = url.rstrip("/"), vocab_size, connect_seconds
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    # A proxy of the environment has no business between two processes of one machine.
    self._http = httpx.Client(base_url=self.url, timeout=httpx.Timeout(timeout, connect=5.0), limits=limits,
                              trust_env=not _is_local(parts.hostname))

  def close(self) -> None:
    """Closes the connections."""
    self._http.close()

  def __enter__(self) -> Client:
    return self

  def __exit__(self, *_: Any) -> None:
    self.close()

  def _send(self, method: str, path: str, body: Any = None, *, retry: bool = True) -> tuple[int, Any]:
    deadline, pause = time.monotonic() + self._connect_seconds, 0.1
    while True:
      late = time.monotonic() + pause > deadline
      try:
        response = self._http.request(method, path, json=body)
        if response.status_code != 503 or path != "/generate" or late:
          return response.status_code, _content(response)
      except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if late or (not retry and path == "/health"):
          raise ServerError(f"no server at {self.url} ({error}). Start one with launch/serve.py, or change the URL."
                            ) from error
      except httpx.TimeoutException as error:
        raise ServerError(f"the server at {self.url} did not answer {path} in time ({type(error).__name__})."
                          ) from error
      except httpx.TransportError as error:
        if late or not retry:  # only what changes nothing on the server is sent again
          raise ServerError(f"the server at {self.url} went away during {path} ({error or type(error).__name__})."
                            ) from error
      time.sleep(pause)
      pause = min(2 * pause, 2.0)


class Embedded(_Methods):
  """The same calls on an engine in this process: no socket, the same JSON."""

  def __init__(self, engine: Any, model_path: str = "", served_model_name: str = ""):
    from eft_jax.serve.service import Service  # imports jax, which a client of a server does without
    self.service = Service(engine, model_path, served_model_name)
    self.engine = engine
    self.vocab_size = engine.config.vocab_size

  def update_weights(self, params: Any, version: str) -> int:
    """Hands over parameters without a file; see Engine.update_weights."""
    return self.engine.update_weights(params, version)

  def load_adapter(self, name: str, adapters: Any) -> None:
    """Hands over models.lora.Adapters without a file; see serve.adapters.Adapters.load."""
    self.engine.adapters.load(name, adapters)

  def _send(self, method: str, path: str, body: Any = None, *, retry: bool = True) -> tuple[int, Any]:
    return self.service.handle(path, body)


def _batch(requests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """One /generate body; a field that no request has is left out."""
  body = {}
  for name in _FIELDS:
    values = [request.get(name) for request in requests]
    if all(value is None for value in values):
      continue
    if name not in _DEFAULTS and any(value is None for value in values):
      raise ValueError(f"{name} is given for some requests of a batch and not for others.")
    values = [_DEFAULTS[name] if value is None else value for value in values]
    body[name] = [list(value) for value in values] if name == "input_ids" else values
  return body


def _content(response: httpx.Response) -> Any:
  try:
    return response.json()
  except ValueError:
    return response.text


def _checked(path: str, status: int, answer: Any) -> Any:
  """The answer of a call that worked; ServerError with the server's own words for one that did not."""
  if status == 200:
    return answer
  message = answer
  if isinstance(answer, Mapping):
    message = answer.get("error") or answer.get("message") or answer.get("detail") or answer
    message = message.get("message", message) if isinstance(message, Mapping) else message
  raise ServerError(f"{path}: {_short(message)} (HTTP {status})", status)


def _short(value: Any) -> str:
  text = value if isinstance(value, str) else repr(value)
  return text if len(text) <= 400 else text[:397] + "..."


def _whole(path: str | pathlib.Path) -> str:
  """An absolute path where it is one of this machine: the server's working directory is another."""
  return str(pathlib.Path(path).absolute()) if pathlib.Path(path).exists() else str(path)


def _is_ours(info: Mapping[str, Any]) -> bool:
  """Whether /model_info comes from the JAX engine, which refuses what a real SGLang would not survive."""
  return info.get("engine") == "eft_jax"


def _is_local(host: str) -> bool:
  try:
    return ipaddress.ip_address(host).is_loopback
  except ValueError:
    return host == "localhost"
