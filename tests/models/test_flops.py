"""FLOPs by rule, against numbers worked out by hand."""

import dataclasses

import pytest

from eft_jax import models
from eft_jax.models import flops


@pytest.mark.parametrize("preset, length, gigaflops", [
    ("gemma2_2b", 4096, 17.0), ("gemma2_2b", 8192, 18.0), ("gemma2_9b", 4096, 59.7), ("gemma2_9b", 8192, 62.8)])
def test_gemma_2_as_published(preset, length, gigaflops):
  assert round(flops.training(models.PRESETS[preset], length) / 1e9, 1) == gigaflops


@pytest.mark.parametrize("length, window, keys", [(4, None, 2.5), (4, 1, 1), (4, 2, 7 / 4), (4, 9, 2.5), (1, None, 1)])
def test_attended_keys_counted_one_by_one(length, window, keys):
  assert flops.attended(length, window) == keys
  seen = [min(token + 1, window or length) for token in range(length)]
  assert flops.attended(length, window) == sum(seen) / length


def test_every_term_by_hand():
  config = models.tiny(models.PRESETS["qwen3_5_2b"], tie_embeddings=False)
  delta, table = config.delta, config.vocab_size * config.model_dim
  kinds = [config.kind(layer) for layer in range(config.num_layers)]
  assert kinds == ["delta", "delta", "delta", "global"] * 2
  mixers = 6 * (6 * delta.num_value_heads * delta.key_dim * delta.value_dim) + 2 * (
      4 * config.num_heads * config.head_dim * 32.5)
  rest = models.count_params(config) - table  # the input embedding is looked up, not multiplied
  assert flops.training(config, 64) == 6 * rest + 3 * mixers
  assert flops.training(config, 64, adapters=1000) == 4 * rest + 6000 + 3 * mixers
  tied = dataclasses.replace(config, tie_embeddings=True)
  assert flops.training(tied, 64) == flops.training(config, 64)
