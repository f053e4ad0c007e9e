"""Attention on TPU: JAX's splash attention kernels (Pallas), with soft cap, window, segments and grouped heads.

The backward pass takes two kernels: the fused one would write dq once per block of keys, rounded to q's dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as splash
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks
from jaxtyping import Array, Float, Int

if TYPE_CHECKING:
  from eft_jax.models.attention import Layer

TILE = 128  # tokens: blocks are multiples of the TPU's lanes
BLOCK_Q, BLOCK_KV, BLOCK_COMPUTE = 512, 1024, 512  # most of: queries, keys fetched, keys computed at a time
NOBODY = -1  # segment of the tokens that fill a row up to whole tiles


def refusal(layer: Layer) -> str | None:
  """Why the kernels cannot do a layer."""
  if layer.platform != "tpu":
    return f"it needs a TPU, not a {layer.platform}"
  if layer.dtype not in ("bfloat16", "float32"):
    return f"it takes bfloat16 and float32, not {layer.dtype}"
  return layer.uneven(TILE)


def run(
    q: Float[Array, "B T H E"], k: Float[Array, "B S K E"], v: Float[Array, "B S K E"], segments: Int[Array, "B T"],
    key_segments: Int[Array, "B S"], start: Int[Array, ""] | None, window: int | None, softcap: float | None,
    packed: bool, interpret: bool = False,
) -> Float[Array, "B T H E"]:
  """See `attention.Path`; `interpret` runs the kernels on CPU, for tests."""
  length = q.shape[1]
  if start is None:
    q, k, v = (_fill(x, 0) for x in (q, k, v))
    segments, key_segments = (_fill(x, NOBODY) for x in (segments, key_segments))
  kernel = _kernel(q.shape[2], q.shape[1], k.shape[1], window, softcap, interpret)
  if start is not None:
    kernel = _part(kernel, start, q.shape[1], k.shape[1])
  heads_first = (x.swapaxes(1, 2) for x in (q, k, v))
  documents = splash.SegmentIds(segments, key_segments) if packed else None
  return jax.vmap(kernel)(*heads_first, documents).swapaxes(1, 2)[:, :length]


def _fill(x: jax.Array, value: int) -> jax.Array:
  """Rows filled up to whole tiles: nobody looks ahead, so the tokens behind change nothing."""
  return jnp.pad(x, [(0, 0), (0, -x.shape[1] % TILE)] + [(0, 0)] * (x.ndim - 2), constant_values=value)


def block_sizes(queries: int, keys: int) -> splash.BlockSizes:
  """The largest blocks that divide rows of whole tiles."""
  fit = lambda length, most: next(size for size in range(min(most, length), 0, -TILE) if length % size == 0)
  block_q, block_kv = fit(queries, BLOCK_Q), fit(keys, BLOCK_KV)
  compute = fit(block_kv, BLOCK_COMPUTE)
  return splash.BlockSizes(block_q=block_q, block_kv=block_kv, block_kv_compute=compute, block_q_dkv=block_q,
                           block_kv_dkv=block_kv, block_kv_dkv_compute=compute, block_q_dq=block_q,
                           block_kv_dq=block_kv)


def _kernel(heads: int, queries: int, keys: int, window: int | None, softcap: float | None,
            interpret: bool) -> splash.SplashAttentionKernel:
  """The kernel of whole rows of `keys` tokens, to be cut into parts of `queries`."""
  shape = keys, keys
  mask = masks.CausalMask(shape) if window is None else masks.LocalMask(shape, (window - 1, 0), 0)
  # What is named 'attention' is kept by the remat policies of that name.
  return splash.make_splash_mha(
      masks.MultiHeadMask([mask] * heads), block_sizes=block_sizes(queries, keys), attn_logits_soft_cap=softcap,
      head_shards=1, q_seq_shards=keys // queries, residual_checkpoint_name="attention", interpret=interpret)


def _part(kernel: splash.SplashAttentionKernel, start: Int[Array, ""], queries: int,
          keys: int) -> splash.SplashAttentionKernel:
  """The kernel of the queries that begin at `start`: its tables are [heads, blocks of queries, ...] and [queries]."""
  def cut(x):
    axis = 0 if x.ndim == 1 else 1
    size = x.shape[axis] * queries // keys
    return jax.lax.dynamic_slice_in_dim(x, start // queries * size, size, axis)
  return jax.tree.map(cut, kernel)
