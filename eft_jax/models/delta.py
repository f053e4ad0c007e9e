"""The gated-delta mixer (Qwen3.5, arXiv:2412.06464): projections, convolution, the delta rule, a gated norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from eft_jax.models import gated_delta, gathering, layers, sharding
from eft_jax.models.config import ModelConfig


class State(NamedTuple):
  """What a sequence carries on: inputs of the convolution for the next token's taps, and the memories (fp32)."""

  conv: Float[Array, "B W-1 C"]
  memory: gated_delta.Memory


class GatedDelta(nnx.Module):
  """`mix(run)` decides on documents and state: it returns y of `y, state = run(runs, state, valid)`."""

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.shape, self.eps = config.delta, config.norm_eps
    # Explicit axes: outputs are gathered, because queries, keys and values lie behind each other in one kernel.
    self.qkv, self.z, self.a, self.b, self.o = (
        layers.Linear(params[name], None) for name in ("qkv", "z", "a", "b", "o"))
    self.taps = nnx.Param(params["conv"]["taps"])
    self.log_rate, self.bias = nnx.Param(params["decay"]["log_rate"]), nnx.Param(params["decay"]["bias"])
    self.scale = nnx.Param(params["norm"]["scale"])

  def __call__(self, x: Float[Array, "B T D"], mix: Callable) -> Float[Array, "B T D"]:
    shape, wide = self.shape, lambda param: param[...].astype(jnp.float32)
    # Auto axes: whole rows come to each device for its channels, then its heads; a memory cannot be cut along a row.
    qkv = gathering.keep(self.qkv(x), "batch", None, "channels")
    z = gathering.keep(self._heads(self.z(x), shape.value_dim), "batch", "tokens", "heads", None)
    decay = -jnp.exp(wide(self.log_rate)) * jax.nn.softplus(self.a(x).astype(jnp.float32) + wide(self.bias))
    strength = jax.nn.sigmoid(self.b(x)).astype(jnp.float32)

    def run(runs: Int[Array, "B T"], state: State | None = None, valid: Bool[Array, "B T"] | None = None):
      """Outputs [B, T, H, V] and the new state; tokens that are not valid (on the right) leave the state alone."""
      if state is None:
        conv = jnp.zeros((x.shape[0], shape.conv_width - 1, shape.channels), x.dtype,
                         out_sharding=sharding.like(x, None, None))
        state = State(conv, gated_delta.no_memory(x, shape.num_value_heads, shape.key_dim, shape.value_dim))
      q, k, v = self._split(gated_delta.convolve(qkv, self.taps[...], runs, state.conv).astype(x.dtype))
      keep, write = decay, strength
      if valid is not None:
        keep, write = (jnp.where(valid[..., None], value, 0.0) for value in (decay, strength))
      rule = gated_delta.recurrent if x.shape[1] == 1 else gated_delta.chunked
      q, k, v, keep, write = (gathering.keep(value, "batch", None, "delta_heads", *[None] * (value.ndim - 3))
                              for value in (q, k, v, keep, write))
      y, memory = rule(q, k, v, keep, write, runs, state.memory)
      return y, State(_latest(state.conv, qkv, valid), memory)

    y = gathering.keep(mix(run), "batch", "tokens", "heads", None)
    y = layers.normalize(y, self.eps).astype(x.dtype) * self.scale[...].astype(x.dtype)
    y = (y * jax.nn.silu(z.astype(jnp.float32))).astype(x.dtype)
    return self.o(y.reshape(*x.shape[:2], shape.values))

  def _heads(self, y: Float[Array, "B T C"], size: int) -> Float[Array, "B T H E"]:
    return y.reshape(*y.shape[:2], -1, size)

  def _split(self, qkv: Float[Array, "B T C"]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normed and scaled queries, normed keys, values, each of the value heads, fp32."""
    shape = self.shape
    groups = shape.num_value_heads // shape.num_key_heads
    qkv = qkv.astype(jnp.float32)

    def unit(x):
      x = self._heads(x, shape.key_dim)
      x = x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + 1e-6)
      return jnp.repeat(x, groups, axis=2)

    q, k, v = qkv[..., :shape.keys], qkv[..., shape.keys:2 * shape.keys], qkv[..., 2 * shape.keys:]
    return unit(q) * shape.key_dim ** -0.5, unit(k), self._heads(v, shape.value_dim)


def _latest(past: Float[Array, "B W-1 C"], x: Float[Array, "B T C"],
            valid: Bool[Array, "B T"] | None) -> Float[Array, "B W-1 C"]:
  """The last W - 1 inputs up to the last valid token."""
  both = jnp.concatenate([past, x.astype(past.dtype)], axis=1)
  if valid is None:
    return both[:, x.shape[1]:]
  ends = jnp.sum(valid, axis=1)[:, None] + jnp.arange(past.shape[1])  # [B, W-1]
  return jnp.take_along_axis(both, ends[..., None], axis=1)
