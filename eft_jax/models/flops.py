"""Floating-point operations of training by rule, from a model's shape: model FLOPs utilisation is made of them."""

from __future__ import annotations

import math

import jax

from eft_jax.models import specs
from eft_jax.models.config import ModelConfig


def training(config: ModelConfig, length: int, adapters: int = 0) -> float:
  """FLOPs of forward and backward pass per token of a row of `length` tokens that is one document.

  6 per parameter that a token is multiplied with (PaLM, arXiv:2204.02311, appendix B), so for every parameter but the
  input embedding; a tied table counts once, as the output head. To that the mixers' own products, three times their
  forward pass. What is computed twice (remat) counts once.

  Args:
    adapters: number of trained LoRA parameters; with them the frozen ones get no gradient: 4 each instead of 6.
  """
  weights = specs.count_params(config) - (0 if config.tie_embeddings else config.vocab_size * config.model_dim)
  per_weight = 4 * weights + 6 * adapters if adapters else 6 * weights
  return per_weight + 3 * sum(mixer(config, config.kind(layer), length) for layer in range(config.num_layers))


def mixer(config: ModelConfig, kind: str, length: int) -> float:
  """FLOPs per token of one layer's mixer without its projections, forward.

  Attention: scores and mix, 2 each per query, key and head dimension. Gated delta (arXiv:2412.06464, equation 10): the
  memory [K, V] of a head is read with the key, corrected, and read with the query, 2 each per entry; that is the
  recurrence, whatever the chunked form computes.
  """
  if kind == "delta":
    return 6 * config.delta.num_value_heads * config.delta.key_dim * config.delta.value_dim
  return 4 * config.num_heads * config.head_dim * attended(length, config.window if kind == "local" else None)


def attended(length: int, window: int | None = None) -> float:
  """Mean number of keys that a token of a document sees: itself and those before it, at most `window`."""
  near = min(length, window or length)
  return (near * (near + 1) / 2 + (length - near) * near) / length


def count(tree: object) -> int:
  """Numbers in a tree of arrays or shapes."""
  return sum(math.prod(x.shape) for x in jax.tree.leaves(tree))
