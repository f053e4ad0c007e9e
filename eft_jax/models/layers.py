"""The parts of a decoder layer as Flax NNX modules; a module binds the arrays it is given, of one layer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from eft_jax.models import sharding
from eft_jax.models.config import ModelConfig

Rope = tuple[Float[Array, "B T R/2"], Float[Array, "B T R/2"]]  # cosines and sines of the R turned dimensions
Ropes = dict[str, Rope]                                         # by kind of attention layer


def linear(
    x: Float[Array, "... D"], kernel: Float[Array, "D F"] | None = None, lora_a: Float[Array, "D R"] | None = None,
    lora_b: Float[Array, "R F"] | None = None, *, table: Float[Array, "F D"] | None = None, axis: str | None = None,
    out_dtype: Any = None,
) -> Float[Array, "... F"]:
  """x @ kernel (+ x @ lora_a @ lora_b): the one matmul of the model, in x's dtype with accumulation in fp32.

  Args:
    table: instead of `kernel` for a tied head; contracted where it lies, because a transpose would be a copy of it.
    axis: logical name of the output dimension.
  """
  # Rows are flattened because XLA's CPU backend copies both operands transposed for the weight gradient of a
  # three-dimensional x, which takes as long as the matmuls. Rows in parts cannot be: they would have to be gathered.
  rows = x if sharding.tokens_divided() else x.reshape(-1, x.shape[-1])

  def matmul(x, w, contracted, axis, dtype):
    where = sharding.like(x, *[None] * (x.ndim - 2), axis)
    return jax.lax.dot_general(x, w.astype(x.dtype), (((x.ndim - 1,), (contracted,)), ((), ())),
                               preferred_element_type=dtype, out_sharding=where)

  y = matmul(rows, kernel, 0, axis, out_dtype) if table is None else matmul(rows, table, 1, axis, out_dtype)
  if lora_a is not None:
    y = y + matmul(matmul(rows, lora_a, 0, None, None), lora_b, 0, axis, out_dtype)
  middle = [None] * (x.ndim - 2)
  return jax.lax.reshape(y, (*x.shape[:-1], y.shape[-1]), out_sharding=sharding.like(x, *middle, axis))


class Linear(nnx.Module):
  """`linear` with its arrays: `kernel`, and `lora_a`, `lora_b` where `lora.apply` put them."""

  def __init__(self, params: dict[str, Any], axis: str | None):
    self.axis = axis
    self.kernel = nnx.Param(params["kernel"])
    self.lora_a = nnx.Param(params["lora_a"]) if "lora_a" in params else None
    self.lora_b = nnx.Param(params["lora_b"]) if "lora_b" in params else None

  def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... F"]:
    if self.lora_a is None:
      return linear(x, self.kernel[...], axis=self.axis)
    return linear(x, self.kernel[...], self.lora_a[...], self.lora_b[...], axis=self.axis)


class RMSNorm(nnx.Module):
  """x / rms(x) * scale, or * (1 + scale) where norms are zero-centred, computed in fp32."""

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.eps, self.offset = config.norm_eps, 1.0 if config.zero_centered_norms else 0.0
    self.scale = nnx.Param(params["scale"])

  def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... D"]:
    return (normalize(x, self.eps) * (self.offset + self.scale[...].astype(jnp.float32))).astype(x.dtype)


def normalize(x: Float[Array, "... D"], eps: float) -> Float[Array, "... D"]:
  """x / rms(x), in fp32."""
  wide = x.astype(jnp.float32)
  return wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + eps)


def rope_tables(config: ModelConfig, positions: Int[Array, "B T"]) -> Ropes:
  """Cosines and sines of the rotary embedding by kind of attention layer, fp32.

  RoFormer, arXiv:2104.09864, section 3.2; positions of global layers are divided by `rope_scale` (arXiv:2306.15595).
  """
  half = config.rotary_dim // 2

  def table(base: float, scale: float) -> Rope:
    frequencies = base ** (-jnp.arange(half, dtype=jnp.float32) / half) / scale
    angles = positions[..., None].astype(jnp.float32) * frequencies
    return jnp.cos(angles), jnp.sin(angles)

  ropes = {"global": table(config.rope_base, config.rope_scale)}
  if "local" in config.pattern:
    own = config.local_rope_base is not None
    ropes["local"] = table(config.local_rope_base, 1.0) if own else ropes["global"]
  return ropes


def rotate(x: Float[Array, "B T H E"], rope: Rope) -> Float[Array, "B T H E"]:
  """Turns the pairs (x[i], x[i + R/2]) of the first R dimensions by the angle of their position.

  The half-split order of Hugging Face; R is twice the width of the tables.
  """
  cos, sin = (table[:, :, None] for table in rope)
  half = cos.shape[-1]
  wide = x.astype(jnp.float32)
  low, high, rest = wide[..., :half], wide[..., half:2 * half], wide[..., 2 * half:]
  return jnp.concatenate([low * cos - high * sin, high * cos + low * sin, rest], axis=-1).astype(x.dtype)


class Attention(nnx.Module):
  """Projections around a mixer: `mix(q, k, v)` does the attention, packed or cached; q comes scaled."""

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.config = config
    self.q = Linear(params["q"], "heads")
    self.k, self.v = (Linear(params[name], "kv_heads") for name in ("k", "v"))
    self.o = Linear(params["o"], None)
    self.q_norm, self.k_norm = (RMSNorm(config, params[name]) if config.qk_norm else None
                                for name in ("q_norm", "k_norm"))

  def __call__(self, x: Float[Array, "B T D"], rope: Rope, mix: Callable) -> Float[Array, "B T D"]:
    size, gate = self.config.head_dim, None
    q, k, v = self._heads(self.q, x, size * (2 if self.config.output_gate else 1)), *(
        self._heads(linear, x, size) for linear in (self.k, self.v))
    if self.config.output_gate:
      q, gate = q[..., :size], q[..., size:]
    if self.config.qk_norm:
      q, k = self.q_norm(q), self.k_norm(k)
    scale = (self.config.query_scalar or size) ** -0.5
    mixed = mix((rotate(q, rope) * scale).astype(x.dtype), rotate(k, rope), v)
    if gate is not None:
      mixed = mixed * jax.nn.sigmoid(gate)
    return self.o(jax.lax.reshape(mixed, (*x.shape[:2], mixed.shape[2] * size),
                                  out_sharding=sharding.like(x, None, "heads")))

  def _heads(self, linear: Linear, x: Float[Array, "B T D"], size: int) -> Float[Array, "B T H E"]:
    y = linear(x)
    return jax.lax.reshape(y, (*x.shape[:2], y.shape[-1] // size, size),
                           out_sharding=sharding.like(x, None, linear.axis, None))


class MLP(nnx.Module):
  """Gated feed-forward: down(activation(gate(x)) * up(x))."""

  ACTIVATIONS = {"silu": jax.nn.silu, "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True)}

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.activation = config.activation
    self.gate, self.up = (Linear(params[name], "hidden") for name in ("gate", "up"))
    self.down = Linear(params["down"], None)

  def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... D"]:
    return self.down(self.ACTIVATIONS[self.activation](self.gate(x)) * self.up(x))
