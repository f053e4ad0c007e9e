"""Adapters by name: LoRA weights beside one base model, counted while requests use them."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import jax
import jax.numpy as jnp

from eft_jax import models
from eft_jax.serve.requests import RequestError


@dataclasses.dataclass(eq=False)
class Adapter:
  """One set of adapter weights. A name that is loaded again is another object: nothing is mistaken for its forerunner.

  Attributes:
    name: None is the base model.
    tree: `lora_a` and `lora_b` (scaled) beside the kernels of unstacked params.
    users: requests that wait, run or are frozen with it. turn: when it was decoded last.
    gone: set while it is being unloaded.
  """

  name: str | None = None
  path: str = ""
  tree: Any = dataclasses.field(default_factory=dict)
  users: int = 0
  turn: int = 0
  gone: Future | None = None

  def over(self, params: Any) -> Any:
    """The base's params with this adapter beside its kernels; nothing is copied."""
    return _join(params, self.tree)


class Adapters:
  """The loaded adapters of an engine. Every method may be called from any thread.

  A name stands for one set of weights from load to unload, and requests that have begun with it end with it: a caller
  who trains an adapter loads each version under a new name, and unloads the old one.

  Args:
    max_rank, max_loaded: what is refused beyond; adapters are held in the engine's dtype.
  """

  def __init__(self, config: models.ModelConfig, dtype: Any, max_rank: int, max_loaded: int):
    self.base = Adapter()
    self._config, self._dtype, self._max_rank, self._max_loaded = config, dtype, max_rank, max_loaded
    self._lock = threading.Lock()
    self._loaded: dict[str, Adapter] = {}
    self._leaving: dict[str, Adapter] = {}

  @property
  def loaded(self) -> dict[str, str]:
    """Name to path."""
    with self._lock:
      return {name: adapter.path for name, adapter in self._loaded.items()}

  def load(self, name: str, adapters: models.lora.Adapters, path: str = "") -> dict[str, str]:
    """Adds an adapter; returns `loaded`. Raises RequestError, with nothing changed: a bad name, weights or number."""
    self.check_name(name)
    check(self._config, adapters, self._max_rank)
    adapter = Adapter(name, path, prepare(self._config, adapters, self._dtype))
    with self._lock:
      self._check_free(name)
      self._loaded[name] = adapter
    return self.loaded

  def check_name(self, name: Any) -> None:
    """Raises RequestError where an adapter of this name could not be loaded."""
    if not isinstance(name, str) or not name.strip() or name != name.strip():
      raise RequestError(f"lora_name must be a non-empty string without spaces around it, got {name!r}.")
    with self._lock:
      self._check_free(name)

  def _check_free(self, name: str) -> None:
    if name in self._loaded:
      raise RequestError(f"Failed to load LoRA adapter {name} because it is already loaded: unload it first, or take a "
                         "new name for new weights.")
    if name in self._leaving:
      raise RequestError(f"LoRA adapter {name!r} has an incomplete unload: {self._leaving[name].users} requests still "
                         "use it.")
    if len(self._loaded) + len(self._leaving) >= self._max_loaded:
      raise RequestError(f"Failed to load LoRA adapter {name}: {self._max_loaded} are loaded (max_loaded_loras). "
                         "Unload one first.")

  def unload(self, name: str) -> Future:
    """Takes a name away at once, and its weights once no request uses them, as SGLang does.

    Returns:
      A future of what `loaded` is then. While generation is paused it may wait for long.

    Raises:
      RequestError: no adapter of that name.
    """
    with self._lock:
      adapter = self._leaving.get(name) or self._loaded.pop(name, None)
      if adapter is None:
        raise RequestError(f"LoRA with name {name} does not exist. Loaded LoRAs: {sorted(self._loaded)}")
      if adapter.gone is None:
        adapter.gone = Future()
        adapter.gone.set_running_or_notify_cancel()  # several callers may wait for it: none can cancel it
        self._leaving[name] = adapter
    self._settle(adapter)
    return adapter.gone

  def acquire(self, names: Sequence[str | None]) -> list[Adapter]:
    """The adapters of requests that come; `release` each when it is answered. Raises RequestError: an unknown name."""
    with self._lock:
      for name in names:
        if name is not None and name not in self._loaded:
          raise RequestError(f"The following requested LoRA adapters are not loaded: {name}\nLoaded adapters: "
                             f"{sorted(self._loaded)}.")
      found = [self.base if name is None else self._loaded[name] for name in names]
      for adapter in found:
        adapter.users += 1
    return found

  def release(self, adapter: Adapter) -> None:
    """One request less."""
    with self._lock:
      adapter.users -= 1
    self._settle(adapter)

  def _settle(self, adapter: Adapter) -> None:
    """Finishes an unload that nobody stands in the way of any more."""
    with self._lock:
      if adapter.gone is None or adapter.users or self._leaving.pop(adapter.name, None) is None:
        return
      adapter.tree = {}
    adapter.gone.set_result(self.loaded)

  def next(self, candidates: Sequence[Adapter]) -> Adapter:
    """Whose turn it is to be decoded: of those with running requests, the one that waited longest."""
    chosen = min(candidates, key=lambda adapter: adapter.turn)
    chosen.turn = max(adapter.turn for adapter in candidates) + 1
    return chosen


def prepare(config: models.ModelConfig, adapters: models.lora.Adapters, dtype: Any) -> Any:
  """The adapter's arrays as decoding wants them: in single layers, the scale inside b, in the compute dtype."""
  tree = models.lora.apply({}, adapters)
  layers = tree.get("layers", {})
  whole = {str(place): layers.get(str(place), {}) for place in range(len(config.pattern))}
  # The copy is the engine's: a trainer may give its own arrays away.
  return jax.tree.map(lambda x: jnp.array(x, dtype, copy=True), models.unstack(config, tree | {"layers": whole}))


def check(config: models.ModelConfig, adapters: models.lora.Adapters, max_rank: int) -> None:
  """Raises RequestError unless every pair of matrices fits a kernel of the config, with a rank of at most max_rank."""
  if not isinstance(adapters, models.lora.Adapters):
    raise RequestError(f"An adapter must be of models.lora.Adapters, got {type(adapters).__name__}.")
  kernels = models.abstract(dataclasses.replace(config, tie_embeddings=False))  # a tied head can be adapted too
  pairs = 0

  def walk(tree: Any, kernels: Any, path: str) -> None:
    nonlocal pairs
    if not isinstance(tree, dict):
      raise RequestError(f"The adapter does not fit the served model: {path} is no part of an adapter.")
    if "lora_a" not in tree and "lora_b" not in tree:
      for name, child in tree.items():
        below = kernels.get(name) if isinstance(kernels, dict) else None
        if below is None:
          raise RequestError(f"The adapter does not fit the served model: it has no {path}{name} to adapt.")
        walk(child, below, f"{path}{name}.")
      return
    if tree.keys() != {"lora_a", "lora_b"} or "kernel" not in kernels:
      raise RequestError(f"The adapter does not fit the served model: {path[:-1]} has {', '.join(sorted(tree))}, "
                         "expected lora_a and lora_b beside a kernel.")
    pairs += 1
    *stack, rows, columns = kernels["kernel"].shape
    found, rank = (tree["lora_a"].shape, tree["lora_b"].shape), tree["lora_a"].shape[-1]
    if found != ((*stack, rows, rank), (*stack, rank, columns)):
      raise RequestError(f"The adapter does not fit the served model: {path[:-1]} has shapes {found[0]} and "
                         f"{found[1]}, expected {(*stack, rows, rank)} and {(*stack, rank, columns)}.")
    if rank > max_rank:
      raise RequestError(f"The adapter's rank is {rank} at {path[:-1]}, above max_lora_rank {max_rank}.")

  walk(adapters.tree, kernels, "")
  if not pairs:
    raise RequestError("The adapter adapts nothing.")


def _join(node: Any, tree: Any) -> Any:
  """Puts the arrays of `tree` into `node`, of the same layout."""
  if isinstance(tree, tuple):
    return tuple(_join(*pair) for pair in zip(node, tree, strict=True))
  if isinstance(tree, dict):
    return node | {name: _join(node.get(name, {}), child) for name, child in tree.items()}
  return tree
