"""The parts of a decoder layer as Flax NNX modules; a module binds the arrays it is given, of one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from eft_jax.models import sharding
from eft_jax.models.config import ModelConfig

Rope = tuple[Float[Array, "B T E/2"], Float[Array, "B T E/2"]]


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
  # three-dimensional x, which takes as long as the matmuls.
  rows = x.reshape(-1, x.shape[-1])

  def matmul(x, w, contracted, axis, dtype):
    return jax.lax.dot_general(x, w.astype(x.dtype), (((1,), (contracted,)), ((), ())), preferred_element_type=dtype,
                               out_sharding=sharding.like(x, axis))

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
  """x / rms(x) * scale, computed in fp32."""

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.eps = config.norm_eps
    self.scale = nnx.Param(params["scale"])

  def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... D"]:
    wide = x.astype(jnp.float32)
    inverse = jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + self.eps)
    return (wide * inverse * self.scale[...].astype(jnp.float32)).astype(x.dtype)


def rope_tables(config: ModelConfig, positions: Int[Array, "B T"]) -> Rope:
  """Cosines and sines of the rotary embedding, fp32 (RoFormer, arXiv:2104.09864, section 3.2)."""
  half = config.head_dim // 2
  frequencies = config.rope_base ** (-jnp.arange(half, dtype=jnp.float32) / half)  # [E/2]
  angles = positions[..., None].astype(jnp.float32) * frequencies
  return jnp.cos(angles), jnp.sin(angles)


def rotate(x: Float[Array, "B T H E"], rope: Rope) -> Float[Array, "B T H E"]:
  """Turns the pairs (x[i], x[i + E/2]) by the angle of their position: the half-split order of Hugging Face."""
  cos, sin = (table[:, :, None] for table in rope)
  low, high = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  return jnp.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1).astype(x.dtype)


class Attention(nnx.Module):
  """Projections around a mixer: `mix(q, k, v)` does the attention, packed or cached; q comes scaled."""

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.config = config
    self.q = Linear(params["q"], "heads")
    self.k, self.v = (Linear(params[name], "kv_heads") for name in ("k", "v"))
    self.o = Linear(params["o"], None)

  def __call__(self, x: Float[Array, "B T D"], rope: Rope, mix: Callable) -> Float[Array, "B T D"]:
    batch, length, _ = x.shape
    size = self.config.head_dim

    def heads(linear: Linear) -> Float[Array, "B T H E"]:
      y = linear(x)
      return jax.lax.reshape(y, (batch, length, y.shape[-1] // size, size),
                             out_sharding=sharding.like(x, None, linear.axis, None))

    q = (rotate(heads(self.q), rope) * size ** -0.5).astype(x.dtype)
    mixed = mix(q, rotate(heads(self.k), rope), heads(self.v))
    return self.o(jax.lax.reshape(mixed, (batch, length, mixed.shape[2] * size),
                                  out_sharding=sharding.like(x, None, "heads")))


class MLP(nnx.Module):
  """Gated feed-forward: down(silu(gate(x)) * up(x))."""

  def __init__(self, params: dict[str, Any]):
    self.gate, self.up = (Linear(params[name], "hidden") for name in ("gate", "up"))
    self.down = Linear(params["down"], None)

  def __call__(self, x: Float[Array, "... D"]) -> Float[Array, "... D"]:
    return self.down(jax.nn.silu(self.gate(x)) * self.up(x))


class Block(nnx.Module):
  """One pre-norm layer."""

  def __init__(self, config: ModelConfig, params: dict[str, Any]):
    self.attention_norm = RMSNorm(config, params["attention_norm"])
    self.attention = Attention(config, params["attention"])
    self.mlp_norm = RMSNorm(config, params["mlp_norm"])
    self.mlp = MLP(params["mlp"])

  def __call__(self, x: Float[Array, "B T D"], rope: Rope, mix: Callable) -> Float[Array, "B T D"]:
    x = x + self.attention(self.attention_norm(x), rope, mix)
    return x + self.mlp(self.mlp_norm(x))
