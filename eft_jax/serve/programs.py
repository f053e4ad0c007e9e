"""The compiled programs of the engine: prefill, decode a block of tokens, score a prompt, move cache rows."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from eft_jax import models
from eft_jax.serve import sampling

CHUNK = 512  # prompt tokens per prefill program
_SIZES = (16, 32, 64, 96, 128, 192, 256, 384, 512)


def bucket(count: int, sizes: tuple[int, ...] = _SIZES) -> int:
  """The smallest of `sizes` that holds `count`; above the last, a multiple of it."""
  return next((size for size in sizes if size >= count), -(-count // sizes[-1]) * sizes[-1])


class Rows(NamedTuple):
  """Where each slot stands."""

  token: Int[Array, " B"]     # the last token, not yet in the cache
  position: Int[Array, " B"]  # its place in the sequence; -1 = the slot is idle
  last: Int[Array, " B"]      # place at which the slot stops at the latest


class Written(NamedTuple):
  """What a block of decode steps wrote."""

  tokens: Int[Array, "B N"]        # -1 = nothing
  logprobs: Float[Array, "B N"]
  top: tuple[Float[Array, "B N K"], Int[Array, "B N K"]]  # the most likely tokens; K may be 0


@functools.partial(jax.jit, static_argnames=("config", "length", "dtype"))
def prefill(config: models.ModelConfig, params: Any, tokens: Int[Array, "1 T"], positions: Int[Array, "1 T"], *,
            length: int, dtype: Any) -> models.Cache:
  """A one-slot cache of `length` entries with the tokens in it. Its shape, so its rounding, is the prompt's alone."""
  cache = models.init_cache(config, 1, length, dtype)
  return models.decode(config, params, cache, tokens, positions, fresh=True)[1]


@functools.partial(jax.jit, static_argnames=("config",), donate_argnames=("cache",))
def extend(config: models.ModelConfig, params: Any, cache: models.Cache, tokens: Int[Array, "1 T"],
           positions: Int[Array, "1 T"]) -> models.Cache:
  """The next chunk of a long prompt."""
  return models.decode(config, params, cache, tokens, positions)[1]


insert = jax.jit(models.cache.insert, donate_argnames=("cache",))
resize = jax.jit(models.cache.resize, static_argnames=("entries",))
copy_slots = jax.jit(models.copy_slots, donate_argnames=("cache",))


@functools.partial(jax.jit, static_argnames=("config", "block", "top"), donate_argnames=("cache",))
def decode_block(
    config: models.ModelConfig, params: Any, cache: models.Cache, rows: Rows, controls: sampling.Controls,
    counts: Int[Array, "B V"] | None, forced: Int[Array, "B N"], *, block: int, top: int,
) -> tuple[models.Cache, Rows, Written]:
  """Up to `block` tokens for every slot that is not idle; returns early once all are.

  A slot goes idle after a token of its `stop_ids` that was not forced, or when it stands at its last place.

  Args:
    counts: tokens written so far by each slot, where one of them has a penalty.
    forced: tokens to be written instead of drawn ones; -1 draws.
    top: how many alternatives per token come back.
  """
  slots = rows.token.shape[0]
  written = Written(jnp.full((slots, block), -1, jnp.int32), jnp.zeros((slots, block), jnp.float32),
                    (jnp.zeros((slots, block, top), jnp.float32), jnp.zeros((slots, block, top), jnp.int32)))

  def go_on(state):
    step, _, rows, _, _ = state
    return (step < block) & jnp.any(rows.position >= 0)

  def one(state):
    step, cache, rows, written, counts = state
    hidden, cache = models.decode(config, params, cache, rows.token[:, None], rows.position[:, None])
    logits = models.logits(config, params, hidden[:, 0])  # [B, V]
    active = rows.position >= 0
    place = rows.position + 1
    token, logprob = sampling.sample(logits, controls, place, counts, forced[:, step])
    put = lambda out, new: out.at[:, step].set(new)
    best = top_logprobs(logits, controls.temperature, top)
    written = Written(put(written.tokens, jnp.where(active, token, -1)), put(written.logprobs, logprob),
                      jax.tree.map(put, written.top, best))
    if counts is not None:
      counts = counts.at[jnp.arange(slots), token].add(active.astype(jnp.int32))
    stopped = jnp.any(token[:, None] == controls.stop_ids, axis=1) & (forced[:, step] < 0)
    done = stopped | (place >= rows.last)
    rows = Rows(jnp.where(active, token, rows.token), jnp.where(active & ~done, place, -1), rows.last)
    return step + 1, cache, rows, written, counts

  _, cache, rows, written, _ = jax.lax.while_loop(go_on, one, (jnp.int32(0), cache, rows, written, counts))
  return cache, rows, written


def top_logprobs(logits: Float[Array, "B V"], temperature: Float[Array, " B"] | float,
                 top: int) -> tuple[Float[Array, "B K"], Int[Array, "B K"]]:
  """The `top` most likely tokens with their log-probs under softmax(logits / temperature), greedy rows unscaled."""
  if not top:
    rows = logits.shape[0]
    return jnp.zeros((rows, 0), jnp.float32), jnp.zeros((rows, 0), jnp.int32)
  greedy = jnp.asarray(temperature) < sampling.GREEDY_BELOW
  scaled = logits / jnp.broadcast_to(jnp.where(greedy, 1.0, temperature), logits.shape[:1])[:, None]
  values, indices = jax.lax.top_k(scaled, top)
  return values - jax.nn.logsumexp(scaled, axis=-1, keepdims=True), indices


@functools.partial(jax.jit, static_argnames=("config", "top", "dtype"))
def score(config: models.ModelConfig, params: Any, tokens: Int[Array, "1 T"], segments: Int[Array, "1 T"],
          wanted: Array, *, top: int, dtype: Any) -> tuple[Float[Array, " T"], tuple[Array, Array]]:
  """Log-prob of each next token of a prompt, untempered, and the `top` alternatives of each place.

  Args:
    segments: 1 for the prompt, 0 for padding behind it.
    wanted: bool [1, T], the places whose next token is to be scored; the others come back as 0.
  """
  positions = jnp.arange(tokens.shape[1])[None]
  hidden = models.hidden(config, params, tokens, positions, segments, compute_dtype=dtype)
  targets = jnp.roll(tokens, -1, axis=1)
  logprobs = models.token_logprobs(config, params, hidden, targets, mask=wanted)[0]
  if not top:
    return logprobs, top_logprobs(jnp.zeros((tokens.shape[1], 1)), 1.0, 0)
  rows = min(64, tokens.shape[1])
  chunks = jnp.pad(hidden[0], ((0, -tokens.shape[1] % rows), (0, 0))).reshape(-1, rows, hidden.shape[-1])
  best = jax.lax.map(lambda x: top_logprobs(models.logits(config, params, x), 1.0, top), chunks)
  return logprobs, jax.tree.map(lambda x: x.reshape(-1, top)[:tokens.shape[1]], best)
