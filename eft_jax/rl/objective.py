"""The policy-gradient objective: sampled tokens become likelier by their advantage, corrected for who sampled them.

With r = p(token) / its probability when it was sampled, which server and trainer never compute quite alike:

  'importance'  - min(r, C) A log p, the weight without gradient: truncated importance sampling
  'clip'        - min(r A, clip(r, 1 - low, 1 + high) A)
  'reinforce'   - A log p
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eft_jax.core.settings import ConfigError
from eft_jax.train import objectives
from eft_jax.train.batches import Batch
from eft_jax.train.objectives import Forward, Largest, Sums

LOG_LIMIT = 20.0  # of log r, before exp; Tunix has the same

_KINDS_OF = {"ratio_cap": ("importance",), "clip_low": ("clip",), "clip_high": ("clip",),
             "band": ("importance", "clip")}


@dataclasses.dataclass(frozen=True)
class PolicySettings:
  """What an update minimises.

  Attributes:
    kind: 'importance', 'clip' (PPO; the rollouts are its old policy) or 'reinforce', which takes rollouts as if the
      policy itself had just sampled them.
    ratio_cap: C of 'importance'; 0 for none.
    clip_low, clip_high: of 'clip'.
    band: two numbers; tokens whose r is outside teach nothing (IcePop has 0.5 and 5); () for no band.
    normalize: 'token_mean', over the sampled tokens of the batch; 'reply_mean', over those of each reply and then over
      replies, so that long replies weigh no more; 'token_sum'.
    divisor: of 'token_sum', for example the number of rollouts of an epoch; at least 1.

  Sources: 'importance' Yao et al. 2025 (Your efficient RL framework secretly brings you off-policy RL training), with
  ratio_cap 0 and a divisor of 1 TTT-Discover's loss; 'clip' PPO (arXiv:1707.06347), with two bounds DAPO
  (arXiv:2503.14476); 'reinforce' Williams 1992; band IcePop (Ling team 2025, arXiv:2510.18855); 'token_mean' DAPO;
  'reply_mean' GRPO (arXiv:2402.03300, equation 3) and, with 'importance' at 2.0, ThetaEvolve, whose one update per
  batch clips nothing.
  """

  kind: Literal["importance", "clip", "reinforce"] = "importance"
  ratio_cap: float = 2.0
  clip_low: float = 0.2
  clip_high: float = 0.28
  band: tuple[float, ...] = ()
  normalize: Literal["token_mean", "reply_mean", "token_sum"] = "token_mean"
  divisor: float = 1.0

  def __post_init__(self):
    for field in dataclasses.fields(self):
      kinds, value = _KINDS_OF.get(field.name, (self.kind,)), getattr(self, field.name)
      if self.kind not in kinds and value != field.default:
        raise ConfigError(f"policy.{field.name} is {value}, but policy.kind is {self.kind!r}, which does not read it: "
                          f"leave it out or take {' or '.join(map(repr, kinds))}.")
    if not (self.ratio_cap == 0 or 1 <= self.ratio_cap < math.inf):
      raise ConfigError(f"policy.ratio_cap is {self.ratio_cap}, expected at least 1, or 0 for none.")
    if not 0 < self.clip_low <= 1 or not 0 < self.clip_high < math.inf:
      raise ConfigError(f"policy.clip_low is {self.clip_low} and policy.clip_high {self.clip_high}, expected numbers "
                        "above 0, clip_low up to 1.")
    if self.band and not (len(self.band) == 2 and 0 <= self.band[0] < 1 < self.band[1] < math.inf):
      raise ConfigError(f"policy.band is {self.band}, expected () or two numbers with 1 between them.")
    if not 1 <= self.divisor < math.inf:
      raise ConfigError(f"policy.divisor is {self.divisor}, expected at least 1.")
    if self.normalize != "token_sum" and self.divisor != 1:
      raise ConfigError(f"policy.divisor is {self.divisor}, but policy.normalize is {self.normalize!r}, which does "
                        "not read it: leave it out or take 'token_sum'.")


@functools.partial(jax.tree_util.register_dataclass, meta_fields=[],
                   data_fields=["rows", "advantage", "behaviour_logp", "reference_logp"])
@dataclasses.dataclass(frozen=True)
class RolloutBatch:
  """Packed rollouts. Values of a token stand where it stands, and may be anything where rows.loss_mask is False.

  Attributes:
    rows: prompts and replies; loss_mask marks the tokens that the policy sampled: not those of a prompt, nor what a
      server forced.
    advantage: [B, T] float32.
    behaviour_logp: [B, T] float32, log p of each sampled token as the server reported it.
    reference_logp: [B, T] float32, log p under the reference model, for the metric `kl_reference`; None for none.
  """

  rows: Batch
  advantage: np.ndarray | jax.Array
  behaviour_logp: np.ndarray | jax.Array
  reference_logp: np.ndarray | jax.Array | None = None


@dataclasses.dataclass(frozen=True)
class PolicyGradient:
  """The objective, on batches of RolloutBatch, for `train.step.design`.

  Attributes:
    reference: batches have a reference_logp.
  """

  settings: PolicySettings
  reference: bool = False

  def rows(self, batch: RolloutBatch) -> Batch:
    return batch.rows

  def shape(self, rows: Batch) -> RolloutBatch:
    """Abstract batch for abstract rows."""
    values = jax.ShapeDtypeStruct(rows.tokens.shape, jnp.float32, sharding=rows.tokens.sharding)
    return RolloutBatch(rows, values, values, values if self.reference else None)

  def context(self, forward: Forward, params: Any, batches: RolloutBatch) -> float | None:
    """What divides the loss of one part; None: its number of sampled tokens or replies."""
    del forward, params
    parts = batches.advantage.shape[0]
    return self.settings.divisor / parts if self.settings.normalize == "token_sum" else None

  def sums(self, forward: Forward, params: Any, batch: RolloutBatch, context: float | None) -> Sums:
    """See `policy_sums`."""
    logp, _, mask = objectives.scores_of(forward, params, batch.rows)
    at = lambda x: jnp.where(mask, objectives.ahead(x), 0.0)
    reference = None if batch.reference_logp is None else at(batch.reference_logp)
    advantage, divisor = at(batch.advantage), context
    if self.settings.normalize == "reply_mean":  # every loss is proportional to its advantage
      sizes, replies = _reply_sizes(batch.rows, mask)
      advantage, divisor = advantage / sizes, replies
    return policy_sums(self.settings, logp, at(batch.behaviour_logp), advantage, mask, divisor, reference)


def _reply_sizes(rows: Batch, mask: Bool[Array, "B T"]) -> tuple[Float[Array, "B T"], Float[Array, ""]]:
  """(sampled tokens of the reply that each token belongs to, at least 1; replies with any)."""
  member = rows.segment_ids[..., None] == 1 + jnp.arange(rows.examples.shape[1])  # [B, T, S]
  sizes = jnp.sum(member & mask[..., None], axis=1, dtype=jnp.float32)  # [B, S]
  return jnp.maximum(jnp.sum(member * sizes[:, None], axis=-1), 1), jnp.sum(sizes > 0, dtype=jnp.float32)


def policy_sums(
    settings: PolicySettings, logp: Float[Array, "B T"], behaviour: Float[Array, "B T"],
    advantage: Float[Array, "B T"], mask: Bool[Array, "B T"], divisor: float | Float[Array, ""] | None = None,
    reference: Float[Array, "B T"] | None = None,
) -> Sums:
  """Sums over the sampled tokens; all values are 0 where mask is False, and only logp has a gradient.

  Returns:
    'loss'; 'logp_gap' and 'logp_gap_max', of |log p - log p when sampled|; 'probability_gap', the mean of the same of
    probabilities; 'kl_rollout', KL(sampler || policy), and 'kl_reference', KL(policy || reference), both by
    Schulman's third estimator (Approximating KL divergence, 2020); 'entropy', the mean of -log p; 'truncated' or
    'clipped', the share of tokens that a bound holds back; 'masked', the share outside the band.
  """
  ratio = jnp.exp(jnp.clip(logp - behaviour, -LOG_LIMIT, LOG_LIMIT))
  losses, held = _losses(settings, logp, ratio, advantage)
  count = jnp.sum(mask, dtype=jnp.float32)
  still = jax.lax.stop_gradient(logp)
  gap = jnp.abs(still - behaviour)
  values = {
      "logp_gap": gap,
      "probability_gap": jnp.where(mask, jnp.abs(jnp.exp(still) - jnp.exp(behaviour)), 0.0),
      "kl_rollout": _kl(still - behaviour), "entropy": -still, **held}
  if reference is not None:
    values["kl_reference"] = _kl(reference - still)
  return {"loss": (jnp.sum(losses), count if divisor is None else jnp.float32(divisor)),
          "logp_gap_max": Largest(jnp.max(gap)),
          **{name: (jnp.sum(x, dtype=jnp.float32), count) for name, x in values.items()}}


def _kl(log_ratio: jax.Array) -> jax.Array:
  """r - 1 - log r, whose mean over samples of q is KL(q || p), where r = p / q."""
  log_ratio = jnp.clip(log_ratio, -LOG_LIMIT, LOG_LIMIT)
  return jnp.expm1(log_ratio) - log_ratio


def _losses(settings: PolicySettings, logp: jax.Array, ratio: jax.Array, advantage: jax.Array,
            ) -> tuple[jax.Array, dict[str, jax.Array]]:
  """(loss of each token, which tokens a bound holds back, by its name)."""
  held = {}
  if settings.kind == "clip":
    low, high = 1 - settings.clip_low, 1 + settings.clip_high
    held["clipped"] = ((advantage > 0) & (ratio > high)) | ((advantage < 0) & (ratio < low))
    losses = -jnp.where(held["clipped"], jnp.clip(ratio, low, high), ratio) * advantage
  elif settings.kind == "importance":
    weight = jax.lax.stop_gradient(ratio)
    if settings.ratio_cap:
      held["truncated"] = ratio > settings.ratio_cap
      weight = jnp.minimum(weight, settings.ratio_cap)
    losses = -weight * advantage * logp
  else:
    losses = -advantage * logp
  if settings.band:
    held["masked"] = (ratio < settings.band[0]) | (ratio > settings.band[1])
    losses = jnp.where(held["masked"], 0.0, losses)
  return losses, held
