"""GPU attention: tokamax's portable form equals the reference, its kernels lower; on a GPU every path is compared."""

import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax.models import attention, gpu_attention

ON_GPU = jax.default_backend() == "gpu"
LAYERS = [(None, None), (700, None), (None, 50.0), (700, 50.0)]  # window, soft cap


def make(length, heads, kv_heads, size, dtype):
  keys = jax.random.split(jax.random.key(0), 4)
  q, k, v, weights = (jax.random.normal(key, (2, length, n, size), dtype)
                      for key, n in zip(keys, (heads, kv_heads, kv_heads, heads), strict=True))
  return (q * (3 * size ** -0.5), k, v), weights


def documents(length, padding):
  """Segment ids of two rows: documents of 300 and of 170 tokens, and padding."""
  places = jnp.arange(length)
  return jnp.where(places < length - padding, 1 + jnp.stack([places // 300, places // 170]), 0)


def with_gradients(attend, arrays, weights):
  """Output and gradients of a weighted sum of it."""
  def loss(*arrays):
    out = attend(*arrays)
    return jnp.sum((out * weights).astype(jnp.float32)), out
  (_, out), grads = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))(*arrays)
  return out, grads


@pytest.mark.parametrize("window, softcap, packed", [(100, 2.0, True), (90, None, False)])
def test_tokamax_masks_as_the_reference_does(assert_close, window, softcap, packed):
  """Its implementation for any device is given what the kernels are given."""
  pytest.importorskip("tokamax", reason="tokamax comes with the extras cuda and tpu")
  arrays, weights = make(300, 4, 2, 16, jnp.float32)
  segments = documents(300, 20) if packed else jnp.ones((2, 300), jnp.int32)
  run = functools.partial(gpu_attention.run_tokamax, implementation="xla")
  got = with_gradients(lambda q, k, v: run(q, k, v, segments, segments, None, window, softcap, packed), arrays, weights)
  mask = attention.causal_mask(segments, window)
  expected = with_gradients(lambda q, k, v: attention.reference(q, k, v, mask, softcap), arrays, weights)
  assert_close(got, expected, 2e-5)
  part = slice(128, 256)
  later = jax.jit(lambda q, k, v, start: run(q, k, v, segments[:, part], segments, start, window, softcap, packed))
  assert_close(later(arrays[0][:, part], *arrays[1:], 128), expected[0][:, part], 2e-5)


@pytest.mark.filterwarnings("ignore:The out_shape and scratch_shapes")
@pytest.mark.parametrize("size", [64, 256])
def test_hopper_kernels_lower(size):
  """Forward and backward become Mosaic GPU code without a GPU, with soft cap, window and segments."""
  tokamax = pytest.importorskip("tokamax", reason="tokamax comes with the extras cuda and tpu")
  utils = pytest.importorskip("tokamax._src.gpu_utils")
  from absl import flags
  flags.FLAGS.mark_as_parsed()
  arrays = [jax.ShapeDtypeStruct((2, 1000, heads, size), jnp.bfloat16) for heads in (4, 2, 2)]

  def loss(q, k, v, segments):
    return jnp.sum(gpu_attention.run_tokamax(q, k, v, segments, segments, None, 500, 50.0, True,
                                             implementation="mosaic_gpu").astype(jnp.float32))

  with (mock.patch.object(utils, "is_sm90", lambda device=None: True),
        mock.patch.object(utils, "is_sm100", lambda device=None: False), tokamax.config.cross_compile(True)):
    lowered = jax.export.export(
        jax.jit(jax.grad(loss, argnums=(0, 1, 2))), platforms=["cuda"],
        disabled_checks=tokamax.DISABLE_JAX_EXPORT_CHECKS)(*arrays, jax.ShapeDtypeStruct((2, 1000), jnp.int32))
  assert lowered.mlir_module().count("custom_call @mosaic_gpu") == 3


@pytest.mark.gpu
@pytest.mark.skipif(not ON_GPU, reason="no GPU: JAX sees " + jax.default_backend())
@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("window, softcap", LAYERS)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("path", ["cudnn", "tokamax", "blocked"])
def test_every_path_on_a_gpu(path, packed, window, softcap, size):
  """Output and gradients in bf16 beside the reference in fp32 on the same numbers, at 2,000 tokens."""
  layer = attention.Layer(size, window=window, softcap=softcap, packed=packed, platform="gpu",
                          device=jax.devices()[0].device_kind)
  why = attention.PATHS[path].refusal(layer)
  if why is not None:
    pytest.skip(why)
  length = 2000
  segments = documents(length, 50) if packed else jnp.where(jnp.arange(length) < 1950, 1, 0) * jnp.ones((2, 1), int)
  arrays, weights = make(length, 8, 4, size, jnp.bfloat16)
  weights = weights * (segments > 0)[..., None, None]
  attend = lambda q, k, v: attention.attend(q, k, v, segments, window=window, softcap=softcap, path=path, packed=packed)
  got = with_gradients(attend, arrays, weights)
  mask = attention.causal_mask(segments, window)
  wide = tuple(x.astype(jnp.float32) for x in arrays)
  with jax.default_matmul_precision("highest"):
    expected = with_gradients(lambda q, k, v: attention.reference(q, k, v, mask, softcap), wide,
                              weights.astype(jnp.float32))
  real = np.asarray(segments > 0)
  np.testing.assert_array_less(error(got[0][real], expected[0][real]), 0.02)
  for a, b in zip(got[1], expected[1], strict=True):
    np.testing.assert_array_less(error(a, b), 0.03)


def error(got, expected):
  """Root mean square of the difference over that of the expected."""
  got, expected = (np.asarray(x.astype(jnp.float32), np.float64) for x in (got, expected))
  return np.sqrt(np.mean((got - expected) ** 2) / np.mean(expected ** 2))
