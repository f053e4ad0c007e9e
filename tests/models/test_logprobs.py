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
    (1, "quarter", None), (7, None, 0.7), (24, "one row", None), (24, None, None), (24, "quarter", 0.7),
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


def test_log_sum_exp_comes_along_and_has_a_gradient(model, inputs, assert_close):
  """What z-loss needs: d logsumexp / d logits is the softmax."""
  hidden, targets, weights = inputs
  mask = jnp.asarray(np.random.default_rng(1).random((BATCH, LENGTH)) < 0.5)

  def plain(params, hidden):
    sums = jax.nn.logsumexp(models.logits(model.config, params, hidden), axis=-1)
    return naive(model.config, params, hidden, targets, mask), jnp.where(mask, sums, 0)

  def run(function):
    def loss(params, hidden):
      out, sums = function(params, hidden)
      return jnp.sum(weights * (out + 0.3 * sums ** 2)), (out, sums)
    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(model.params, hidden)

  ours = lambda params, hidden: models.token_scores(model.config, params, hidden, targets, mask=mask, chunk=16)
  assert_close(run(ours), run(plain))


# --- memory -----------------------------------------------------------------------------------------------------------

GEMMA = models.ModelConfig(vocab_size=256_128, model_dim=2304, final_softcap=30.0, num_layers=1)
LIMIT = 100e6  # bytes; 8,192 tokens of GEMMA's logits take 8.4e9 in fp32


def temporaries(function):
  """Bytes of temporaries that a compiled function of (head, hidden, targets, mask) takes, for 8,192 tokens in 4 rows.

  As in training: fp32 and with a mask.
  """
  shape = jax.ShapeDtypeStruct
  head = {"embed": {"table": shape((GEMMA.vocab_size, GEMMA.model_dim), jnp.float32)}}
  given = [shape((4, 2048, GEMMA.model_dim), jnp.float32), shape((4, 2048), jnp.int32), shape((4, 2048), jnp.bool_)]
  return jax.jit(function).lower(head, *given).compile().memory_analysis().temp_size_in_bytes


def summed(head, hidden, targets, mask):
  return jnp.sum(models.token_logprobs(GEMMA, head, hidden, targets, mask=mask, chunk=32))


def test_full_logits_never_exist():
  assert temporaries(summed) < LIMIT


def test_the_backward_pass_holds_no_more():
  """The frozen head has no gradient at all; that of a trained one is summed up in 2.4 GB, which come on top."""
  assert temporaries(jax.grad(summed, argnums=1)) < LIMIT
  accumulator = 4 * GEMMA.vocab_size * GEMMA.model_dim
  trained = temporaries(jax.grad(summed, argnums=(0, 1)))
  assert accumulator < trained < accumulator + LIMIT
