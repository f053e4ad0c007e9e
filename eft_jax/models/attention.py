"""The one door to attention: `attend` picks a path for a layer, says once which, and every path equals `reference`."""

from __future__ import annotations

import functools
import logging

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax.core.settings import ConfigError
from eft_jax.models import blocked_attention

logger = logging.getLogger(__name__)

PATHS = ("reference", "blocked")


def attend(
    q: Float[Array, "B T H E"], k: Float[Array, "B T K E"], v: Float[Array, "B T K E"], segments: Int[Array, "B T"], *,
    window: int | None = None, softcap: float | None = None, path: str = "auto",
) -> Float[Array, "B T H E"]:
  """Causal attention within the segments of packed rows; q comes scaled.

  Args:
    segments: tokens see tokens of the same number at or before their own place in the row.
    window: a token sees itself and the window - 1 before it; None is all.
    softcap: cap * tanh(score / cap); None is none.
    path: 'auto' or one of PATHS.

  Raises:
    ConfigError: unknown path.
  """
  if path != "auto" and path not in PATHS:
    raise ConfigError(f"Attention path {path!r} is unknown, expected 'auto' or one of {', '.join(PATHS)}.")
  chosen = ("blocked" if jax.default_backend() == "cpu" else "reference") if path == "auto" else path
  say_once(chosen, "global" if window is None else f"window {window}", jax.default_backend())
  if chosen == "blocked":
    return blocked_attention.attend(q, k, v, segments, window, softcap)
  return reference(q, k, v, causal_mask(segments, window), softcap)


@functools.lru_cache(maxsize=64)
def say_once(path: str, layer: str, backend: str) -> None:
  """Logs the path of a layer type once per process."""
  logger.info("attention: %s layers take path %s on %s", layer, path, backend)


def causal_mask(segments: Int[Array, "B T"], window: int | None = None) -> Bool[Array, "B T T"]:
  """[b, t, s]: whether token t sees token s."""
  places = jnp.arange(segments.shape[1])
  back = places[:, None] - places[None, :]  # [T, T]
  near = back >= 0 if window is None else (back >= 0) & (back < window)
  return near[None] & (segments[:, :, None] == segments[:, None, :])


def reference(
    q: Float[Array, "B T H E"], k: Float[Array, "B S K E"], v: Float[Array, "B S K E"], mask: Bool[Array, "B T S"],
    softcap: float | None = None,
) -> Float[Array, "B T H E"]:
  """Plain grouped attention with fp32 softmax: the oracle of every other path. Scores [B, K, G, T, S] do exist."""
  batch, length, heads, size = q.shape
  q = q.reshape(batch, length, k.shape[2], heads // k.shape[2], size)
  scores = jnp.einsum("btkge,bske->bkgts", q, k, preferred_element_type=jnp.float32)
  if softcap is not None:
    scores = softcap * jnp.tanh(scores / softcap)
  weights = jax.nn.softmax(jnp.where(mask[:, None, None], scores, blocked_attention.MASKED), axis=-1).astype(v.dtype)
  out = jnp.einsum("bkgts,bske->btkge", weights, v, preferred_element_type=jnp.float32)
  return out.reshape(batch, length, heads, size).astype(q.dtype)


def cached(
    q: Float[Array, "B T H E"], k: Float[Array, "B K S E"], v: Float[Array, "B K S E"], positions: Int[Array, "B T"],
    window: int | None = None, softcap: float | None = None,
) -> Float[Array, "B T H E"]:
  """Attention of new tokens on a cache whose entry s holds position s; q comes scaled."""
  back = positions[:, :, None] - jnp.arange(k.shape[2])  # [B, T, S]
  mask = back >= 0 if window is None else (back >= 0) & (back < window)
  return reference(q, jnp.swapaxes(k, 1, 2), jnp.swapaxes(v, 1, 2), mask, softcap)
