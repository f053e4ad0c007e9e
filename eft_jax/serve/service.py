"""The routes without the sockets: JSON in, (status, JSON) out. The HTTP server and the embedded client share it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import jax

from eft_jax import models
from eft_jax.core.settings import ConfigError
from eft_jax.serve import chat, wire
from eft_jax.serve.engine import Engine
from eft_jax.serve.requests import GenerateRequest, QueueFull, RequestError, SamplingParams

Answer = tuple[int, Any]

# Weight transports that need torch on both sides, and what else has no counterpart here.
REFUSED = {
    "update_weights_from_tensor": "use /update_weights_from_disk",
    "update_weights_from_distributed": "use /update_weights_from_disk",
    "init_weights_update_group": "use /update_weights_from_disk",
    "load_lora_adapter_from_tensors": "use /load_lora_adapter",
    "release_memory_occupation": "not supported", "resume_memory_occupation": "not supported",
}


class Service:
  """An engine with a name, behind SGLang's routes.

  Args:
    model_path: where the weights came from; a weight update replaces it.
  """

  def __init__(self, engine: Engine, model_path: str = "", served_model_name: str = ""):
    self.engine, self.model_path = engine, model_path
    self.served_model_name = served_model_name or model_path
    self.created = int(time.time())

  def parse(self, body: Any) -> wire.Batch:
    """The requests of a /generate body. Raises RequestError."""
    tokenizer = self.engine.tokenizer
    encode = (lambda text: tokenizer.encode(text, specials=True)) if tokenizer else None
    return wire.parse_generate(body, self.engine.limits, encode)

  def submit(self, batch: wire.Batch) -> list[Future]:
    """Queues a parsed batch. Raises QueueFull."""
    return self.engine.submit(batch.requests)

  def answer(self, batch: wire.Batch, results: list[Any]) -> Any:
    """The JSON of a batch's results: one object, or a list."""
    objects = [self.object(batch, request, result) for request, result in zip(batch.requests, results, strict=True)]
    return objects[0] if batch.single else objects

  def object(self, batch: wire.Batch, request: GenerateRequest, result: Any) -> dict[str, Any]:
    """The JSON of one result."""
    tokenizer = self.engine.tokenizer
    token_text = (lambda index: tokenizer.decode([index], specials=True)) if tokenizer else None
    return wire.result_json(request, result, batch, token_text, has_text=tokenizer is not None)

  def generate(self, body: Any) -> Any:
    """Everything of a /generate call at once. Raises RequestError, QueueFull."""
    batch = self.parse(body)
    return self.answer(batch, [future.result() for future in self.submit(batch)])

  def chat(self, body: Any) -> Any:
    """Everything of a /v1/chat/completions call at once. Raises RequestError, QueueFull."""
    batch = chat.parse(self, body)
    return chat.answer(self, body, batch, [future.result() for future in self.submit(batch)])

  def handle(self, path: str, body: Any = None) -> Answer:
    """Any route, waiting for its answer: what the HTTP server does, without HTTP."""
    route = path.strip("/")
    try:
      if route in _CONTROLS:
        return self.control(route, body)
      if route == "flush_cache":
        return self.flush_cache()
      if route in ("health", "ready"):
        return (200 if self.engine.alive else 503), None
      if route in REFUSED:
        raise RequestError(f"/{route} is not available on this server: {REFUSED[route]}.")
      answers = {"model_info": self.model_info, "server_info": self.server_info, "v1/models": self.list_models,
                 "generate": lambda: self.generate(body), "v1/chat/completions": lambda: self.chat(body)}
      return (200, answers[route]()) if route in answers else (404, {"detail": "Not Found"})
    except RequestError as error:
      return 400, wire.error_json(error)
    except QueueFull as error:
      return 503, wire.error_json(error)

  def probe(self) -> Future:
    """One token from the whole machine: what /health_generate asks for."""
    return self.engine.submit([GenerateRequest((0,), SamplingParams(max_new_tokens=1, temperature=0.0))])[0]

  # Information.

  def model_info(self) -> dict[str, Any]:
    """SGLang's keys, and `engine`, `vocab_size` and `max_model_len`, which clients check against."""
    config = self.engine.config
    return {
        "model_path": self.model_path, "served_model_name": self.served_model_name,
        "tokenizer_path": self.model_path if self.engine.tokenizer else None, "is_generation": True,
        "preferred_sampling_params": None, "weight_version": self.engine.version, "load_format": "auto",
        "reasoning_parser": None, "tool_call_parser": None, "disaggregation_mode": "null",
        "has_image_understanding": False, "has_audio_understanding": False, "model_type": config.family,
        "architectures": [f"{config.family.capitalize()}ForCausalLM"],
        "engine": "eft_jax", "vocab_size": config.vocab_size, "max_model_len": self.engine.max_length,
    }

  def server_info(self) -> dict[str, Any]:
    """Settings and load."""
    from importlib import metadata
    try:
      version = metadata.version("eft_jax")
    except metadata.PackageNotFoundError:
      version = "source"
    return self.model_info() | {
        "dtype": str(self.engine.dtype), "max_total_tokens": self.engine.max_length * self.engine.slots,
        "max_running_requests": self.engine.slots, "max_queued_requests": self.engine.max_waiting,
        "device": jax.default_backend(), "version": version, "paused": self.engine.paused,
        "internal_states": [self.engine.load()],
    }

  def list_models(self) -> dict[str, Any]:
    """/v1/models."""
    card = lambda name, root, parent, length: {
        "id": name, "object": "model", "created": self.created, "owned_by": "sglang", "root": root, "parent": parent,
        "max_model_len": length}
    own = self.served_model_name
    return {"object": "list", "data": [card(own, own, None, self.engine.max_length)] + [
        card(name, path, own, None) for name, path in self.engine.adapters.loaded.items()]}

  # Control.

  def flush_cache(self) -> tuple[int, str]:
    """Plain text, and 400 while requests run, as in SGLang: callers poll."""
    if self.engine.flush():
      return 200, "Cache flushed.\nPlease check backend logs for more details. (When there are running or waiting " \
                  "requests, the operation will not be performed.)\n"
    return 400, "Cache not flushed: requests are running or waiting.\n"

  def control(self, route: str, body: Any) -> Answer:
    """A route below that takes a JSON object. Raises RequestError."""
    if not isinstance(body, Mapping):
      raise RequestError(f"The body must be a JSON object, got {type(body).__name__}.")
    return _CONTROLS[route](self, body)

  def pause_generation(self, body: Mapping[str, Any]) -> Answer:
    self.engine.pause(body.get("mode") or "abort")
    return 200, {"message": "Generation paused successfully.", "status": "ok"}

  def continue_generation(self, body: Mapping[str, Any]) -> Answer:
    self.engine.resume()
    return 200, {"message": "Generation continued successfully.", "status": "ok"}

  def abort_request(self, body: Mapping[str, Any]) -> Answer:
    rid = body.get("rid")
    if body.get("abort_all"):
      self.engine.abort()
    elif isinstance(rid, str) and rid:
      self.engine.abort(rid)
    else:
      raise RequestError("abort_request needs a rid (string) or abort_all (true).")
    return 200, None

  def update_weights_from_disk(self, body: Mapping[str, Any]) -> Answer:
    """Loads a checkpoint beside the served weights and swaps it in. Whatever is wrong with it, the old ones stay."""
    path, version = body.get("model_path"), body.get("weight_version")
    if not isinstance(path, str) or not path:
      raise RequestError("update_weights_from_disk needs model_path (string).")
    if version is not None and not isinstance(version, str):
      raise RequestError("weight_version must be a string.")
    try:
      loaded = models.load(path, self.engine.dtype)
      _check_same_model(self.engine.config, loaded.config)
      if body.get("abort_all_requests"):
        self.engine.abort()
      count = self.engine.update_weights(loaded.params, version)
    except (ConfigError, RequestError, OSError, ValueError, KeyError) as error:
      return 400, {"success": False, "message": f"Failed to update weights: {error} Rolling back to original weights.",
                   "num_paused_requests": 0}
    self.model_path = self.served_model_name = path
    message = "Succeeded to update model weights."
    if version is not None:
      message += f" Weight version updated to {version}."
    return 200, {"success": True, "message": message, "num_paused_requests": count}

  def load_lora_adapter(self, body: Mapping[str, Any]) -> Answer:
    """Adds an adapter out of a PEFT folder. Whatever is wrong with it, nothing changes."""
    name, path = body.get("lora_name"), body.get("lora_path")
    try:
      self.engine.adapters.check_name(name)  # before a file is read
      if not isinstance(path, str) or not path:
        raise RequestError("load_lora_adapter needs lora_path (string), a folder with adapter_config.json.")
      adapters = models.peft.read(self.engine.config, path)
      return lora_answer(self.engine.adapters.load(name, adapters, path))
    except (ConfigError, RequestError, OSError, ValueError, KeyError, TypeError) as error:
      reason = f"no {error} in it" if isinstance(error, KeyError) else error
      return lora_answer(self.engine.adapters.loaded, f"Failed to load LoRA adapter {name!r} from {path!r}: {reason}")

  def begin_unload(self, body: Any) -> Future:
    """Takes an adapter's name away; the future says when its last request is done. Raises RequestError."""
    if not isinstance(body, Mapping) or not isinstance(body.get("lora_name"), str):
      raise RequestError("unload_lora_adapter needs lora_name (string).")
    return self.engine.adapters.unload(body["lora_name"])

  def unload_lora_adapter(self, body: Mapping[str, Any]) -> Answer:
    """Waits for the requests that use the adapter, as SGLang does; new ones are refused at once."""
    try:
      return lora_answer(self.begin_unload(body).result())
    except RequestError as error:
      return lora_answer(self.engine.adapters.loaded, str(error))

  def update_weight_version(self, body: Mapping[str, Any]) -> Answer:
    version = body.get("new_version")
    if not isinstance(version, str) or not version:
      raise RequestError("update_weight_version needs new_version (string).")
    if body.get("abort_all_requests", True):
      self.engine.abort()
    self.engine.set_version(version)
    return 200, {"success": True, "message": f"Weight version updated to {version}", "new_version": version}


def lora_answer(loaded: Mapping[str, str], error: str = "") -> Answer:
  """What SGLang answers to a load or unload."""
  return 400 if error else 200, {"rid": None, "http_worker_ipc": None, "success": not error, "error_message": error,
                                 "loaded_adapters": dict(loaded)}


def _check_same_model(served: models.ModelConfig, found: models.ModelConfig) -> None:
  """Raises RequestError where another config would read the same shapes differently. Either kind of head runs."""
  free = {"tie_embeddings": served.tie_embeddings, "max_length": served.max_length}
  if dataclasses.replace(found, **free) != served:
    fields = [field.name for field in dataclasses.fields(served) if field.name not in free]
    different = [f"{name} is {getattr(found, name)}, served {getattr(served, name)}" for name in fields
                 if getattr(found, name) != getattr(served, name)]
    raise RequestError(f"The checkpoint is of another model: {'; '.join(different)}.")


_CONTROLS: dict[str, Callable[[Service, Mapping[str, Any]], Answer]] = {
    route: getattr(Service, route) for route in (
        "pause_generation", "continue_generation", "abort_request", "update_weights_from_disk",
        "update_weight_version", "load_lora_adapter", "unload_lora_adapter")}
