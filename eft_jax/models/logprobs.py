"""Per-token log-probs, chunked over tokens: the one routine of SFT, KTO, RL and evaluation. Full logits never exist."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax.models import decoder, specs
from eft_jax.models.config import ModelConfig


def token_logprobs(
    config: ModelConfig, params: specs.Params, hidden: Float[Array, "B T D"], targets: Int[Array, "B T"], *,
    mask: Bool[Array, "B T"] | None = None, chunk: int = 256, temperature: float | None = None,
) -> Float[Array, "B T"]:
  """log p(targets[b, t] | tokens up to t), fp32, with the soft cap of the config inside.

  Args:
    targets: the next token of each position; any valid id where there is none.
    mask: positions that are wanted; the others come back as 0 and cost (almost) nothing: each row's wanted positions
      are moved to its front, and chunks behind the last of them are skipped.
    chunk: tokens whose logits exist at a time, over all rows.
    temperature: divides the logits.
  """
  batch, length = targets.shape
  if mask is None:
    return _chunked(config, params, hidden, targets, None, chunk, temperature)
  order = jnp.argsort(~mask, axis=1, stable=True)  # wanted positions first, in their order
  take = lambda x, index: jnp.take_along_axis(x, index, axis=1)
  packed = jnp.take_along_axis(hidden, order[:, :, None], axis=1)
  out = _chunked(config, params, packed, take(targets, order), jnp.max(jnp.sum(mask, axis=1)), chunk, temperature)
  return jnp.where(mask, take(out, jnp.argsort(order, axis=1)), 0.0)


def _chunked(
    config: ModelConfig, params: specs.Params, hidden: Float[Array, "B T D"], targets: Int[Array, "B T"],
    count: Int[Array, ""] | None, chunk: int, temperature: float | None,
) -> Float[Array, "B T"]:
  """Scans over chunks of columns; those that start at or after `count` are skipped and give 0."""
  batch, length = targets.shape
  columns = min(max(1, chunk // batch), length)
  steps = -(-length // columns)
  pad = steps * columns - length
  split = lambda x: jnp.moveaxis(
      jnp.pad(x, [(0, 0), (0, pad)] + [(0, 0)] * (x.ndim - 2)).reshape(batch, steps, columns, *x.shape[2:]), 1, 0)
  arrays = decoder.head(params)

  @jax.checkpoint
  def chunk_logprobs(arrays, x, ids):
    scores = decoder.head_logits(config, arrays, x)  # [B, columns, V] fp32
    if temperature is not None:
      scores = scores / temperature
    picked = jnp.take_along_axis(scores, ids[..., None], axis=-1)[..., 0]
    return picked - jax.nn.logsumexp(scores, axis=-1)

  def step(_, inputs):
    index, x, ids = inputs
    if count is None:
      return None, chunk_logprobs(arrays, x, ids)
    skip = lambda arrays, x, ids: jnp.zeros(ids.shape, jnp.float32)
    return None, jax.lax.cond(index * columns < count, chunk_logprobs, skip, arrays, x, ids)

  _, out = jax.lax.scan(step, None, (jnp.arange(steps), split(hidden), split(targets)))
  return jnp.moveaxis(out, 0, 1).reshape(batch, steps * columns)[:, :length]
