"""KTO (arXiv:2402.01306): improved steps become likelier than under the model one started from, regressed ones less so.

With r = log p(reply | prompt) - the same under the reference model, and z the mean of r over mismatched pairs (prompts
with the replies of others), at least 0 and without gradient, an example costs (equations 7 and 8 there)

  w (1 - sigmoid(beta (r - z)))   where it is desirable,   w (1 - sigmoid(beta (z - r)))   where it is not.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eft_jax.train import objectives
from eft_jax.train.batches import Batch
from eft_jax.train.objectives import Forward, Sums
from eft_jax.train.settings import KtoSettings


@functools.partial(jax.tree_util.register_dataclass, meta_fields=[],
                   data_fields=["examples", "weight", "reference", "twins", "twin_reference"])
@dataclasses.dataclass(frozen=True)
class KtoBatch:
  """Packed rows of examples, and as many of mismatched twins.

  Attributes:
    weight: [B, S] float32 of each example: positive where desirable, negative where not, 0 where there is none.
    reference: [B, S] float32, log p of each example under the reference model.
    twins, twin_reference: the same for the mismatched pairs.
  """

  examples: Batch
  weight: np.ndarray | jax.Array
  reference: np.ndarray | jax.Array
  twins: Batch
  twin_reference: np.ndarray | jax.Array


@dataclasses.dataclass(frozen=True)
class Kto:
  """The objective, on batches of KtoBatch."""

  settings: KtoSettings

  def rows(self, batch: KtoBatch) -> Batch:
    return batch.examples

  def shape(self, rows: Batch) -> KtoBatch:
    """Abstract batch for abstract rows."""
    values = jax.ShapeDtypeStruct(rows.examples.shape, jnp.float32, sharding=rows.examples.sharding)
    return KtoBatch(rows, values, values, rows, values)

  def context(self, forward: Forward, params: Any, batches: KtoBatch) -> Float[Array, ""]:
    """z: the estimate of KL(model || reference) over all twins of the batch."""
    def part(twins: Batch, reference: jax.Array) -> tuple[jax.Array, jax.Array]:
      there = twins.examples > 0
      ratio = objectives.segment_logprobs(forward, params, twins) - reference
      return jnp.sum(jnp.where(there, ratio, 0.0)), jnp.sum(there, dtype=jnp.float32)

    totals, counts = jax.lax.map(lambda x: part(*x), (batches.twins, batches.twin_reference))
    return jax.lax.stop_gradient(jnp.maximum(jnp.sum(totals) / jnp.maximum(jnp.sum(counts), 1), 0.0))

  def sums(self, forward: Forward, params: Any, batch: KtoBatch, context: Float[Array, ""]) -> Sums:
    """'loss', and: 'kl' is z; rewards are beta r; 'accuracy' the share of examples on their side of z."""
    ratio = objectives.segment_logprobs(forward, params, batch.examples) - batch.reference
    return kto_sums(ratio, batch.weight, context, self.settings.beta)


def kto_sums(ratio: Float[Array, "B S"], weight: Float[Array, "B S"], kl: Float[Array, ""], beta: float) -> Sums:
  """The sums of `Kto.sums` from log-ratios."""
  sign = jnp.sign(weight)
  losses = jnp.abs(weight) * jax.nn.sigmoid(-beta * sign * (ratio - kl))  # 1 - sigmoid(x) = sigmoid(-x)
  count = lambda where: jnp.sum(where, dtype=jnp.float32)
  among = lambda where, values: (jnp.sum(jnp.where(where, values, 0.0)), count(where))
  return {
      "loss": among(sign != 0, losses),
      "kl": (kl, jnp.float32(1)),
      "reward_desirable": among(sign > 0, beta * ratio),
      "reward_undesirable": among(sign < 0, beta * ratio),
      "accuracy": among(sign != 0, sign * (ratio - kl) > 0),
  }
