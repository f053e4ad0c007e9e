"""Per-token log-probs, chunked over tokens: the one routine of SFT, KTO, RL and evaluation. Full logits never exist."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax.models import decoder, layers, specs
from eft_jax.models.config import ModelConfig


def token_logprobs(
    config: ModelConfig, params: specs.Params, hidden: Float[Array, "B T D"], targets: Int[Array, "B T"], *,
    mask: Bool[Array, "B T"] | None = None, chunk: int = 256, temperature: float | None = None,
) -> Float[Array, "B T"]:
  """log p(targets[b, t] | tokens up to t), fp32, with the soft cap of the config inside.

  Args:
    targets: the next token of each position; any valid id where there is none.
    mask: positions that are wanted; the others come back as 0 and cost (almost) nothing: each row's wanted positions
      are moved to its front, and the chunks behind the last of them are not computed.
    chunk: tokens whose logits exist at a time, over all rows. With a trained head each chunk adds a gradient of the
      head's size to the sum, so that larger chunks are faster (512 to 1024 on CPU).
    temperature: divides the logits.
  """
  batch, length = targets.shape
  columns = min(max(1, chunk // batch), length)
  pad = -length % columns
  widen = lambda x: jnp.pad(x, [(0, 0), (0, pad)] + [(0, 0)] * (x.ndim - 2))
  run = functools.partial(_logprobs, config.final_softcap, 1.0 if temperature is None else temperature, columns,
                          decoder.head(params))
  if mask is None:
    return run(widen(hidden), widen(targets), jnp.int32((length + pad) // columns))[:, :length]
  order = jnp.argsort(~mask, axis=1, stable=True)  # wanted positions first, in their order
  front = lambda x: jnp.take_along_axis(x, order.reshape(order.shape + (1,) * (x.ndim - 2)), axis=1)
  steps = -(-jnp.max(jnp.sum(mask, axis=1, dtype=jnp.int32)) // columns)
  out = run(widen(front(hidden)), widen(front(targets)), steps)[:, :length]
  return jnp.where(mask, jnp.take_along_axis(out, jnp.argsort(order, axis=1), axis=1), 0.0)


def _cut(x: jax.Array, step: jax.Array, columns: int) -> jax.Array:
  return jax.lax.dynamic_slice_in_dim(x, step * columns, columns, axis=1)


def _put(x: jax.Array, part: jax.Array, step: jax.Array, columns: int) -> jax.Array:
  return jax.lax.dynamic_update_slice_in_dim(x, part.astype(x.dtype), step * columns, axis=1)


def _raw(arrays: dict[str, jax.Array], x: Float[Array, "B C D"]) -> Float[Array, "B C V"]:
  return layers.linear(x, **arrays, axis="vocab", out_dtype=jnp.float32)


def _finish(raw: Float[Array, "B C V"], softcap: float | None, temperature: float) -> Float[Array, "B C V"]:
  """Logits after soft cap and temperature."""
  capped = raw if softcap is None else softcap * jnp.tanh(raw / softcap)
  return capped / temperature


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _logprobs(
    softcap: float | None, temperature: float, columns: int, arrays: dict[str, jax.Array],
    hidden: Float[Array, "B T D"], targets: Int[Array, "B T"], steps: Int[Array, ""],
) -> Float[Array, "B T"]:
  """Log-probs of the first `steps` chunks of columns, 0 behind them."""
  return _forward(softcap, temperature, columns, arrays, hidden, targets, steps)[0]


def _forward(softcap, temperature, columns, arrays, hidden, targets, steps):
  """Log-probs and log-sum-exp, both [B, T] fp32."""
  def body(step, carry):
    out, sums = carry
    logits = _finish(_raw(arrays, _cut(hidden, step, columns)), softcap, temperature)
    total = jax.nn.logsumexp(logits, axis=-1)
    hot = _cut(targets, step, columns)[..., None] == jnp.arange(logits.shape[-1])
    picked = jnp.sum(jnp.where(hot, logits, 0.0), axis=-1)  # not a gather: the vocabulary may be sharded
    return _put(out, picked - total, step, columns), _put(sums, total, step, columns)
  zeros = jnp.zeros_like(targets, jnp.float32)
  return jax.lax.fori_loop(0, steps, body, (zeros, zeros))


def _keep(softcap, temperature, columns, arrays, hidden, targets, steps):
  # Which arrays are trained travels as the keys of `trained`: gradients of a frozen head are not computed.
  trained = {name: () for name, array in arrays.items() if array.perturbed}
  arrays = {name: array.value for name, array in arrays.items()}
  out, sums = _forward(softcap, temperature, columns, arrays, hidden.value, targets.value, steps.value)
  return out, (trained, arrays, hidden.value, targets.value, steps.value, sums)


def _backward(softcap, temperature, columns, kept, grad):
  """Recomputes the logits chunk by chunk; d logp / d logits = onehot - softmax."""
  trained, arrays, hidden, targets, steps, sums = kept
  frozen = {name: array for name, array in arrays.items() if name not in trained}
  moving = {name: arrays[name] for name in trained}

  def body(step, carry):
    grad_hidden, grad_arrays = carry
    raw, pull = jax.vjp(lambda moving, x: _raw(frozen | moving, x), moving, _cut(hidden, step, columns))
    capped = raw if softcap is None else softcap * jnp.tanh(raw / softcap)
    weights = jnp.exp(capped / temperature - _cut(sums, step, columns)[..., None])
    hot = _cut(targets, step, columns)[..., None] == jnp.arange(raw.shape[-1])
    slope = (hot - weights) * (_cut(grad, step, columns)[..., None] / temperature)
    if softcap is not None:
      slope = slope * (1 - (capped / softcap) ** 2)
    more, grad_x = pull(slope)
    return _put(grad_hidden, grad_x, step, columns), jax.tree.map(lambda a, b: a + b.astype(a.dtype), grad_arrays, more)

  zeros = jax.tree.map(lambda x: jnp.zeros_like(x, jnp.float32), moving)
  if isinstance(grad, jax.custom_derivatives.SymbolicZero):
    grad = jnp.zeros_like(sums)
  grad_hidden, grad_moving = jax.lax.fori_loop(0, steps, body, (jnp.zeros_like(hidden), zeros))
  grads: dict[str, Any] = {name: None for name in arrays}
  for name, value in grad_moving.items():
    grads[name] = value.astype(arrays[name].dtype)
  return grads, grad_hidden, None, None


_logprobs.defvjp(_keep, _backward, symbolic_zeros=True)
