"""Causal attention in static query blocks with a backward pass of its own: the path of the CPU, plain XLA throughout.

Against the plain formulation it skips the keys above the diagonal and outside the window, keeps heads in front so that
every matmul is a batched one on contiguous blocks, adds the mask as a bias that is made once per block and not once per
head, and recomputes the weights in the backward pass from the saved log-sum-exp (FlashAttention-2, arXiv:2307.08691,
algorithms 1 and 2, without the loop over key blocks).
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float, Int

MASKED = -1e30   # finite, so that a row with nothing to see (a padded query) stays finite
BLOCK = 64       # rows of queries: a multiple of this,
MAX_BLOCKS = 8   # in at most this many blocks, because each is unrolled in the program


def run(
    q: Float[Array, "B T H E"], k: Float[Array, "B S K E"], v: Float[Array, "B S K E"], segments: Int[Array, "B T"],
    key_segments: Int[Array, "B S"], start: Int[Array, ""] | None, window: int | None, softcap: float | None,
    packed: bool = True,
) -> Float[Array, "B T H E"]:
  """See `attention.Path`. Scores of one block exist at a time: B x H x T/8 x S floats at most."""
  del packed  # the segments say all
  batch, length, heads, size = q.shape
  groups = heads // k.shape[2]
  q = q.reshape(batch, length, k.shape[2], groups, size).transpose(0, 2, 3, 1, 4)  # [B, K, G, T, E]
  where = segments, key_segments, start
  out = _attend(q, k.transpose(0, 2, 1, 3), v.transpose(0, 2, 1, 3), where, window, softcap)
  return out.transpose(0, 3, 1, 2, 4).reshape(batch, length, heads, size)


def blocks(length: int, window: int | None, keys: int | None = None) -> list[tuple[slice, slice]]:
  """(queries, keys) of each block: the keys that any of its queries may see.

  Args:
    keys: their number where the queries begin anywhere in the row, so that any may be seen.
  """
  size = -(-length // MAX_BLOCKS)
  size = -(-size // BLOCK) * BLOCK
  starts = range(0, length, size)
  if keys is not None:
    return [(slice(start, min(start + size, length)), slice(0, keys)) for start in starts]
  first = lambda start: 0 if window is None else max(0, start - window + 1)
  return [(slice(start, min(start + size, length)), slice(first(start), min(start + size, length))) for start in starts]


def _blocks_of(where, window):
  segments, key_segments, start = where
  return blocks(segments.shape[1], window, None if start is None else key_segments.shape[1])


def _scores(q, k, where, rows, columns, window, softcap):
  """Masked fp32 scores [B, K, G, t, s] of one block, and the capped ones before masking."""
  segments, key_segments, start = where
  places = jnp.arange(key_segments.shape[1])
  back = places[rows, None] + (0 if start is None else start) - places[None, columns]
  near = back >= 0 if window is None else (back >= 0) & (back < window)
  seen = near[None] & (segments[:, rows, None] == key_segments[:, None, columns])
  # The barrier keeps XLA from fusing the comparisons into the loop over heads, where they cost more than the exp.
  bias = jax.lax.optimization_barrier(jnp.where(seen, 0.0, MASKED))  # [B, t, s]
  scores = _dot(q[:, :, :, rows], k[:, :, columns])
  if softcap is not None:
    scores = softcap * jnp.tanh(scores / softcap)
  return scores + bias[:, None, None], scores


def _dot(a: Float[Array, "B K G T E"], b: Float[Array, "B K S E"]) -> Float[Array, "B K G T S"]:
  """a @ b^T in fp32; the groups of one key head are rows of one matmul."""
  batch, heads, groups, length, size = a.shape
  out = jax.lax.dot_general(a.reshape(batch, heads, groups * length, size), b, (((3,), (3,)), ((0, 1), (0, 1))),
                            preferred_element_type=jnp.float32)
  return out.reshape(batch, heads, groups, length, b.shape[2])


def _mix(p: Float[Array, "B K G T S"], b: Float[Array, "B K S E"]) -> Float[Array, "B K G T E"]:
  """p @ b in fp32."""
  batch, heads, groups, length, keys = p.shape
  out = jax.lax.dot_general(p.reshape(batch, heads, groups * length, keys).astype(b.dtype), b,
                            (((3,), (2,)), ((0, 1), (0, 1))), preferred_element_type=jnp.float32)
  return out.reshape(batch, heads, groups, length, b.shape[3])


def _gather(p: Float[Array, "B K G T S"], a: Float[Array, "B K G T E"]) -> Float[Array, "B K S E"]:
  """p^T @ a in fp32, summed over the groups of a key head."""
  batch, heads, groups, length, keys = p.shape
  flat = lambda x: x.reshape(batch, heads, groups * length, x.shape[-1])
  # In this order, and then transposed: XLA's CPU matmul takes 2.4 times as long for p^T @ a as for a^T @ p.
  return jax.lax.dot_general(flat(a), flat(p).astype(a.dtype), (((2,), (2,)), ((0, 1), (0, 1))),
                             preferred_element_type=jnp.float32).swapaxes(2, 3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _attend(q, k, v, where, window, softcap):
  return _forward(q, k, v, where, window, softcap)[0]


def _forward(q, k, v, where, window, softcap):
  """Output [B, K, G, T, E] in q's dtype and log-sum-exp [B, K, G, T] of the scores."""
  outs, sums = [], []
  for rows, columns in _blocks_of(where, window):
    scores, _ = _scores(q, k, where, rows, columns, window, softcap)
    top = jnp.max(scores, axis=-1, keepdims=True)
    weights = jnp.exp(scores - top)
    total = jnp.sum(weights, axis=-1)
    outs.append((_mix(weights, v[:, :, columns]) / total[..., None]).astype(q.dtype))
    sums.append(top[..., 0] + jnp.log(total))
  return jnp.concatenate(outs, axis=3), jnp.concatenate(sums, axis=3)


def _keep(q, k, v, where, window, softcap):
  # Named, so that a remat policy can keep them and the backward pass need not run the attention again.
  out, sums = (checkpoint_name(x, "attention") for x in _forward(q, k, v, where, window, softcap))
  return out, (q, k, v, where, out, sums)


def _backward(window, softcap, kept, grad):
  q, k, v, where, out, sums = kept
  delta = jnp.sum(grad.astype(jnp.float32) * out.astype(jnp.float32), axis=-1)  # [B, K, G, T]
  grads_q, grad_k, grad_v = [], jnp.zeros_like(k, jnp.float32), jnp.zeros_like(v, jnp.float32)
  for rows, columns in _blocks_of(where, window):
    scores, capped = _scores(q, k, where, rows, columns, window, softcap)
    weights = jnp.exp(scores - sums[:, :, :, rows, None])
    grad_rows = grad[:, :, :, rows]
    grad_v = grad_v.at[:, :, columns].add(_gather(weights, grad_rows))
    slope = weights * (_dot(grad_rows, v[:, :, columns]) - delta[:, :, :, rows, None])
    if softcap is not None:
      slope = slope * (1 - (capped / softcap) ** 2)
    grads_q.append(_mix(slope, k[:, :, columns]).astype(q.dtype))
    grad_k = grad_k.at[:, :, columns].add(_gather(slope, q[:, :, :, rows]))
  return jnp.concatenate(grads_q, axis=3), grad_k.astype(k.dtype), grad_v.astype(v.dtype), None


_attend.defvjp(_keep, _backward)
