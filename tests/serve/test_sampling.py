"""Sampling: the filters against a sorted reference, the draw against its distribution, independence of the batch."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax.serve import sampling

V = 300  # not a multiple of the block size
sample = jax.jit(sampling.sample)
keep = jax.jit(sampling.keep)


def controls(rows, **changes):
  values = dict(
      temperature=np.ones(rows, np.float32), top_k=np.full(rows, V, np.int32), top_p=np.ones(rows, np.float32),
      min_p=np.zeros(rows, np.float32), key=np.stack([np.zeros(rows), np.arange(rows)], 1).astype(np.uint32),
      frequency=np.zeros(rows, np.float32), presence=np.zeros(rows, np.float32),
      repetition=np.ones(rows, np.float32), min_length=np.zeros(rows, np.int32),
      stop_ids=np.full((rows, 2), -1, np.int32))
  for name, value in changes.items():
    values[name] = np.broadcast_to(np.asarray(value, values[name].dtype), values[name].shape)
  return sampling.Controls(**{name: jnp.asarray(value) for name, value in values.items()})


def sorted_reference(weights, top_k, top_p, min_p):
  """Which tokens SGLang keeps: by rank, by the mass before them, by their share of the largest."""
  probabilities = weights.astype(np.float64) / weights.sum(dtype=np.float64)
  order = np.argsort(-probabilities, kind="stable")
  ranked = probabilities[order]
  before = np.cumsum(ranked) - ranked
  good = (np.arange(len(order)) < top_k) & (before <= top_p) & (ranked >= min_p * ranked[0])
  kept = np.zeros(len(order), bool)
  kept[order[good]] = True
  return kept


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(st.integers(0, 2**31), st.integers(1, V), st.floats(0.01, 1.0), st.floats(0.0, 0.5))
def test_filters_equal_sorted_reference(seed, top_k, top_p, min_p):
  logits = np.random.default_rng(seed).normal(size=(1, V)).astype(np.float32) * 2
  weights = np.exp(logits - logits.max())
  kept = np.asarray(keep(jnp.asarray(weights), controls(1, top_k=top_k, top_p=top_p, min_p=min_p))[0]) > 0
  expected = sorted_reference(weights[0], top_k, np.float32(top_p), np.float32(min_p))
  # Where the mass before a token equals top_p to rounding, the two may differ by that one token.
  assert abs(int(kept.sum()) - int(expected.sum())) <= 1
  assert (kept <= expected).all() or (expected <= kept).all()


def test_filters_keep_what_they_should_on_a_known_distribution():
  weights = jnp.asarray([[0.4, 0.1, 0.3, 0.2]], jnp.float32) / 0.4
  def kept(**changes):
    c = controls(1)._replace(top_k=jnp.asarray([4], jnp.int32))
    c = c._replace(**{k: jnp.asarray([v], getattr(c, k).dtype) for k, v in changes.items()})
    return np.flatnonzero(np.asarray(keep(weights, c)[0])).tolist()
  assert kept() == [0, 1, 2, 3]
  assert kept(top_k=2) == [0, 2]
  assert kept(top_p=0.65) == [0, 2]     # mass before the third is 0.7
  assert kept(top_p=0.35) == [0]        # never empty
  assert kept(min_p=0.6) == [0, 2]
  assert kept(top_k=3, top_p=0.5, min_p=0.9) == [0]


def test_draw_follows_the_filtered_distribution():
  rows = 20_000
  logits = np.random.default_rng(0).normal(size=V).astype(np.float32) * 2
  c = controls(rows, temperature=0.7, top_k=20, key=np.stack([np.ones(rows), np.arange(rows)], 1))
  batch = jnp.broadcast_to(jnp.asarray(logits), (rows, V))
  tokens, logprobs = sample(batch, c, jnp.full(rows, 5))
  tokens = np.asarray(tokens)
  full = jax.nn.log_softmax(logits / 0.7)
  np.testing.assert_allclose(np.asarray(logprobs), np.asarray(full)[tokens], atol=1e-5)  # before the filters
  probabilities = np.exp(logits.astype(np.float64) / 0.7)
  probabilities[np.argsort(-logits)[20:]] = 0
  probabilities /= probabilities.sum()
  counts = np.bincount(tokens, minlength=V)
  assert counts[probabilities == 0].sum() == 0
  expected = rows * probabilities[probabilities > 0]
  chi_square = ((counts[probabilities > 0] - expected) ** 2 / expected).sum()
  assert chi_square < 60  # 19 degrees of freedom: 1 in 3 million above


def test_rare_tokens_are_drawn_at_their_rate():
  """One token of mass 0.999 and 255 of 1e-3/255 each: the tail is not lost to the resolution of one draw."""
  rows = 100_000
  weights = jnp.full((1, 256), 1e-3 / 255, jnp.float32).at[0, 7].set(0.999)
  c = controls(rows, key=np.stack([np.full(rows, 3), np.arange(rows)], 1))
  tokens = sampling.inverse_draw(jnp.broadcast_to(weights, (rows, 256)), sampling.uniforms(c.key, jnp.zeros(rows, int)))
  rare = int((np.asarray(tokens) != 7).sum())
  assert 60 <= rare <= 145  # expected 100, standard deviation 10
  assert len(np.unique(np.asarray(tokens))) > 40


def test_greedy_takes_the_first_maximum_and_its_unscaled_logprob():
  logits = np.random.default_rng(1).normal(size=(3, V)).astype(np.float32)
  logits[1, [5, 9]] = 10.0
  tokens, logprobs = sample(jnp.asarray(logits), controls(3, temperature=0.0), jnp.zeros(3, int))
  assert np.asarray(tokens).tolist() == logits.argmax(-1).tolist()
  expected = np.asarray(jax.nn.log_softmax(logits))[np.arange(3), np.asarray(tokens)]
  np.testing.assert_allclose(np.asarray(logprobs), expected, atol=1e-6)


def test_a_row_does_not_depend_on_slot_or_company():
  """The same seed, position and logits give the same token in any slot and beside any other rows."""
  rng = np.random.default_rng(2)
  logits = rng.normal(size=V).astype(np.float32)
  seen = set()
  for slot, rows in ((0, 1), (3, 8), (7, 8)):
    batch = rng.normal(size=(rows, V)).astype(np.float32)
    batch[slot] = logits
    key = rng.integers(0, 2**32, size=(rows, 2), dtype=np.uint32)
    key[slot] = (1, 2)
    positions = rng.integers(0, 99, size=rows)
    positions[slot] = 17
    tokens, _ = sample(jnp.asarray(batch), controls(rows, top_p=0.9, key=key), jnp.asarray(positions))
    seen.add(int(tokens[slot]))
  assert len(seen) == 1
  other = {int(sample(jnp.asarray(logits)[None], controls(1, key=[[1, 2]]), jnp.asarray([p]))[0][0])
           for p in range(20)}
  assert len(other) > 5  # the position enters


def test_both_words_of_the_seed_enter():
  positions = jnp.zeros(4, int)
  key = jnp.asarray([[0, 1], [1, 0], [1, 1], [0, 0]], jnp.uint32)
  assert len(np.unique(np.asarray(sampling.uniforms(key, positions)))) == 8


def test_penalties():
  logits = jnp.asarray([[2.0, -2.0, 1.0, 0.5]], jnp.float32)
  counts = jnp.asarray([[2, 1, 0, 0]], jnp.int32)
  c = controls(1, frequency=0.5, presence=0.25, repetition=2.0)
  np.testing.assert_allclose(np.asarray(sampling.penalize(logits, c, counts)),
                             [[2.0 / 2 - 1.0 - 0.25, -2.0 * 2 - 0.5 - 0.25, 1.0, 0.5]])
  tokens, _ = sample(logits, controls(1, temperature=0.0, frequency=1.0), jnp.zeros(1, int), counts)
  assert int(tokens[0]) == 2


def test_stop_tokens_have_no_chance_before_the_minimum_length():
  logits = jnp.zeros((2, V), jnp.float32).at[:, 4].set(50.0)
  c = controls(2, temperature=0.0, min_length=[10, 0], stop_ids=[[4, -1], [4, -1]])
  tokens, logprobs = sample(logits, c, jnp.asarray([9, 9]))
  assert tokens.tolist() == [0, 4] and np.isfinite(np.asarray(logprobs)).all()
  assert sample(logits, c, jnp.asarray([10, 10]))[0].tolist() == [4, 4]


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1.0 - 2.0**-24])
def test_a_weight_of_zero_is_never_drawn(uniform):
  weights = jnp.zeros((1, 1000), jnp.float32).at[0, jnp.asarray([3, 400, 401, 900])].set(jnp.asarray([1e-3, 1, .3, .2]))
  index = sampling.inverse_draw(weights, jnp.full((1, 2), uniform, jnp.float32))
  assert int(index[0]) in (3, 400, 401, 900)
