"""Choosing the next token: penalties, temperature, top-k, top-p, min-p and per-request randomness, without a sort.

A sort of the vocabulary costs more than a decode step on a CPU. The filters keep exactly the tokens whose probability
is at least some threshold, and that threshold is found by bisection over the bits of a float: 31 cheap reductions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

GREEDY_BELOW = 1e-6  # temperatures below this mean greedy, as in SGLang's SamplingParams
_ONE_BITS = 0x3F800000  # the bits of 1.0: positive floats order as their bits do
_BLOCK = 256  # tokens per block of the two-stage draw


class Controls(NamedTuple):
  """Per-row sampling settings; a row's tokens depend on its own entries alone."""

  temperature: Float[Array, " B"]  # 0 = greedy
  top_k: Int[Array, " B"]          # vocabulary size = all
  top_p: Float[Array, " B"]        # 1 = all
  min_p: Float[Array, " B"]        # 0 = all
  key: UInt32[Array, "B 2"]       # the request's 64-bit seed: high word, low word
  frequency: Float[Array, " B"]
  presence: Float[Array, " B"]
  repetition: Float[Array, " B"]
  min_length: Int[Array, " B"]     # absolute position from which stop tokens are allowed
  stop_ids: Int[Array, "B N"]     # -1 = unused


def sample(
    logits: Float[Array, "B V"], controls: Controls, positions: Int[Array, " B"],
    counts: Int[Array, "B V"] | None = None, forced: Int[Array, " B"] | None = None,
) -> tuple[Int[Array, " B"], Float[Array, " B"]]:
  """Draws one token per row and returns it with its log-probability.

  Args:
    logits: float32.
    controls: see Controls.
    positions: absolute position of the token to draw; with the seed it fixes the randomness (counter-based).
    counts: how often each token was written so far by the row; None where no row has a penalty.
    forced: tokens to return instead of a draw; -1 leaves the choice.

  Returns:
    tokens, and their log-probabilities under softmax(logits / temperature), after penalties and before the filters; a
    greedy row's are unscaled. These are SGLang's definitions (srt/layers/sampler.py).
  """
  logits = logits.astype(jnp.float32)
  if counts is not None:
    logits = penalize(logits, controls, counts)
  logits = forbid_early_stop(logits, controls, positions)
  greedy = controls.temperature < GREEDY_BELOW
  # The barrier: fused with what follows, which depends on what other rows want, it could be rounded differently.
  scaled = jax.lax.optimization_barrier(logits / jnp.where(greedy, 1.0, controls.temperature)[:, None])
  peak = jnp.max(scaled, axis=-1)
  weights = jnp.exp(scaled - peak[:, None])  # [B, V], the largest is 1
  best = first_index(scaled == peak[:, None])
  tokens = jax.lax.cond(jnp.all(greedy), lambda: best,
                        lambda: jnp.where(greedy, best, _draw(weights, controls, positions)))
  if forced is not None:
    tokens = jnp.where(forced >= 0, forced, tokens)
  chosen = jnp.take_along_axis(scaled, tokens[:, None], axis=-1)[:, 0]
  return tokens, chosen - peak - jnp.log(jnp.sum(weights, axis=-1))


def first_index(mask: Bool[Array, "B V"]) -> Int[Array, " B"]:
  """Index of the first True of each row. A min-reduction: XLA's argmax is forty times slower on a CPU."""
  size = mask.shape[-1]
  return jnp.minimum(jnp.min(jnp.where(mask, jnp.arange(size, dtype=jnp.int32), size), axis=-1), size - 1)


def penalize(logits: Float[Array, "B V"], controls: Controls, counts: Int[Array, "B V"]) -> Float[Array, "B V"]:
  """Repetition (multiplicative), frequency and presence penalties over the tokens written so far (not the prompt's)."""
  seen = counts > 0
  factor = jnp.where(seen, controls.repetition[:, None], 1.0)
  logits = jnp.where(logits < 0, logits * factor, logits / factor)
  return logits - controls.frequency[:, None] * counts - jnp.where(seen, controls.presence[:, None], 0.0)


def forbid_early_stop(
    logits: Float[Array, "B V"], controls: Controls, positions: Int[Array, " B"],
) -> Float[Array, "B V"]:
  """Gives stop tokens no chance before a row's minimum length."""
  early = positions < controls.min_length

  def mask():
    vocabulary = logits.shape[-1]
    ids = jnp.where((controls.stop_ids >= 0) & early[:, None], controls.stop_ids, vocabulary)  # out of range: dropped
    return logits.at[jnp.arange(logits.shape[0])[:, None], ids].set(-jnp.inf, mode="drop")

  return jax.lax.cond(jnp.any(early), mask, lambda: logits)


def _draw(weights: Float[Array, "B V"], controls: Controls, positions: Int[Array, " B"]) -> Int[Array, " B"]:
  """Filters, then draws by inverse distribution function."""
  vocabulary = weights.shape[-1]
  filtered = (controls.top_k < vocabulary) | (controls.top_p < 1) | (controls.min_p > 0)
  kept = jax.lax.cond(jnp.any(filtered), lambda: keep(weights, controls), lambda: weights)
  return inverse_draw(kept, uniforms(controls.key, positions))


def keep(weights: Float[Array, "B V"], controls: Controls) -> Float[Array, "B V"]:
  """Zeroes the weights outside top-k, top-p and min-p, each taken on the unfiltered distribution, as SGLang does.

  With tokens in falling order, one stays if its rank is below top_k, the mass before it is at most top_p, and its
  weight is at least min_p of the largest. Ties at the threshold all stay.

  Args:
    weights: unnormalised probabilities, the largest of each row is 1.
  """
  rows, vocabulary = weights.shape
  mass = controls.top_p * jnp.sum(weights, axis=-1)
  in_top_k = lambda above: jnp.sum(above, axis=-1, dtype=jnp.int32) >= controls.top_k
  in_top_p = lambda above: (jnp.sum(jnp.where(above, weights, 0.0), axis=-1) > mass) & (controls.top_p < 1)
  none = lambda: jnp.zeros(rows, jnp.float32)
  by_k = jax.lax.cond(jnp.any(controls.top_k < vocabulary), lambda: _threshold(weights, in_top_k), none)
  by_p = jax.lax.cond(jnp.any(controls.top_p < 1), lambda: _threshold(weights, in_top_p), none)
  threshold = jnp.maximum(jnp.maximum(by_k, by_p), controls.min_p)
  return jnp.where(weights >= threshold[:, None], weights, 0.0)


def _threshold(weights: Float[Array, "B V"], enough: Callable[[Bool[Array, "B V"]], Bool[Array, " B"]]) -> Array:
  """[B], the largest threshold for which `enough(weights >= threshold)` holds; 0 where none does. Weights are <= 1."""
  def narrow(_, bounds):
    low, high = bounds  # `low` is enough, `high` is not
    middle = (low + high) // 2
    good = enough(weights >= jax.lax.bitcast_convert_type(middle, jnp.float32)[:, None])
    return jnp.where(good, middle, low), jnp.where(good, high, middle)

  rows = weights.shape[0]
  start = (jnp.zeros(rows, jnp.int32), jnp.full(rows, _ONE_BITS + 1, jnp.int32))
  return jax.lax.bitcast_convert_type(jax.lax.fori_loop(0, 31, narrow, start)[0], jnp.float32)


def uniforms(key: UInt32[Array, "B 2"], positions: Int[Array, " B"]) -> Float[Array, "B 2"]:
  """Two numbers in [0, 1) per row, a function of (seed, position) alone: no slot, batch or history enters."""
  def one(words, position):
    return jax.random.uniform(jax.random.fold_in(jax.random.wrap_key_data(words, impl="threefry2x32"), position), (2,))
  return jax.vmap(one)(key, positions)


def inverse_draw(weights: Float[Array, "B V"], uniform: Float[Array, "B 2"]) -> Int[Array, " B"]:
  """Draws an index with probability proportional to its weight: first a block of the vocabulary, then a token in it.

  Two draws of 24 bits resolve rare tokens better than one would, and cost one pass over the vocabulary where Gumbel
  noise needs a random number per token.
  """
  rows, vocabulary = weights.shape
  blocks = jnp.pad(weights, ((0, 0), (0, -vocabulary % _BLOCK))).reshape(rows, -1, _BLOCK)
  block = _pick(jnp.sum(blocks, axis=-1), uniform[:, 0])
  inside = jnp.take_along_axis(blocks, block[:, None, None], axis=1)[:, 0]  # [B, _BLOCK]
  return block * _BLOCK + _pick(inside, uniform[:, 1])


def _pick(weights: Float[Array, "B N"], uniform: Float[Array, " B"]) -> Int[Array, " B"]:
  """Smallest index whose running sum exceeds uniform * total; never one of weight 0, whatever rounding does."""
  running = jnp.cumsum(weights, axis=-1)
  positive = weights > 0
  index = first_index((running > uniform[:, None] * running[:, -1:]) & positive)
  last = jnp.max(jnp.where(positive, jnp.arange(weights.shape[-1], dtype=jnp.int32), 0), axis=-1)
  return jnp.minimum(index, last)
