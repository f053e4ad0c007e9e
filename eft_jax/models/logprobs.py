"""Per-token log-probs, chunked over tokens: the one routine of SFT, KTO, RL and evaluation. Full logits never exist."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eft_jax.models import decoder, gathering, layers, specs
from eft_jax.models.config import ModelConfig


def token_logprobs(
    config: ModelConfig, params: specs.Params, hidden: Float[Array, "B T D"], targets: Int[Array, "B T"],
    **options: Any,
) -> Float[Array, "B T"]:
  """log p(targets[b, t] | tokens up to t), fp32, with the soft cap of the config inside; options of `token_scores`."""
  return token_scores(config, params, hidden, targets, **options)[0]


def token_scores(
    config: ModelConfig, params: specs.Params, hidden: Float[Array, "B T D"], targets: Int[Array, "B T"], *,
    mask: Bool[Array, "B T"] | None = None, chunk: int = 256, temperature: float | None = None,
) -> tuple[Float[Array, "B T"], Float[Array, "B T"]]:
  """(log p of the targets, log-sum-exp of the logits behind it), fp32, both differentiable.

  Args:
    targets: the next token of each position; any valid id where there is none.
    mask: positions that are wanted; the others come back as 0 and cost (almost) nothing: each row's wanted positions
      are taken first, and the chunks behind the last of them are not computed.
    chunk: tokens whose logits exist at a time, on each device. With a trained head each chunk adds a gradient of the
      head's size to the sum, so that larger chunks are faster (512 to 1024 on CPU).
    temperature: divides the logits.

  On a mesh with Auto axes each device does its own tokens with the whole head (but for the tensor axis), which is
  gathered once per pass, and whose gradient is summed over the devices once, behind the last chunk: left to the
  compiler, the logits of all rows would exist on every device, and each chunk would sum a gradient of the head's size.
  """
  run = functools.partial(_tokens, config.final_softcap, 1.0 if temperature is None else temperature, chunk)
  return gathering.by_token(run, decoder.head(params), {"table": ("vocab", "model"), "kernel": ("model", "vocab")},
                            hidden, targets, mask)


def _tokens(
    softcap: float | None, temperature: float, chunk: int, gathers: gathering.Gathers, arrays: dict[str, jax.Array],
    hidden: Float[Array, "B T D"], targets: Int[Array, "B T"], mask: Bool[Array, "B T"] | None,
) -> tuple[Float[Array, "B T"], Float[Array, "B T"]]:
  """`token_scores` of the tokens of one device."""
  batch, length = targets.shape
  columns = min(max(1, chunk // batch), length)
  order = jnp.broadcast_to(jnp.arange(length), targets.shape) if mask is None else (
      jnp.argsort(~mask, axis=1, stable=True))  # wanted positions first, in their order
  places = jnp.pad(order, [(0, 0), (0, -length % columns)], constant_values=length)  # one too far: dropped
  wanted = jnp.int32(length) if mask is None else jnp.max(jnp.sum(mask, axis=1, dtype=jnp.int32))
  out = _scores(softcap, temperature, columns, gathers, arrays, hidden, targets, places, -(-wanted // columns))
  return out if mask is None else tuple(jnp.where(mask, x, 0.0) for x in out)


def _at(places: Int[Array, "B T"], step: jax.Array, columns: int) -> Int[Array, "B C"]:
  """Positions of one chunk."""
  return jax.lax.dynamic_slice_in_dim(places, step * columns, columns, axis=1)


def _take(x: Float[Array, "B T ..."], at: Int[Array, "B C"]) -> Float[Array, "B C ..."]:
  return jnp.take_along_axis(x, at.reshape(at.shape + (1,) * (x.ndim - 2)), axis=1, mode="fill", fill_value=0)


def _put(x: Float[Array, "B T ..."], part: Float[Array, "B C ..."], at: Int[Array, "B C"]) -> Float[Array, "B T ..."]:
  return jax.vmap(lambda row, new, at: row.at[at].set(new.astype(x.dtype), mode="drop"))(x, part, at)


def _raw(arrays: dict[str, jax.Array], x: Float[Array, "B C D"]) -> Float[Array, "B C V"]:
  return layers.linear(x, **arrays, axis="vocab", out_dtype=jnp.float32)


def _finish(raw: Float[Array, "B C V"], softcap: float | None, temperature: float) -> Float[Array, "B C V"]:
  """Logits after soft cap and temperature."""
  capped = raw if softcap is None else softcap * jnp.tanh(raw / softcap)
  return capped / temperature


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2, 3))
def _scores(
    softcap: float | None, temperature: float, columns: int, gathers: gathering.Gathers, arrays: dict[str, jax.Array],
    hidden: Float[Array, "B T D"], targets: Int[Array, "B T"], places: Int[Array, "B T"], steps: Int[Array, ""],
) -> tuple[Float[Array, "B T"], Float[Array, "B T"]]:
  """Log-probs and log-sum-exp of the positions in the first `steps` chunks of `places`, 0 elsewhere."""
  arrays = gathers.whole(arrays, hidden.dtype)

  def body(step, carry):
    out, sums = carry
    at = _at(places, step, columns)
    logits = _finish(_raw(arrays, _take(hidden, at)), softcap, temperature)
    total = jax.nn.logsumexp(logits, axis=-1)
    hot = _take(targets, at)[..., None] == jnp.arange(logits.shape[-1])
    picked = jnp.sum(jnp.where(hot, logits, 0.0), axis=-1)  # not a gather: the vocabulary may be sharded
    return _put(out, picked - total, at), _put(sums, total, at)
  zeros = jnp.zeros_like(targets, jnp.float32)
  return jax.lax.fori_loop(0, steps, body, (zeros, zeros))


def _keep(softcap, temperature, columns, gathers, arrays, hidden, targets, places, steps):
  # Which arrays are trained travels as the keys of `trained`: gradients of a frozen head are not computed.
  trained = {name: () for name, array in arrays.items() if array.perturbed}
  arrays = {name: array.value for name, array in arrays.items()}
  given = hidden.value, targets.value, places.value, steps.value
  out = _scores(softcap, temperature, columns, gathers, arrays, *given)
  return out, (trained, arrays, *given, out[1])


def _backward(softcap, temperature, columns, gathers, kept, grads):
  """Recomputes the logits chunk by chunk; d logp / d logits = onehot - softmax, d logsumexp / d logits = softmax."""
  trained, divided, hidden, targets, places, steps, sums = kept
  arrays = gathers.whole(divided, hidden.dtype)
  frozen = {name: array for name, array in arrays.items() if name not in trained}
  moving = {name: arrays[name] for name in trained}
  grad_out, grad_sums = (jnp.zeros_like(sums) if isinstance(grad, jax.custom_derivatives.SymbolicZero) else grad
                         for grad in grads)

  def body(step, carry):
    grad_hidden, grad_arrays = carry
    at = _at(places, step, columns)
    take = lambda x: _take(x, at)[..., None]
    raw, pull = jax.vjp(lambda moving, x: _raw(frozen | moving, x), moving, _take(hidden, at))
    capped = raw if softcap is None else softcap * jnp.tanh(raw / softcap)
    weights = jnp.exp(capped / temperature - take(sums))
    hot = take(targets) == jnp.arange(raw.shape[-1])
    slope = (hot * take(grad_out) - weights * take(grad_out - grad_sums)) / temperature
    if softcap is not None:
      slope = slope * (1 - (capped / softcap) ** 2)
    more, grad_x = pull(slope)
    more = gathers.kept(jax.tree.map(lambda a, b: a + b.astype(a.dtype), grad_arrays, more))
    return _put(grad_hidden, grad_x, at), more

  zeros = gathers.kept(jax.tree.map(lambda x: jnp.zeros_like(x, jnp.float32), moving))
  grad_hidden, grad_moving = jax.lax.fori_loop(0, steps, body, (jnp.zeros_like(hidden), zeros))
  grads: dict[str, Any] = {name: None for name in arrays}
  for name, value in gathers.summed(grad_moving).items():
    grads[name] = value.astype(divided[name].dtype)
  return grads, grad_hidden, None, None, None


_scores.defvjp(_keep, _backward, symbolic_zeros=True)
