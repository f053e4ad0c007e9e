"""What is minimised: sums with what divides them, so that parts of a batch add up exactly whatever their sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax import models
from eft_jax.train.batches import Batch


class Largest(NamedTuple):
  """A metric that is the largest of its parts'; at least 0."""

  value: Float[Array, ""]


# By metric: a sum, and what it is divided by in the end; or a largest value.
Sums = dict[str, tuple[Float[Array, ""], Float[Array, ""]] | Largest]


class Forward(NamedTuple):
  """How the model is run: names that models.hidden and models.token_logprobs take."""

  config: models.ModelConfig
  compute_dtype: Any
  remat: str
  chunk: int
  attention: str = "auto"
  packed: bool = True
  z_loss: float = 0.0
  temperature: float = 1.0  # of the distribution whose log-probs are meant


class Objective(Protocol):
  """The compiled side of an objective."""

  def shape(self, rows: Batch) -> Any:
    """The abstract batch for abstract rows."""

  def rows(self, batch: Any) -> Batch:
    """The packed rows of a batch that gradients come from."""

  def context(self, forward: Forward, params: Any, batches: Any) -> Any:
    """What the loss of each part [B, T] needs from the whole batch [A, B, T]; no gradient flows through it."""

  def sums(self, forward: Forward, params: Any, batch: Any, context: Any) -> Sums:
    """Sums over one part; 'loss' is minimised."""


def ahead(x: Array) -> Array:
  """What stands at the next token [B, T], 0 at the last."""
  return jnp.pad(x[:, 1:], [(0, 0), (0, 1)])


def targets_of(batch: Batch) -> tuple[Int[Array, "B T"], Bool[Array, "B T"]]:
  """(next token, whether it is to be learnt) of every position: never across documents, never into padding."""
  same = (batch.segment_ids == ahead(batch.segment_ids)) & (batch.segment_ids > 0)
  return ahead(batch.tokens), ahead(batch.loss_mask) & same


def scores_of(forward: Forward, params: Any, batch: Batch) -> tuple[
    Float[Array, "B T"], Float[Array, "B T"], Bool[Array, "B T"]]:
  """(log p of the next token, log-sum-exp of its logits, both 0 where it is not to be learnt; where it is)."""
  targets, mask = targets_of(batch)
  hidden = models.hidden(forward.config, params, batch.tokens, batch.positions, batch.segment_ids,
                         remat=forward.remat, compute_dtype=forward.compute_dtype, attention_path=forward.attention,
                         packed=forward.packed)
  return *models.token_scores(forward.config, params, hidden, targets, mask=mask, chunk=forward.chunk,
                              temperature=forward.temperature), mask


def token_logprobs(forward: Forward, params: Any, batch: Batch) -> Float[Array, "B T"]:
  """log p of each token to be learnt, where it stands; 0 elsewhere."""
  return jnp.pad(scores_of(forward, params, batch)[0][:, :-1], [(0, 0), (1, 0)])


def segment_logprobs(forward: Forward, params: Any, batch: Batch) -> Float[Array, "B S"]:
  """log p of the tokens to be learnt of each segment of each row, summed."""
  logprobs, _, _ = scores_of(forward, params, batch)
  member = batch.segment_ids[..., None] == 1 + jnp.arange(batch.examples.shape[1])  # [B, T, S]
  return jnp.sum(jnp.where(member, logprobs[..., None], 0.0), axis=1)


class Sft:
  """Mean over the target tokens of -log p, and of z_loss * logsumexp ** 2, which keeps logits from drifting."""

  def shape(self, rows: Batch) -> Batch:
    return rows

  def rows(self, batch: Batch) -> Batch:
    return batch

  def context(self, forward: Forward, params: Any, batches: Batch) -> None:
    del forward, params, batches

  def sums(self, forward: Forward, params: Any, batch: Batch, context: None) -> Sums:
    logprobs, sums, mask = scores_of(forward, params, batch)
    loss = -jnp.sum(logprobs) + (forward.z_loss * jnp.sum(sums ** 2) if forward.z_loss else 0.0)
    return {"loss": (loss, jnp.sum(mask, dtype=jnp.float32))}


def value_and_grad(objective: Objective, forward: Forward, trainable: Any, assemble: Callable[[Any], Any],
                   batches: Any) -> tuple[Sums, Any]:
  """Sums over the parts [A, B, T] of one batch, and the gradient of the loss.

  Gradients of the parts' sums are accumulated in float32 and divided once, by what divides the whole batch: how the
  batch is cut into parts does not matter.

  Args:
    assemble: trainable -> params of the model.
  """
  context = objective.context(forward, assemble(jax.lax.stop_gradient(trainable)), batches)

  def total(trainable: Any, batch: Any) -> tuple[jax.Array, Sums]:
    sums = objective.sums(forward, assemble(trainable), batch, context)
    return sums["loss"][0], sums

  part = lambda batch: jax.grad(total, has_aux=True)(trainable, batch)[::-1]
  first = jax.tree.map(lambda x: x[0], batches)
  if jax.tree.leaves(batches)[0].shape[0] == 1:
    sums, grads = part(first)
  else:
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, jnp.float32), jax.eval_shape(part, first))
    add = lambda carry, batch: (_together(carry, part(batch)), None)
    (sums, grads), _ = jax.lax.scan(add, zeros, batches)
  divisor = jnp.maximum(sums["loss"][1], 1)
  return sums, jax.tree.map(lambda g: g / divisor, grads)


def _together(a: Any, b: Any) -> Any:
  """Sums and gradients of two parts as one."""
  one = lambda x, y: Largest(jnp.maximum(x.value, y.value)) if isinstance(x, Largest) else x + y
  return jax.tree.map(one, a, b, is_leaf=lambda x: isinstance(x, Largest))


def means(sums: Sums) -> dict[str, Float[Array, ""]]:
  """Each sum divided, 0 where there is nothing."""
  return {name: x.value if isinstance(x, Largest) else x[0] / jnp.maximum(x[1], 1) for name, x in sums.items()}
