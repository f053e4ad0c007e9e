"""Cached decoding equals the full forward: prefill, steps, chunks, slots of different lengths, reuse of slots."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models

LENGTH = 24


@pytest.fixture(scope="module")
def full(model):
  """tokens [4, LENGTH] and the hidden states of the full forward."""
  tokens = jax.random.randint(jax.random.key(5), (4, LENGTH), 0, model.config.vocab_size)
  positions = jnp.broadcast_to(jnp.arange(LENGTH), tokens.shape)
  return tokens, models.hidden(model.config, model.params, tokens, positions, jnp.ones_like(tokens))


@pytest.fixture(scope="module")
def decode(model):
  run = jax.jit(functools.partial(models.decode, model.config), static_argnames=("span", "fresh"))
  return functools.partial(run, models.unstack(model.config, model.params))


def right_padded(lengths, width):
  places = jnp.arange(width)[None]
  return jnp.where(places < jnp.asarray(lengths)[:, None], places, -1)


@pytest.mark.parametrize("fresh", [True, False])
def test_prefill_then_steps_equal_full_forward(model, full, decode, assert_close, fresh):
  tokens, expected = full
  lengths = np.array([3, 9, 1, 12])
  cache = models.init_cache(model.config, 4, LENGTH + 5)
  hidden, cache = decode(cache, tokens[:, :12], right_padded(lengths, 12), fresh=fresh)
  assert np.all(np.isfinite(hidden))
  for slot, length in enumerate(lengths):
    assert_close(hidden[slot, :length], expected[slot, :length])
  for _ in range(8):
    now = jnp.take_along_axis(tokens, jnp.asarray(lengths)[:, None], axis=1)
    hidden, cache = decode(cache, now, jnp.asarray(lengths)[:, None], span=20)
    for slot, length in enumerate(lengths):
      assert_close(hidden[slot, 0], expected[slot, length])
    lengths = lengths + 1


def test_chunked_prefill_equals_full_forward(model, full, decode, assert_close):
  tokens, expected = full
  cache = models.init_cache(model.config, 4, LENGTH)
  for start in range(0, LENGTH, 6):
    positions = jnp.broadcast_to(jnp.arange(start, start + 6), (4, 6))
    hidden, cache = decode(cache, tokens[:, start:start + 6], positions)
    assert_close(hidden, expected[:, start:start + 6])


def test_slots_are_independent_and_reusable(model, full, decode, assert_close):
  """A prefill into two used slots leaves the others alone, and sees nothing of what was there before."""
  tokens, expected = full
  cache = models.init_cache(model.config, 4, LENGTH)
  _, cache = decode(cache, tokens, jnp.broadcast_to(jnp.arange(LENGTH), tokens.shape))
  before = jax.tree.map(lambda c: np.asarray(c[jnp.array([0, 3])]), cache)
  for fresh in (True, False):
    hidden, cache = decode(cache, tokens[:2, :7], right_padded([5, 7], 7), slots=jnp.array([2, 1]), fresh=fresh)
    assert_close(hidden[0, :5], expected[0, :5])
    assert_close(hidden[1], expected[1, :7])
  now = jnp.stack([tokens[0, 5], tokens[1, 7]])[:, None]
  step, cache = decode(cache, now, jnp.array([[5], [7]]), slots=jnp.array([2, 1]))
  assert_close(step[:, 0], jnp.stack([expected[0, 5], expected[1, 7]]))
  jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda c: c[jnp.array([0, 3])], cache), before)


def test_inactive_slots_write_nothing(model, full, decode):
  tokens, _ = full
  cache = models.init_cache(model.config, 4, LENGTH)
  _, cache = decode(cache, tokens, jnp.broadcast_to(jnp.arange(LENGTH), tokens.shape))
  hidden, after = decode(cache, tokens[:, :1], jnp.array([[-1], [3], [-1], [-1]]))
  assert np.all(np.isfinite(hidden))
  for old, new in zip(jax.tree.leaves(cache), jax.tree.leaves(after), strict=True):
    np.testing.assert_array_equal(old[jnp.array([0, 2, 3])], new[jnp.array([0, 2, 3])])
    assert not np.array_equal(old[1], new[1])


def test_copied_slots_continue_like_their_source(model, full, decode, assert_close):
  tokens, expected = full
  cache = models.init_cache(model.config, 4, LENGTH)
  _, cache = decode(cache, tokens[:1, :9], right_padded([9], 9), slots=jnp.array([3]), fresh=True)
  cache = models.copy_slots(cache, jnp.array([3, 3]), jnp.array([0, 2]))
  hidden, _ = decode(cache, jnp.broadcast_to(tokens[:1, 9:10], (4, 1)), jnp.array([[9], [-1], [9], [9]]))
  for slot in (0, 2, 3):
    assert_close(hidden[slot, 0], expected[0, 9])


def test_stacked_params_decode_alike(model, full, decode, assert_close):
  tokens, expected = full
  cache = models.init_cache(model.config, 4, LENGTH)
  hidden, _ = models.decode(model.config, model.params, cache, tokens[:, :6], right_padded([6] * 4, 6))
  assert_close(hidden, expected[:, :6])
