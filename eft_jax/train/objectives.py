"""What is minimised: sums over target tokens, so that parts of a batch add up exactly whatever their sizes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax import models
from eft_jax.train.batches import Batch


class Forward(NamedTuple):
  """How the model is run: names that models.hidden and models.token_logprobs take."""

  config: models.ModelConfig
  compute_dtype: Any
  remat: str
  chunk: int
  attention: str = "auto"
  packed: bool = True


def targets_of(batch: Batch) -> tuple[Int[Array, "B T"], Bool[Array, "B T"]]:
  """(next token, whether it is to be learnt) of every position: never across documents, never into padding."""
  ahead = lambda x: jnp.pad(x[:, 1:], [(0, 0), (0, 1)])
  same = (batch.segment_ids == ahead(batch.segment_ids)) & (batch.segment_ids > 0)
  return ahead(batch.tokens), ahead(batch.loss_mask) & same


def sft(forward: Forward, params: Any, batch: Batch) -> tuple[Float[Array, ""], Int[Array, ""]]:
  """(sum of -log p over the target tokens, their number). Divide sums over all parts by their total number."""
  targets, mask = targets_of(batch)
  hidden = models.hidden(forward.config, params, batch.tokens, batch.positions, batch.segment_ids,
                         remat=forward.remat, compute_dtype=forward.compute_dtype, attention_path=forward.attention,
                         packed=forward.packed)
  logprobs = models.token_logprobs(forward.config, params, hidden, targets, mask=mask, chunk=forward.chunk)
  return -jnp.sum(jnp.where(mask, logprobs, 0.0)), jnp.sum(mask, dtype=jnp.int32)


def value_and_grad(forward: Forward, trainable: Any, assemble: Any, batches: Batch) -> tuple[jax.Array, jax.Array, Any]:
  """Mean loss, number of target tokens and gradient over the parts [A, B, T] of one batch.

  Sums of the parts are accumulated in float32 and divided once, by all target tokens: how the batch is cut into parts
  does not matter.

  Args:
    assemble: trainable -> params of the model.
  """
  summed = jax.value_and_grad(lambda t, batch: sft(forward, assemble(t), batch), has_aux=True)
  if batches.tokens.shape[0] == 1:
    (total, count), grads = summed(trainable, jax.tree.map(lambda x: x[0], batches))
  else:
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, jnp.float32), trainable)

    def add(carry, batch):
      (total, count), grads = summed(trainable, batch)
      return jax.tree.map(jnp.add, carry, (total, count, grads)), None

    start = (jnp.zeros((), jnp.float32), jnp.zeros((), jnp.int32), zeros)
    (total, count, grads), _ = jax.lax.scan(add, start, batches)
  divisor = jnp.maximum(count, 1).astype(jnp.float32)
  return total / divisor, count, jax.tree.map(lambda g: g / divisor, grads)
