"""Tiny random Qwen3 checkpoints that every server can load: python tests/serve/checkpoints.py FOLDER writes them."""

import pathlib
import sys

from eft_jax.core import platforms

platforms.settle()  # before jax is imported

import jax
import jax.numpy as jnp
import numpy as np

from eft_jax import models, text

SHAPES = {"model_dim": 64, "hidden_dim": 128, "max_length": 2048}
CONFIG = models.tiny(models.PRESETS["qwen3_0.6b"], **SHAPES)
WIDE = models.tiny(models.PRESETS["qwen3_0.6b"], **SHAPES | {"model_dim": 96})
TOKENIZER = text.Tokenizer.bytes()
TARGETS = tuple(name for name in models.lora.TARGETS if name != "head")
RANK = 4


def params(seed, config=CONFIG):
  """Larger than usual, so that the most likely token is so by more than what servers differ in."""
  return jax.tree.map(lambda x: x * 1.5, models.init(config, jax.random.key(seed)))


def adapters(seed, targets=models.lora.TARGETS):
  """LoRA whose b is not zero: it changes what the model says."""
  found = models.lora.init(CONFIG, params(0), RANK, jax.random.key(seed), alpha=2 * RANK, targets=targets)
  keys = iter(jax.random.split(jax.random.key(seed + 1), 100))
  noise = lambda path, x: x + 0.3 * jax.random.normal(next(keys), x.shape) if "lora_b" in str(path[-1]) else x
  return models.lora.Adapters(jax.tree_util.tree_map_with_path(noise, found.tree), found.alpha)


def write_one(folder, seed, config=CONFIG):
  """One checkpoint with tokenizer; returns its path."""
  return models.export_hf(config, params(seed, config), folder, TOKENIZER)


def write(folder):
  """first, second (other weights), wide (another shape); adapter_a, adapter_b, adapter_head: LoRA over first."""
  folder = pathlib.Path(folder)
  first = write_one(folder / "first", 0)
  write_one(folder / "second", 1)
  write_one(folder / "wide", 2, WIDE)
  for seed, name, targets in ((10, "a", TARGETS), (20, "b", TARGETS), (30, "head", models.lora.TARGETS)):
    models.export_peft(CONFIG, adapters(seed, targets), folder / f"adapter_{name}", str(first))
  return folder


@jax.jit
def _logits(weights, tokens):
  hidden = models.hidden(CONFIG, weights, tokens, jnp.arange(tokens.shape[1])[None], jnp.ones_like(tokens))
  return models.logits(CONFIG, weights, hidden)[0]


def logprobs(weights, ids):
  """[len(ids), V] log-probs after each token, by one full forward pass; a causal model does not see the padding."""
  padded = np.zeros((1, 128 if len(ids) <= 128 else 1024), np.int32)
  padded[0, :len(ids)] = ids
  return np.asarray(jax.nn.log_softmax(_logits(weights, jnp.asarray(padded))))[:len(ids)]


def greedy(weights, ids, count):
  """`count` tokens and their log-probs, each by a full forward pass."""
  ids, found = list(ids), []
  for _ in range(count):
    row = logprobs(weights, ids)[-1]
    ids.append(int(row.argmax()))
    found.append(float(row.max()))
  return ids[len(ids) - count:], found


if __name__ == "__main__":
  write(sys.argv[1])
