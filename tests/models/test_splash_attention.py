"""Splash attention equals the reference in interpret mode, and the real TPU compiler takes it for every preset."""

import functools
import importlib.util
import os

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import topologies
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from eft_jax import models
from eft_jax.models import attention, splash_attention


def documents(length, padding):
  """Segment ids of two rows: documents of 70 and of 33 tokens, and padding."""
  places = jnp.arange(length)
  return jnp.where(places < length - padding, 1 + jnp.stack([places // 70, places // 33]), 0)


def with_gradients(attend, arrays, weights):
  """Output and gradients of a weighted sum of it."""
  def loss(*arrays):
    out = attend(*arrays)
    return jnp.sum(out * weights), out
  (_, out), grads = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))(*arrays)
  return out, grads


def make(length, heads, kv_heads, size):
  keys = jax.random.split(jax.random.key(0), 4)
  q, k, v, weights = (jax.random.normal(key, (2, length, n, size))
                      for key, n in zip(keys, (heads, kv_heads, kv_heads, heads), strict=True))
  return (2 * q, k, v), weights


@pytest.mark.parametrize("length, heads, kv_heads, size, window, softcap, packed", [
    (150, 4, 2, 16, None, None, True), (256, 2, 1, 64, 130, 2.0, False)])
def test_equals_reference(assert_close, length, heads, kv_heads, size, window, softcap, packed):
  arrays, weights = make(length, heads, kv_heads, size)
  segments = documents(length, 20) if packed else jnp.ones((2, length), jnp.int32)
  got = with_gradients(lambda q, k, v: splash_attention.run(
      q, k, v, segments, segments, None, window, softcap, packed, interpret=True), arrays, weights)
  mask = attention.causal_mask(segments, window)
  expected = with_gradients(lambda q, k, v: attention.reference(q, k, v, mask, softcap), arrays, weights)
  assert_close(got, expected, 2e-5)


def test_queries_of_a_part_of_the_row(assert_close, window=100, softcap=3.0):
  """The second half of the queries on all keys gives that half of the rows, forward and backward."""
  (q, k, v), weights = make(512, 2, 1, 16)
  segments, half = documents(512, 20), slice(256, 512)

  def attend(q, k, v, start):
    return splash_attention.run(q, k, v, segments[:, half], segments, start, window, softcap, True, interpret=True)

  out, grads = with_gradients(lambda q, k, v: attend(q[:, half], k, v, jnp.int32(half.start)), (q, k, v),
                              weights[:, half])
  mask = attention.causal_mask(segments, window)
  expected, expected_grads = with_gradients(
      lambda q, k, v: attention.reference(q, k, v, mask, softcap), (q, k, v), weights.at[:, :half.start].set(0))
  assert_close((out, grads), (expected[:, half], expected_grads), 2e-5)


@pytest.mark.parametrize("queries, keys, expected", [
    (128, 128, (128, 128, 128)), (2048, 2048, (512, 1024, 512)), (768, 1536, (384, 768, 384)),
    (8192, 8192, (512, 1024, 512))])
def test_blocks_divide_rows(queries, keys, expected):
  sizes = splash_attention.block_sizes(queries, keys)
  assert (sizes.block_q, sizes.block_kv, sizes.block_kv_compute) == expected
  assert queries % sizes.block_q == 0 and keys % sizes.block_kv == 0 and sizes.block_kv % sizes.block_kv_compute == 0


@pytest.fixture(scope="module")
def pod():
  """Four chips of a TPU v5e that does not exist, for the compiler."""
  if importlib.util.find_spec("libtpu") is None:
    pytest.skip("libtpu, which holds the TPU compiler, is not installed")
  os.environ |= {"TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
  return topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices


def compile_for(pod, kind, sizes, layer, length, heads=4, kv_heads=2):
  """Text of the compiled gradient of one attention layer on a mesh (fsdp, tensor, seq)."""
  mesh = jax.make_mesh(sizes, ("fsdp", "tensor", "seq"), axis_types=(kind,) * 3, devices=pod)
  place = lambda shape, dtype, *axes: jax.ShapeDtypeStruct(
      shape, dtype, sharding=NamedSharding(mesh, PartitionSpec("fsdp", "seq", *axes)))
  q, k = (place((4, length, n, layer.head_dim), layer.dtype, "tensor", None) for n in (heads, kv_heads))
  attend = functools.partial(attention.attend, window=layer.window, softcap=layer.softcap, packed=layer.packed)
  loss = lambda q, k, v, segments: jnp.sum(attend(q, k, v, segments).astype(jnp.float32))
  with jax.set_mesh(mesh):
    lowered = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).lower(q, k, k, place((4, length), jnp.int32))
    return lowered.compile().as_text()


def layers_of_presets():
  """Every attention layer that some preset has."""
  found = {(config.head_dim, config.window if kind == "local" else None, config.attention_softcap)
           for config in models.PRESETS.values() for kind in config.pattern if kind != "delta"}
  return sorted(found, key=repr)


@pytest.mark.slow
@pytest.mark.parametrize("size, window, softcap", layers_of_presets())
def test_the_tpu_compiler_takes_every_preset(pod, size, window, softcap):
  """Forward, dq and dkv kernels at 8,192 tokens, bf16."""
  text = compile_for(pod, AxisType.Auto, (2, 2, 1), attention.Layer(size, window=window, softcap=softcap), 8192)
  assert text.count('custom_call_target="tpu_custom_call"') == 3 and "all-gather" not in text


@pytest.mark.slow
@pytest.mark.parametrize("kind, sizes, length, dtype, gathers", [
    (AxisType.Explicit, (2, 2, 1), 2048, "float32", False), (AxisType.Auto, (1, 1, 4), 4096, "bfloat16", True),
    (AxisType.Explicit, (4, 1, 1), 130, "bfloat16", False)])
def test_the_tpu_compiler_takes_every_mesh(pod, kind, sizes, length, dtype, gathers):
  """Only keys and values of rows that are divided over `seq` travel."""
  layer = attention.Layer(128, dtype, window=1024, softcap=30.0)
  text = compile_for(pod, kind, sizes, layer, length)
  assert text.count('custom_call_target="tpu_custom_call"') == 3 and ("all-gather" in text) == gathers
