"""Settings of the server, and what it takes to bring one up."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Callable
from typing import Any, Literal

from eft_jax.core.settings import ConfigError, changeable


@dataclasses.dataclass(frozen=True)
class SglangSettings:
  """What only a real SGLang needs to know.

  Attributes:
    python: interpreter of the environment that has SGLang.
    start_seconds: until it must be ready.
    flags: more of SGLang's own flags, as on its command line, for example '--tp-size 2'.
  """

  python: str = changeable(".venv_sglang/bin/python")
  start_seconds: float = changeable(900.0)
  flags: str = changeable("")

  def __post_init__(self):
    if not self.start_seconds > 0:
      raise ConfigError(f"config.sglang.start_seconds is {self.start_seconds}, expected a positive number.")


@dataclasses.dataclass(frozen=True)
class ServeSettings:
  """What is served, and where. All may differ when the command is run again in the same work directory.

  Attributes:
    engine: 'jax', in this process, or 'sglang', a real SGLang that this command starts and ends.
    model: name, GGUF file or Hugging Face folder, as for models.load.
    host, port: address; port 0 takes a free one (see server.json in the work directory).
    served_model_name: shown by /v1/models; '' is `model`.
    weight_version: name of these weights until an update brings another.
    dtype: of parameters, activations and cache.
    slots: sequences decoded at a time. max_length: tokens of prompt and output together.
    max_waiting: requests that may wait for a slot before /generate answers 503.
    block: tokens per device call; of the JAX engine only.
    seed: of the seeds drawn for requests that bring none.
    deterministic: the same request and seed give the same bits in any company, at the cost of always running all
      `slots`; of the JAX engine only.
    max_lora_rank: of what /load_lora_adapter takes; a real SGLang reserves memory for it. max_loaded_loras: at a
      time; 0 is none.
    warm_up: compile and run once before the server says that it listens.
  """

  engine: Literal["jax", "sglang"] = changeable("jax")
  model: str = changeable("smollm2_135m")
  host: str = changeable("127.0.0.1")
  port: int = changeable(30000)
  served_model_name: str = changeable("")
  weight_version: str = changeable("default")
  dtype: Literal["float32", "bfloat16"] = changeable("float32")
  slots: int = changeable(32)
  max_length: int = changeable(2048)
  max_waiting: int = changeable(1024)
  block: int = changeable(8)
  seed: int = changeable(0)
  deterministic: bool = changeable(False)
  max_lora_rank: int = changeable(64)
  max_loaded_loras: int = changeable(16)
  warm_up: bool = changeable(True)
  sglang: SglangSettings = SglangSettings()

  def __post_init__(self):
    if not 0 <= self.port < 65536:
      raise ConfigError(f"config.port is {self.port}, expected 0 to 65535.")
    for name, least in (("slots", 1), ("max_length", 2), ("max_waiting", 1), ("block", 1),
                        ("max_lora_rank", 1), ("max_loaded_loras", 0)):
      if getattr(self, name) < least:
        raise ConfigError(f"config.{name} is {getattr(self, name)}, expected at least {least}.")
    # A key of the engine that is not chosen would do nothing.
    for other in {"jax": ("sglang",), "sglang": ("block", "deterministic")}[self.engine]:
      if getattr(self, other) != type(self).__dataclass_fields__[other].default:
        raise ConfigError(f"config.{other} is set, and config.engine={self.engine} does not read it.")


class Serving:
  """A server that runs: load the model, listen, warm up; `with Serving(settings, ...) as serving`."""

  def __init__(self, settings: ServeSettings, workdir: pathlib.Path, say: Callable[[str], None] = lambda text: None):
    self._settings, self._workdir, self._say = settings, workdir, say

  def __enter__(self) -> Serving:
    from eft_jax.serve import server
    settings = self._settings
    sock = server.listen(settings.host, settings.port)  # a taken port fails before the model is loaded
    try:
      self.engine = load_engine(settings)
      from eft_jax.serve.service import Service
      service = Service(self.engine, settings.model, settings.served_model_name)
      if settings.warm_up:
        self._say("warming up")
        self.engine.warm_up()
      self._server = server.HttpServer(service, sock)
      self._server.start()
    except BaseException:
      sock.close()
      if hasattr(self, "engine"):
        self.engine.close()
      raise
    self.url = self._server.url
    write_json(self._workdir / "server.json", {"url": self.url, "pid": os.getpid(), "model": settings.model})
    self._say(f"listening on {self.url}")
    return self

  def wait(self) -> None:
    """Until the server ends, or a signal handler raises."""
    while self._server.alive and self.engine.alive:
      time.sleep(0.5)
    raise RuntimeError("The server ended by itself; see the log above.")

  def results(self) -> dict[str, Any]:
    """For the summary of the run."""
    return {"url": self.url, "generated_tokens": self.engine.generated_tokens}

  def __exit__(self, *_: Any) -> None:
    (self._workdir / "server.json").unlink(missing_ok=True)
    self.engine.close()  # first: aborted requests still get their answers
    self._server.stop()


def load_engine(settings: ServeSettings) -> Any:
  """An engine over the settings' model. Raises ConfigError."""
  import jax.numpy as jnp

  from eft_jax import models, text
  from eft_jax.serve.engine import Engine
  dtype = jnp.dtype(settings.dtype)
  loaded = models.load(settings.model, dtype)
  return Engine(loaded.config, loaded.params, text.Tokenizer.load(settings.model), slots=settings.slots,
                max_length=settings.max_length, dtype=dtype, version=settings.weight_version,
                max_waiting=settings.max_waiting, block=settings.block, seed=settings.seed,
                max_lora_rank=settings.max_lora_rank, max_loaded_loras=settings.max_loaded_loras,
                deterministic=settings.deterministic)


def free_port(host: str, port: int) -> int:
  """`port`, or a free one for 0. Raises ConfigError where it is taken."""
  from eft_jax.serve import server
  with server.listen(host, port) as sock:
    return sock.getsockname()[1]


def write_json(path: pathlib.Path, value: Any) -> None:
  """Whole or not at all: others wait for this file."""
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_name(path.name + ".tmp")
  temporary.write_text(json.dumps(value) + "\n")
  os.replace(temporary, path)
