"""Every attention path equals the reference, forward and backward, packed, windowed and capped."""

import functools
import importlib.util
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eft_jax import models
from eft_jax.core.settings import ConfigError
from eft_jax.models import attention, blocked_attention

LENGTH, HEADS, KV_HEADS, SIZE = 150, 6, 2, 8


@functools.partial(jax.jit, static_argnames=("window", "softcap", "path"))
def run(q, k, v, segments, weights, window, softcap, path):
  """Output and gradients of a weighted sum of it."""
  def loss(q, k, v):
    out = attention.attend(q, k, v, segments, window=window, softcap=softcap, path=path)
    return jnp.sum(out * weights), out
  (_, out), grads = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(q, k, v)
  return out, grads


@pytest.fixture(scope="module")
def arrays():
  keys = jax.random.split(jax.random.key(0), 4)
  make = lambda key, heads: jax.random.normal(key, (2, LENGTH, heads, SIZE))
  return make(keys[0], HEADS), make(keys[1], KV_HEADS), make(keys[2], KV_HEADS), make(keys[3], HEADS)


@pytest.mark.parametrize("window, softcap", [(None, None), (None, 2.0), (20, None), (70, 1.5), (2, None)])
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.lists(st.integers(0, LENGTH), max_size=4), min_size=2, max_size=2))
def test_blocked_equals_reference(arrays, assert_close, window, softcap, cuts):
  number = lambda row: np.searchsorted(np.sort(row), np.arange(LENGTH), side="right")
  segments = jnp.asarray([number(row) for row in cuts], jnp.int32)
  q, k, v, weights = arrays
  expected = run(q, k, v, segments, weights, window, softcap, "reference")
  assert_close(run(q, k, v, segments, weights, window, softcap, "blocked"), expected)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 513, 700])
@pytest.mark.parametrize("window", [None, 10, 1000])
def test_blocks_cover_what_is_seen(length, window):
  blocks = blocked_attention.blocks(length, window)
  assert len(blocks) <= blocked_attention.MAX_BLOCKS
  assert [row for rows, _ in blocks for row in range(length)[rows]] == list(range(length))
  for rows, columns in blocks:
    first = rows.start if window is None else max(0, rows.start - window + 1)
    assert columns.stop == rows.stop and columns.start <= first and (window is not None or columns.start == 0)


def test_scores_of_large_magnitude_stay_finite(arrays, assert_close):
  q, k, v, weights = arrays
  segments = jnp.zeros((2, LENGTH), jnp.int32)
  out, grads = run(300 * q, k, v, segments, weights, None, None, "blocked")
  assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves((out, grads)))
  assert_close(out, run(300 * q, k, v, segments, weights, None, None, "reference")[0], 1e-3)


def test_bf16_paths_agree(arrays):
  q, k, v, weights = (x.astype(jnp.bfloat16) for x in arrays)
  segments = jnp.zeros((2, LENGTH), jnp.int32)
  both = [run(q, k, v, segments, weights, None, None, path) for path in ("blocked", "reference")]
  for a, b in zip(*map(jax.tree.leaves, both), strict=True):
    assert a.dtype == jnp.bfloat16
    np.testing.assert_allclose(a.astype(jnp.float32), b.astype(jnp.float32), atol=0.06, rtol=0.06)


def test_blocked_keeps_less_than_reference():
  """Compiled temporaries of the gradient at 1,024 tokens."""
  q = jax.ShapeDtypeStruct((1, 1024, 4, 16), jnp.float32)
  segments = jax.ShapeDtypeStruct((1, 1024), jnp.int32)
  def size(path):
    grad = jax.grad(lambda q, s: jnp.sum(attention.attend(q, q, q, s, path=path)))
    return jax.jit(grad).lower(q, segments).compile().memory_analysis().temp_size_in_bytes
  assert size("blocked") < 0.7 * size("reference")


def test_the_path_is_said_once(arrays, caplog):
  attention.say_once.cache_clear()
  q, k, v, _ = arrays
  segments = jnp.zeros((2, LENGTH), jnp.int32)
  with caplog.at_level(logging.INFO, logger="eft_jax.models.attention"):
    for window in (None, 20, None):
      attention.attend(q, k, v, segments, window=window)
  assert [record.message for record in caplog.records] == [
      f"attention: {layer} layers take on cpu path blocked" for layer in ("global", "window 20")]


def test_unknown_path_is_refused(arrays):
  with pytest.raises(ConfigError, match="'flash' is unknown, expected 'auto' or one of .*reference"):
    attention.attend(*arrays[:3], jnp.zeros((2, LENGTH), jnp.int32), path="flash")


@pytest.mark.parametrize("path", ["blocked", "reference"])
@pytest.mark.parametrize("window, softcap", [(None, None), (20, 1.5)])
def test_queries_from_the_middle_of_a_row(arrays, assert_close, path, window, softcap):
  """A part of the queries on all keys gives that part of the rows, forward and backward."""
  q, k, v, weights = arrays
  segments = jnp.broadcast_to(jnp.arange(LENGTH) // 40, (2, LENGTH))
  part = slice(64, 107)

  def loss(q, k, v, start):
    out = attention.PATHS[path].run(q, k, v, segments[:, part], segments, start, window, softcap, True)
    return jnp.sum(out * weights[:, part]), out

  (_, out), grads = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))(q[:, part], k, v, part.start)
  masked = weights * jnp.zeros_like(weights).at[:, part].set(1)
  expected, (grad_q, *others) = run(q, k, v, segments, masked, window, softcap, "reference")
  assert_close((out, grads), (expected[:, part], (grad_q[:, part], *others)))


@pytest.mark.parametrize("platform, device, expected", [("cpu", "cpu", "blocked"), ("tpu", "TPU v5 lite", "splash")])
def test_the_choice_for_every_preset(platform, device, expected):
  for name, config in models.PRESETS.items():
    for kind, choice in attention.choices(config, platform=platform, device=device).items():
      assert (choice.path, choice.passed_over) == (expected, ()), (name, kind)


@pytest.mark.parametrize("device, most", [("NVIDIA H100 80GB HBM3", 256), ("NVIDIA B200", 64), ("NVIDIA A100", 0)])
def test_the_choice_for_every_preset_on_gpus(monkeypatch, device, most):
  """Packed rows and soft caps go to tokamax where its kernels do the head size; cuDNN takes the others it can."""
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
  for name, config in models.PRESETS.items():
    for packed in (True, False):
      for kind, choice in attention.choices(config, platform="gpu", device=device, packed=packed).items():
        exact = config.attention_softcap is None and not packed and config.head_dim <= (256 if most else 128)
        kernel = "tokamax" if config.head_dim <= most else "blocked"
        assert choice.path == ("cudnn" if exact else kernel), (name, kind, packed)
        assert [path for path, _ in choice.passed_over] == ["cudnn", "tokamax"][:["cudnn", "tokamax", "blocked"].index(
            choice.path)]


@pytest.mark.parametrize("where, path, reason", [
    ({"platform": "cpu"}, "splash", "'splash' cannot do the global layers: it needs a TPU, not a cpu"),
    ({"platform": "tpu", "dtype": "float16"}, "splash", "takes bfloat16 and float32, not float16"),
    ({"platform": "tpu", "seq": 2, "length": 100}, "splash", "100 tokens .* no multiple of 128: change data"),
    ({"platform": "tpu"}, "cudnn", "needs a GPU, not a tpu"),
    ({"platform": "gpu", "dtype": "float32"}, "tokamax", "bfloat16 and float16, not float32: set compute_dtype"),
    ({"platform": "gpu", "softcap": 50.0, "packed": False}, "cudnn", "no soft cap, the layer has one of 50.0"),
    ({"platform": "gpu"}, "cudnn", "rows are packed .data.packing='none'"),
    ({"platform": "gpu", "packed": False, "seq": 2}, "cudnn", "mesh.seq=2 divides rows"),
    ({"platform": "gpu", "packed": False, "device": "NVIDIA A100", "head_dim": 256}, "cudnn", "up to 128 .* of 256"),
    ({"platform": "gpu", "device": "NVIDIA A100"}, "tokamax", "needs a Hopper or Blackwell GPU, not NVIDIA A100"),
])
def test_a_path_asked_for_by_name_is_never_replaced(monkeypatch, where, path, reason):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
  where = {"head_dim": 64} | where
  with pytest.raises(ConfigError, match=reason):
    attention.choose(attention.Layer(**where), path)


def test_without_tokamax_a_gpu_says_so(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  choice = attention.choose(attention.Layer(64, platform="gpu", device="NVIDIA H100"))
  assert choice.path == "blocked" and "not tokamax: tokamax is not installed (pip install" in str(choice)


def test_auto_says_what_it_passed_over():
  choice = attention.choose(attention.Layer(64, platform="tpu", dtype="float16"))
  assert str(choice) == "blocked; not splash: it takes bfloat16 and float32, not float16"
