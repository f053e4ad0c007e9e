"""Attention on NVIDIA GPUs: tokamax's Mosaic kernels, and cuDNN's for layers that it does exactly.

cuDNN is the faster one but knows neither soft caps nor segments (`jax.nn.dot_product_attention` has only lengths).
tokamax takes segments and windows as a boolean mask beside the causal flag: with ranges of keys instead, its backward
kernels would no longer skip what is above the diagonal.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

if TYPE_CHECKING:
  from eft_jax.models.attention import Layer

HOPPER = re.compile(r"\b(H100|H200|H800|H20|GH200)\b")
BLACKWELL = re.compile(r"\b(B100|B200|B300|GB200|GB300)\b")
HALF = ("bfloat16", "float16")
TILE = 128  # queries of one block of the Hopper kernels


def _needs(layer: Layer) -> str | None:
  """What both kernels need."""
  if layer.platform != "gpu":
    return f"it needs a GPU, not a {layer.platform}"
  if layer.dtype not in HALF:
    return f"it takes {' and '.join(HALF)}, not {layer.dtype}: set compute_dtype"
  return None


def refuse_cudnn(layer: Layer) -> str | None:
  """Why cuDNN cannot do a layer exactly."""
  if (why := _needs(layer)) is not None:
    return why
  if layer.softcap is not None:
    return f"it has no soft cap, the layer has one of {layer.softcap}"
  if layer.packed:
    return "it knows no segments, and rows are packed (data.packing='none' has one example per row)"
  if layer.seq > 1:
    return f"it begins at the front of a row, and mesh.seq={layer.seq} divides rows"
  most = 256 if HOPPER.search(layer.device) or BLACKWELL.search(layer.device) else 128
  if layer.head_dim % 8 or layer.head_dim > most:
    return f"it takes heads of up to {most} in steps of 8 on {layer.device}, not of {layer.head_dim}"
  return None


def refuse_tokamax(layer: Layer) -> str | None:
  """Why tokamax's Mosaic kernels cannot do a layer."""
  if (why := _needs(layer)) is not None:
    return why
  if importlib.util.find_spec("tokamax") is None:
    return "tokamax is not installed (pip install 'eft_jax[cuda]')"
  if (why := layer.uneven(TILE)) is not None:
    return why
  if BLACKWELL.search(layer.device):
    # The backward kernel of Blackwell runs out of shared memory above that (tokamax 0.0.12).
    return None if layer.head_dim <= 64 else f"on {layer.device} it takes heads of up to 64, not of {layer.head_dim}"
  return None if HOPPER.search(layer.device) else f"it needs a Hopper or Blackwell GPU, not {layer.device}"


def run_cudnn(
    q: Float[Array, "B T H E"], k: Float[Array, "B T K E"], v: Float[Array, "B T K E"], segments: Int[Array, "B T"],
    key_segments: Int[Array, "B T"], start: None, window: int | None, softcap: None, packed: bool,
) -> Float[Array, "B T H E"]:
  """See `attention.Path`: with one document per row causal is all there is, and padding behind it changes nothing."""
  del segments, key_segments, start, softcap, packed  # refuse_cudnn
  return jax.nn.dot_product_attention(
      q, k, v, scale=1.0, is_causal=True, local_window_size=None if window is None else (window - 1, 0),
      implementation="cudnn")


def run_tokamax(
    q: Float[Array, "B T H E"], k: Float[Array, "B S K E"], v: Float[Array, "B S K E"], segments: Int[Array, "B T"],
    key_segments: Int[Array, "B S"], start: Int[Array, ""] | None, window: int | None, softcap: float | None,
    packed: bool, implementation: str = "mosaic",
) -> Float[Array, "B T H E"]:
  """See `attention.Path`; the implementation 'xla' is tokamax's own for any device, for tests."""
  import tokamax
  from absl import flags
  if not flags.FLAGS.is_parsed():  # tokamax would parse the command line of whatever program this is
    flags.FLAGS.mark_as_parsed()
  length = q.shape[1]
  if start is None:
    q, k, v = (_fill(x, 0) for x in (q, k, v))
    segments, key_segments = (_fill(x, -1) for x in (segments, key_segments))
  out = tokamax.dot_product_attention(
      q, k, v, mask=_mask(segments, key_segments, start, window, packed), scale=1.0, is_causal=start is None,
      logits_soft_cap=softcap, implementation=implementation)
  return out[:, :length]


def _mask(segments, key_segments, start, window, packed) -> Bool[Array, "#B 1 T S"] | None:
  """What the causal flag leaves open, or None."""
  parts = []
  if start is not None or window is not None:
    places = jnp.arange(segments.shape[1]) + (0 if start is None else start)
    back = (places[:, None] - jnp.arange(key_segments.shape[1]))[None, None]  # [1, 1, T, S]
    if start is not None:
      parts.append(back >= 0)
    if window is not None:
      parts.append(back < window)
  if packed:
    parts.append((segments[:, :, None] == key_segments[:, None, :])[:, None])
  return functools.reduce(jnp.logical_and, parts) if parts else None


def _fill(x: jax.Array, value: int) -> jax.Array:
  """Rows filled up to whole blocks: nobody looks ahead, so the tokens behind change nothing."""
  return jnp.pad(x, [(0, 0), (0, -x.shape[1] % TILE)] + [(0, 0)] * (x.ndim - 2), constant_values=value)
