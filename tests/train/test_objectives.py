"""The loss of a packed row is that of its documents alone, and parts of a batch add up exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models
from eft_jax.train import DataSettings, batches, objectives

LENGTHS = (31, 2, 17, 9)


@pytest.fixture(scope="module")
def value_and_grad(tiny):
  """(mean loss, number of targets, gradient)."""
  forward = objectives.Forward(tiny[0], jnp.float32, "full", 16)

  @jax.jit
  def run(trainable, batches):
    sums, grads = objectives.value_and_grad(objectives.Sft(), forward, trainable, lambda t: t, batches)
    return objectives.means(sums)["loss"], sums["loss"][1], grads

  return run


@pytest.fixture(scope="module")
def alone():
  """One document per row."""
  rng = np.random.default_rng(0)
  examples = batches.Examples([rng.integers(0, 264, n).astype(np.int32) for n in LENGTHS],
                              [rng.random(n) < 0.5 for n in LENGTHS], {})
  return examples, next(batches.in_order(examples, DataSettings(row_length=32, packing="none"), 4))


@pytest.fixture(scope="module")
def expected(tiny, value_and_grad, alone):
  """Loss, number of targets and gradient of the documents in rows of their own."""
  return value_and_grad(trainable=tiny[1], batches=parts(alone[1], 1))


def parts(batch, count):
  return jax.tree.map(lambda x: jnp.array(x).reshape(count, len(x) // count, *x.shape[1:]), batch)


def assert_same(found, expected):
  np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
  assert found[1] == expected[1]
  close = lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5 * float(jnp.abs(b).max()) + 1e-8)
  jax.tree.map(close, found[2], expected[2])


def test_targets_never_cross_documents_or_reach_padding():
  batch = batches.Batch(jnp.array([[1, 2, 3, 4, 5, 0]]), jnp.array([[0, 1, 2, 0, 1, 0]]),
                        jnp.array([[1, 1, 1, 2, 2, 0]]), jnp.ones((1, 6), bool), jnp.array([[1, 2]]))
  targets, mask = objectives.targets_of(batch)
  assert mask.tolist() == [[True, True, False, True, False, False]]
  assert targets[mask].tolist() == [2, 3, 5]


def test_packed_loss_and_gradient_equal_standalone(tiny, value_and_grad, alone, expected):
  packed = list(batches.in_order(alone[0], DataSettings(row_length=64, packing_bins=1), 1))
  assert len(packed) == 1 and packed[0].segment_ids.max() == len(LENGTHS)
  assert_same(value_and_grad(trainable=tiny[1], batches=parts(packed[0], 1)), expected)


def test_parts_of_a_batch_add_up_whatever_their_token_counts(tiny, value_and_grad, alone, expected):
  counts = objectives.targets_of(alone[1])[1].sum(1).tolist()
  assert len(set(counts)) == 4, "parts with equal counts would hide a mean of means"
  assert_same(value_and_grad(trainable=tiny[1], batches=parts(alone[1], 4)), expected)


def test_z_loss_adds_the_squared_log_sum_exp(tiny, alone, expected):
  config, params, _ = tiny
  batch, weight = jax.tree.map(jnp.array, alone[1]), 0.05
  forward = objectives.Forward(config, jnp.float32, "full", 16, z_loss=weight)
  targets, mask = objectives.targets_of(batch)

  def plain(params):
    hidden = models.hidden(config, params, batch.tokens, batch.positions, batch.segment_ids)
    logits = models.logits(config, params, hidden)
    sums = jax.nn.logsumexp(logits, axis=-1)
    picked = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jnp.mean(sums - picked + weight * sums ** 2, where=mask)

  sums, grads = jax.jit(lambda p: objectives.value_and_grad(objectives.Sft(), forward, p, lambda t: t,
                                                            parts(batch, 2)))(params)
  value, slope = jax.jit(jax.value_and_grad(plain))(params)
  assert value > expected[0] + 0.1
  assert_same((objectives.means(sums)["loss"], 0, grads), (value, 0, slope))


def test_loss_is_the_plain_formula(tiny, alone, expected):
  config, params, _ = tiny
  batch = alone[1]
  run = jax.jit(lambda b: models.logits(config, params, models.hidden(config, params, b.tokens, b.positions,
                                                                      b.segment_ids)))
  logits = np.array(run(jax.tree.map(jnp.array, batch)), np.float64)
  logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  terms = [logprobs[b, t, batch.tokens[b, t + 1]] for b in range(4) for t in range(31)
           if batch.loss_mask[b, t + 1] and batch.segment_ids[b, t + 1] == 1]
  np.testing.assert_allclose(expected[0], -np.mean(terms), rtol=1e-5)
  assert expected[1] == len(terms) > 0


def test_a_batch_without_targets_has_zero_loss_and_gradient(tiny, value_and_grad, alone):
  empty = jax.tree.map(np.zeros_like, alone[1])
  loss, count, grads = value_and_grad(trainable=tiny[1], batches=parts(empty, 1))
  assert (float(loss), int(count)) == (0.0, 0)
  assert not any(jnp.any(g) for g in jax.tree.leaves(grads))
