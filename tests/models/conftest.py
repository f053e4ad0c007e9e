"""Tiny decoders and packed rows for the tests of models."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models

TINY = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=97)
LOCAL = dataclasses.replace(TINY, pattern=("local", "global"), window=5, num_layers=3, attention_softcap=4.0,
                            final_softcap=3.0, tie_embeddings=False)


def make_model(config):
  params = jax.tree.map(lambda x: 1.4 * x, models.init(config, jax.random.key(0)))
  return types.SimpleNamespace(config=config, params=params)


@pytest.fixture(scope="session")
def tiny():
  """config and params of a plain decoder."""
  return make_model(TINY)


@pytest.fixture(scope="session", params=["plain", "local"])
def model(request, tiny):
  """The plain decoder, and one with windows, a cut-short pattern, soft caps and a head of its own."""
  return tiny if request.param == "plain" else make_model(LOCAL)


@pytest.fixture(scope="session")
def pack():
  """Makes one packed row of documents of some lengths: tokens, positions, segment_ids, each [1, length]."""
  def make(lengths, length, vocab_size=97, seed=0):
    tokens = np.random.default_rng(seed).integers(1, vocab_size, length)
    segments, positions = np.zeros(length, np.int32), np.zeros(length, np.int32)
    start = 0
    for number, count in enumerate(lengths, 1):
      segments[start:start + count], positions[start:start + count] = number, np.arange(count)
      start += count
    return tuple(jnp.asarray(x, jnp.int32)[None] for x in (tokens * (segments > 0), positions, segments))
  return make


@pytest.fixture(scope="session")
def assert_close():
  """Equal within tolerance x the largest magnitude of the second; for trees leaf by leaf."""
  def check(a, b, tolerance=1e-5):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
      x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
      assert x.shape == y.shape
      assert np.max(np.abs(x - y), initial=0) <= tolerance * max(np.max(np.abs(y), initial=0), 1e-12)
  return check
