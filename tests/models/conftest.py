"""Tiny decoders and packed rows for the tests of models."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models
from eft_jax.models import gated_delta

TINY = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=97)
LOCAL = dataclasses.replace(
    TINY, pattern=("local", "global"), window=5, num_layers=3, attention_softcap=4.0, final_softcap=3.0,
    tie_embeddings=False, local_rope_base=100.0, rope_scale=2.0, zero_centered_norms=True, post_norms=True,
    qk_norm=True, query_scalar=12, activation="gelu_tanh", scale_embeddings=True)
DELTA = models.tiny(models.PRESETS["qwen3_5_4b"], vocab_size=97, pattern=("delta", "global"), num_layers=2)
gated_delta.CHUNK = 8  # so that the rows of these tests have several


def make_model(config):
  params = jax.tree.map(lambda x: 1.4 * x, models.init(config, jax.random.key(0)))
  return types.SimpleNamespace(config=config, params=params)


def make_loud(config, seed=1):
  """Parameters under which every feature of a config is heard.

  Scores of attention pass 50 and logits 30, as in real Gemmas; norms are no identities; the residual stream stays the
  largest part, so that fp32 suffices for a comparison.
  """
  params, key = models.init(config, jax.random.key(seed)), jax.random.key(seed + 1)
  paths, treedef = jax.tree_util.tree_flatten_with_path(params)

  def one(index, path, x):
    *_, parent, name = ("", *(part.key for part in path))
    if name == "scale":
      x = x + 0.3 * jax.random.normal(jax.random.fold_in(key, index), x.shape)
      return x + 3.5 * (parent in ("q_norm", "k_norm"))
    if parent in ("q", "k"):
      return x if config.qk_norm else 4 * x
    if parent in ("o", "down"):
      return x if config.post_norms else 0.3 * x
    return 8 * x if parent in ("embed", "head") else x - 2 * (name == "bias")
  return jax.tree.unflatten(treedef, [one(index, *leaf) for index, leaf in enumerate(paths)])


@pytest.fixture(scope="session")
def loud():
  return make_loud


@pytest.fixture(scope="session")
def tiny():
  """config and params of a plain decoder."""
  return make_model(TINY)


@pytest.fixture(scope="session", params=["plain", "local", "delta"])
def model(request, tiny):
  """The plain decoder; one with windows, a cut-short pattern and all that Gemmas have; one with gated delta."""
  if request.param == "delta":
    return types.SimpleNamespace(config=DELTA, params=make_loud(DELTA))
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
  """Equal within tolerance x the largest magnitude of the second; for trees leaf by leaf. Returns the worst ratio."""
  def check(a, b, tolerance=1e-5):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    worst = 0.0
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
      x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
      assert x.shape == y.shape
      worst = max(worst, np.max(np.abs(x - y), initial=0) / max(np.max(np.abs(y), initial=0), 1e-12))
      assert worst <= tolerance
    return worst
  return check


def pytest_terminal_summary(terminalreporter):
  """The parity that was measured: one line per family and real model, from the tests' `parity` properties."""
  table = {}
  for report in terminalreporter.getreports("passed"):
    for name, value in report.user_properties:
      if name == "parity":
        table.setdefault(value[0], {})[value[1]] = value[2]
  if table:
    terminalreporter.section("parity with transformers, float32: worst |difference| / largest |value|")
    columns = list(dict.fromkeys(what for row in table.values() for what in row))
    terminalreporter.line(f"{'':28}" + "".join(f"{column:>18}" for column in columns))
    for name, row in sorted(table.items()):
      terminalreporter.line(f"{name:28}" + "".join(f"{row.get(column, ''):>18}" for column in columns))
