"""Chunked log-probs equal the naive ones, forward and backward, skip what is masked, and never hold full logits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models

BATCH, LENGTH = 3, 20


def naive(config, params, hidden, targets, mask=None, temperature=None):
  logits = models.logits(config, params, hidden) / (temperature or 1.0)
  logprobs = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], axis=-1)[..., 0]
  return logprobs if mask is None else jnp.where(mask, logprobs, 0)


@pytest.fixture(scope="module")
def inputs(model):
  keys = jax.random.split(jax.random.key(3), 3)
  hidden = 2 * jax.random.normal(keys[0], (BATCH, LENGTH, model.config.model_dim))
  return hidden, jax.random.randint(keys[1], (BATCH, LENGTH), 0, model.config.vocab_size), jax.random.normal(
      keys[2], (BATCH, LENGTH))


@pytest.mark.parametrize("chunk, masked, temperature", [
    (1, "quarter", None), (7, None, 0.7), (7, "one row", None), (24, None, None), (24, "quarter", 0.7),
    (24, "none", None), (1000, None, None), (1000, "quarter", None)])
def test_equals_naive(model, inputs, assert_close, chunk, masked, temperature):
  hidden, targets, weights = inputs
  mask = {None: None, "quarter": jnp.asarray(np.random.default_rng(0).random((BATCH, LENGTH)) < 0.25),
          "none": jnp.zeros((BATCH, LENGTH), bool), "one row": jnp.zeros((BATCH, LENGTH), bool).at[1].set(True)}[masked]

  def run(function):
    def loss(params, hidden):
      out = function(model.config, params, hidden, targets, mask=mask, temperature=temperature)
      return jnp.sum(out * weights), out
    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(model.params, hidden)

  assert_close(run(functools.partial(models.token_logprobs, chunk=chunk)), run(naive))


def test_masked_positions_are_exactly_zero(model, inputs):
  hidden, targets, _ = inputs
  mask = jnp.arange(LENGTH)[None] % 3 == jnp.arange(BATCH)[:, None]
  out = models.token_logprobs(model.config, model.params, hidden, targets, mask=mask, chunk=8)
  assert np.all((np.asarray(out) != 0) == mask)


@pytest.fixture(scope="module")
def gemma_sized():
  """Shapes of 8,192 tokens x D 2,304 x V 256,128, whose full fp32 logits take 8.4 GB."""
  config = models.ModelConfig(vocab_size=256_128, model_dim=2304, final_softcap=30.0, num_layers=1)
  hidden = jax.ShapeDtypeStruct((1, 8192, 2304), jnp.float32)
  return config, models.abstract(config), hidden, jax.ShapeDtypeStruct((1, 8192), jnp.int32)


def temporaries(function, *shapes):
  return jax.jit(function).lower(*shapes).compile().memory_analysis().temp_size_in_bytes


def test_full_logits_never_exist(gemma_sized):
  config, *shapes = gemma_sized
  assert temporaries(functools.partial(models.token_logprobs, config, chunk=32), *shapes) < 100e6


def test_backward_with_a_frozen_head_makes_no_gradient_of_it(gemma_sized):
  """The gradient of the head would take 2.4 GB; the hidden states and their gradient are 76 MB each."""
  config, params, hidden, targets = gemma_sized
  def loss(hidden, params, targets):
    return jnp.sum(models.token_logprobs(config, params, hidden, targets, chunk=32))
  assert temporaries(jax.grad(loss), hidden, params, targets) < 250e6
  assert temporaries(jax.grad(loss, argnums=1), hidden, params, targets) > 250e6  # the test can see it
