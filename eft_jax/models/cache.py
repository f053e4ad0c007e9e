"""Cached decoding over static slots: prefill and step are one function, and a slot's position says where it writes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from eft_jax.models import attention, decoder, layers, specs
from eft_jax.models.config import ModelConfig

Cache = dict[str, tuple[jax.Array, ...]]  # 'k' and 'v': per layer [slots, K, length, E]


def init_cache(config: ModelConfig, batch: int, length: int, dtype: Any = jnp.float32) -> Cache:
  """An empty cache of `batch` slots for sequences of up to `length` tokens.

  A slot needs no clearing between sequences: entry s of a slot is seen only from positions >= s, and by then the new
  sequence has written it.
  """
  shape = (batch, config.num_kv_heads, length, config.head_dim)
  return {name: tuple(jnp.zeros(shape, dtype) for _ in range(config.num_layers)) for name in ("k", "v")}


def decode(
    config: ModelConfig, params: specs.Params, cache: Cache, tokens: Int[Array, "B T"], positions: Int[Array, "B T"], *,
    slots: Int[Array, " B"] | None = None, span: int | None = None, fresh: bool = False,
) -> tuple[Float[Array, "B T D"], Cache]:
  """Runs tokens behind what the cache holds: a prefill (T > 1), a chunk of one, or one step (T = 1).

  Args:
    params: in the unstacked layout (`specs.unstack`) for speed; the stacked one works and is slower.
    tokens, positions: positions[b, t] is the place of tokens[b, t] in its sequence and in its slot. Negative ones
      mark padding and inactive slots: nothing is written for them, and their hidden states are finite
      but mean nothing. Positions of a row increase by one; padding stands on the right.
    slots: rows of the cache that the B sequences live in, all different; None is slot b for sequence b.
    span: entries of the cache to look at, at least the largest position + 1; None is all.
    fresh: every sequence starts here (first position 0), so nothing in the cache needs to be read: a faster prefill.

  Returns:
    Final-normed hidden states in the cache's dtype, and the cache with the new entries.
  """
  keys, values = list(cache["k"]), list(cache["v"])
  length = keys[0].shape[2]
  span = length if span is None else min(span, length)
  rows = jnp.arange(tokens.shape[0]) if slots is None else slots
  x = decoder.embed(params, tokens, keys[0].dtype)
  rope = layers.rope_tables(config, jnp.maximum(positions, 0))
  for index, layer in enumerate(specs.unstack(config, params)["layers"]):
    window = config.window if config.kind(index) == "local" else None

    def mix(q, k, v, index=index, window=window):
      keys[index] = write(keys[index], k, rows, positions)
      values[index] = write(values[index], v, rows, positions)
      if fresh:
        return attention.attend(q, k, v, (positions >= 0).astype(jnp.int32), window=window,
                                softcap=config.attention_softcap)
      read = lambda c: (c if slots is None else c[slots])[:, :, :span]
      return attention.cached(q, read(keys[index]), read(values[index]), positions, window, config.attention_softcap)

    x = layers.Block(config, layer)(x, rope, mix)
  return layers.RMSNorm(config, params["norm"])(x), {"k": tuple(keys), "v": tuple(values)}


def write(
    cache: Float[Array, "S K L E"], new: Float[Array, "B T K E"], rows: Int[Array, " B"], positions: Int[Array, "B T"],
) -> Float[Array, "S K L E"]:
  """Puts new[b, t] at position positions[b, t] of row rows[b]; negative positions write nothing."""
  places = jnp.where(positions < 0, cache.shape[2], positions)  # out of range, therefore dropped
  return cache.at[rows[:, None], :, places].set(new.astype(cache.dtype), mode="drop")


def copy_slots(cache: Cache, source: Int[Array, " N"], target: Int[Array, " N"]) -> Cache:
  """Copies whole slots, for example one prefilled prompt to the slots of its samples."""
  return jax.tree.map(lambda c: c.at[target].set(c[source]), cache)
