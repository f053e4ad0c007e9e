"""The one door to attention: `attend` picks a path for a layer, says once which and why, and every path equals
`reference`.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax.core.settings import ConfigError
from eft_jax.models import attention_mesh, blocked_attention, gpu_attention, sharding, splash_attention
from eft_jax.models.config import ModelConfig

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Layer:
  """All that decides on the path of an attention layer.

  Attributes:
    head_dim, dtype, window, softcap: of the layer; dtype is the name of q's.
    packed: rows may hold several documents; False promises one document at the front and padding behind it.
    platform, device: 'cpu', 'gpu' or 'tpu', and the device's own name.
    seq: devices over which the tokens of a row are divided.
    length: tokens of a row on one of them.
  """

  head_dim: int
  dtype: str = "bfloat16"
  window: int | None = None
  softcap: float | None = None
  packed: bool = True
  platform: str = "cpu"
  device: str = ""
  seq: int = 1
  length: int = 2048

  def name(self) -> str:
    """How the layer type is called in the log."""
    return "global" if self.window is None else f"window {self.window}"

  def uneven(self, tile: int) -> str | None:
    """What is wrong where tokens are divided but not in whole tiles; undivided rows are filled up instead."""
    if self.seq == 1 or self.length % tile == 0:
      return None
    return (f"the {self.length} tokens of a row on each of mesh.seq={self.seq} devices are no multiple of {tile}: "
            "change data.row_length")


class Path(NamedTuple):
  """One way to do attention.

  `run(q, k, v, segments, key_segments, start, window, softcap, packed)` attends from T queries that begin at place
  `start` of their rows (None: at the front) to the S keys of the whole rows. `refusal(layer)` says why it cannot.
  """

  run: Callable[..., jax.Array]
  refusal: Callable[[Layer], str | None]


def _run_reference(q, k, v, segments, key_segments, start, window, softcap, packed):
  del packed  # the mask says all
  return reference(q, k, v, causal_mask(segments, window, key_segments, start), softcap)


PATHS = {
    "splash": Path(splash_attention.run, splash_attention.refusal),
    "cudnn": Path(gpu_attention.run_cudnn, gpu_attention.refuse_cudnn),
    "tokamax": Path(gpu_attention.run_tokamax, gpu_attention.refuse_tokamax),
    "blocked": Path(blocked_attention.run, lambda layer: None),
    "reference": Path(_run_reference, lambda layer: None),
}
# What 'auto' tries, fastest first; the last takes every layer.
ORDER = {"tpu": ("splash", "blocked"), "gpu": ("cudnn", "tokamax", "blocked"), "cpu": ("blocked",)}


class Choice(NamedTuple):
  """The path of a layer, and for each faster one why it was not taken."""

  path: str
  passed_over: tuple[tuple[str, str], ...] = ()

  def __str__(self) -> str:
    return self.path + "".join(f"; not {path}: {why}" for path, why in self.passed_over)


def choose(layer: Layer, path: str = "auto") -> Choice:
  """The path that a layer takes.

  Raises:
    ConfigError: an unknown path, or one asked for by name that cannot do the layer.
  """
  if path == "auto":
    passed_over = []
    for name in ORDER.get(layer.platform, ORDER["cpu"]):
      why = PATHS[name].refusal(layer)
      if why is None:
        return Choice(name, tuple(passed_over))
      passed_over.append((name, why))
    raise AssertionError(f"no path for {layer}: the last of ORDER takes every layer")
  if path not in PATHS:
    raise ConfigError(f"Attention path {path!r} is unknown, expected 'auto' or one of {', '.join(PATHS)}.")
  why = PATHS[path].refusal(layer)
  if why is not None:
    raise ConfigError(f"Attention path {path!r} cannot do the {layer.name()} layers: {why}. Use 'auto' or another of "
                      f"{', '.join(PATHS)}.")
  return Choice(path)


def choices(config: ModelConfig, path: str = "auto", **where: Any) -> dict[str, Choice]:
  """The choice for each kind of attention layer of a model; `where` are the other fields of `Layer`.

  Raises:
    ConfigError: as `choose`.
  """
  return {kind: choose(Layer(config.head_dim, window=config.window if kind == "local" else None,
                             softcap=config.attention_softcap, **where), path)
          for kind in dict.fromkeys(config.pattern) if kind != "delta"}


def attend(
    q: Float[Array, "B T H E"], k: Float[Array, "B T K E"], v: Float[Array, "B T K E"], segments: Int[Array, "B T"], *,
    window: int | None = None, softcap: float | None = None, path: str = "auto", packed: bool = True,
) -> Float[Array, "B T H E"]:
  """Causal attention within the segments of packed rows; q comes scaled.

  On a mesh rows and heads stay where they are, and each device attends from its own tokens to those of the whole row.

  Args:
    segments: tokens see tokens of the same number at or before their own place in the row. Tokens of one number stand
      together.
    window: a token sees itself and the window - 1 before it; None is all.
    softcap: cap * tanh(score / cap); None is none.
    path: 'auto' or one of PATHS.
    packed: see `Layer`; without it what comes out for padding means nothing.

  Raises:
    ConfigError: as `choose`.
  """
  platform, device = sharding.device()
  layout = attention_mesh.Layout.of(q, k)
  layer = Layer(q.shape[3], q.dtype.name, window, softcap, packed, platform, device, layout.seq,
                q.shape[1] // layout.seq)
  choice = choose(layer, path)
  say_once(layer.name(), platform, choice)
  run = functools.partial(PATHS[choice.path].run, window=window, softcap=softcap, packed=packed)
  return layout.run(run, q, k, v, segments)


@functools.lru_cache(maxsize=64)
def say_once(layer: str, platform: str, choice: Choice) -> None:
  """Logs the path of a layer type once per process."""
  logger.info("attention: %s layers take on %s path %s", layer, platform, choice)


def causal_mask(
    segments: Int[Array, "B T"], window: int | None = None, key_segments: Int[Array, "B S"] | None = None,
    start: Int[Array, ""] | None = None,
) -> Bool[Array, "B T S"]:
  """[b, t, s]: whether token t sees token s; `start` is the place of the first t where the keys are of longer rows."""
  key_segments = segments if key_segments is None else key_segments
  places = jnp.arange(segments.shape[1]) + (0 if start is None else start)
  back = places[:, None] - jnp.arange(key_segments.shape[1])  # [T, S]
  near = back >= 0 if window is None else (back >= 0) & (back < window)
  return near[None] & (segments[:, :, None] == key_segments[:, None, :])


def reference(
    q: Float[Array, "B T H E"], k: Float[Array, "B S K E"], v: Float[Array, "B S K E"], mask: Bool[Array, "B T S"],
    softcap: float | None = None,
) -> Float[Array, "B T H E"]:
  """Plain grouped attention with fp32 softmax: the oracle of every other path. Scores [B, K, G, T, S] do exist."""
  batch, length, heads, size = q.shape
  q = q.reshape(batch, length, k.shape[2], heads // k.shape[2], size)
  scores = jnp.einsum("btkge,bske->bkgts", q, k, preferred_element_type=jnp.float32)
  weights = _weights(scores, mask, softcap).astype(v.dtype)
  out = jnp.einsum("bkgts,bske->btkge", weights, v, preferred_element_type=jnp.float32)
  return out.reshape(batch, length, heads, size).astype(q.dtype)


def _weights(scores: Float[Array, "B K G T S"], mask: Bool[Array, "B T S"], softcap: float | None) -> jax.Array:
  """Soft-capped, masked and normalised scores, in fp32."""
  if softcap is not None:
    scores = softcap * jnp.tanh(scores / softcap)
  return jax.nn.softmax(jnp.where(mask[:, None, None], scores, blocked_attention.MASKED), axis=-1)


def cached(
    q: Float[Array, "B T H E"], k: Float[Array, "B K S E"], v: Float[Array, "B K S E"], positions: Int[Array, "B T"],
    window: int | None = None, softcap: float | None = None,
) -> Float[Array, "B T H E"]:
  """Attention of new tokens on a cache whose entry s holds position s; q comes scaled."""
  back = positions[:, :, None] - jnp.arange(k.shape[2])  # [B, T, S]
  mask = back >= 0 if window is None else (back >= 0) & (back < window)
  grouped = q.reshape(*q.shape[:2], k.shape[1], -1, q.shape[3])
  scores = jnp.einsum("btkge,bkse->bkgts", grouped, k, preferred_element_type=jnp.float32)
  weights = _weights(scores, mask, softcap).astype(v.dtype)
  # Both batch axes in front: XLA's CPU backend has no bf16 product of several rows in another order.
  out = jnp.einsum("bkgts,bkse->bkgte", weights, v, preferred_element_type=jnp.float32)
  return jnp.moveaxis(out, 3, 1).reshape(q.shape).astype(q.dtype)
