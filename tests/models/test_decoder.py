"""The decoder: packed equals standalone, scanned equals unscanned, remat changes nothing, bf16 is near."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from eft_jax import models
from eft_jax.core.settings import ConfigError
from eft_jax.models import decoder

LENGTH = 24


@functools.partial(jax.jit, static_argnames=("config",))
def loss_and_more(config, params, tokens, positions, segments, targets, weights):
  """((loss, logits), gradients) of a weighted sum of log-probs."""
  def loss(params):
    hidden = models.hidden(config, params, tokens, positions, segments)
    logprobs = models.token_logprobs(config, params, hidden, targets, chunk=16)
    return -jnp.sum(logprobs * weights), models.logits(config, params, hidden)
  return jax.value_and_grad(loss, has_aux=True)(params)


@st.composite
def document_lengths(draw):
  lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
  kept = [n for i, n in enumerate(lengths) if sum(lengths[:i + 1]) <= LENGTH]
  return kept or [LENGTH]


@settings(max_examples=15, deadline=None)
@given(lengths=document_lengths(), seed=st.integers(0, 9))
def test_packed_equals_standalone(model, pack, assert_close, lengths, seed):
  # numpy: each length that jax cuts by is another program to compile.
  tokens, positions, segments = map(np.asarray, pack(lengths, LENGTH, seed=seed))
  targets = np.roll(tokens, -1, axis=1)
  weights = np.float32(np.random.default_rng(seed).random((1, LENGTH))) * (segments > 0)
  (loss, logits), grads = jax.tree.map(np.asarray, loss_and_more(
      model.config, model.params, tokens, positions, segments, targets, weights))
  # Packed documents meet other chunk boundaries, so gated delta sums in another order.
  loose = 5.0 if model.config.recurrent else 1.0
  losses, total, start = [], None, 0
  for count in lengths:
    cut = lambda x, start=start, count=count: np.pad(x[:, start:start + count], ((0, 0), (0, LENGTH - count)))
    alone = (cut(tokens), cut(positions), cut(segments), cut(targets), cut(weights))
    (part, part_logits), part_grads = jax.tree.map(np.asarray, loss_and_more(model.config, model.params, *alone))
    assert_close(part_logits[:, :count], logits[:, start:start + count], loose * 1e-5)
    losses.append(part)
    total = part_grads if total is None else jax.tree.map(np.add, total, part_grads)
    start += count
  assert_close(sum(losses), loss)
  assert_close(total, grads, loose * 2e-5)


def test_padding_of_a_lone_document_changes_nothing(model, pack, assert_close):
  tokens, positions, segments = pack([9], LENGTH)
  padded = models.hidden(model.config, model.params, tokens, positions, segments)
  bare = models.hidden(model.config, model.params, tokens[:, :9], positions[:, :9], segments[:, :9])
  assert_close(padded[:, :9], bare)


@pytest.fixture(scope="module")
def run(model, pack):
  """Value and gradients of a function of the hidden states, by options of `hidden`."""
  batch = pack([9, 11], LENGTH)
  def value_and_grad(params, **options):
    loss = lambda params: jnp.sum(models.hidden(model.config, params, *batch, **options) ** 3)
    return jax.jit(jax.value_and_grad(loss))(params)
  return value_and_grad


@pytest.fixture(scope="module")
def scanned(model, run):
  return run(model.params)


def test_unscanned_and_unstacked_equal_scanned(model, assert_close, run, scanned):
  assert_close(run(model.params, scan=False), scanned, 2e-5)
  value, grads = run(models.unstack(model.config, model.params))
  assert_close((value, models.stack(model.config, grads)), scanned, 2e-5)


@pytest.mark.parametrize("remat", sorted(set(decoder.REMAT) - {"none"}))
def test_remat_changes_nothing(model, assert_close, run, scanned, remat):
  if model.config.recurrent and remat in ("attention", "dots"):
    pytest.skip("The policies that keep less and more are tried.")
  assert_close(run(model.params, remat=remat), scanned, 2e-5)


def test_remat_keeps_less(tiny, pack):
  """Compiled temporaries of the gradient shrink from 'none' to 'full'."""
  batch = jax.tree.map(lambda x: jnp.tile(x, (4, 8)), pack([24], LENGTH))
  config = models.tiny(tiny.config, num_layers=12, vocab_size=97)
  params = models.abstract(config)
  def size(remat):
    loss = lambda params: jnp.sum(models.hidden(config, params, *batch, remat=remat))
    return jax.jit(jax.grad(loss)).lower(params).compile().memory_analysis().temp_size_in_bytes
  assert size("full") < 0.5 * size("none")


def test_unstack_and_stack_are_inverse(model):
  back = models.stack(model.config, models.unstack(model.config, model.params))
  jax.tree.map(np.testing.assert_array_equal, back, model.params)
  assert len(models.unstack(model.config, model.params)["layers"]) == model.config.num_layers


def test_bf16_is_near_fp32(model, pack):
  batch = pack([LENGTH], LENGTH)
  logits = lambda dtype: models.logits(model.config, model.params, models.hidden(
      model.config, model.params, *batch, compute_dtype=dtype))
  wide, narrow = logits(jnp.float32), logits(jnp.bfloat16)
  assert narrow.dtype == jnp.float32
  assert 0 < np.std(wide - narrow) < 0.1 * np.std(wide)


def test_module_and_functions_agree(model, pack, assert_close):
  batch = pack([LENGTH], LENGTH)
  module = models.Decoder(model.config, model.params)
  graphdef, state = nnx.split(module)
  expected = models.logits(model.config, model.params, models.hidden(model.config, model.params, *batch))
  assert_close(nnx.merge(graphdef, state)(*batch), expected)
  jax.tree.map(np.testing.assert_array_equal, module.params(), model.params)


def test_init_is_as_its_table_says(model):
  params = models.init(model.config, jax.random.key(1))
  expected = models.abstract(model.config)
  assert jax.tree.map(lambda x: (x.shape, x.dtype), params) == jax.tree.map(lambda x: (x.shape, x.dtype), expected)
  kernel = params["layers"]["0"]["mlp"]["down"]["kernel"]
  assert np.std(kernel) == pytest.approx(model.config.hidden_dim ** -0.5, rel=0.1)


@pytest.mark.parametrize("options, message", [
    ({"remat": "some"}, "remat is 'some', expected one of none"), ({"attention_path": "fast"}, "'fast' is unknown")])
def test_unknown_options_are_named(tiny, pack, options, message):
  with pytest.raises(ConfigError, match=message):
    models.hidden(tiny.config, tiny.params, *pack([4], 4), **options)
