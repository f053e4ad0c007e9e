"""Name maps: our parameter paths, Hugging Face's names and GGUF's names of the same arrays, one table per family."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eft_jax.models import specs
from eft_jax.models.config import ModelConfig

Path = tuple[str, ...]

# Path within a layer -> (Hugging Face, GGUF), both without prefix and with '.weight' left out.
LAYER: dict[str, dict[Path, tuple[str, str]]] = {
    "llama": {
        ("attention_norm", "scale"): ("input_layernorm", "attn_norm"),
        ("attention", "q", "kernel"): ("self_attn.q_proj", "attn_q"),
        ("attention", "k", "kernel"): ("self_attn.k_proj", "attn_k"),
        ("attention", "v", "kernel"): ("self_attn.v_proj", "attn_v"),
        ("attention", "o", "kernel"): ("self_attn.o_proj", "attn_output"),
        ("mlp_norm", "scale"): ("post_attention_layernorm", "ffn_norm"),
        ("mlp", "gate", "kernel"): ("mlp.gate_proj", "ffn_gate"),
        ("mlp", "up", "kernel"): ("mlp.up_proj", "ffn_up"),
        ("mlp", "down", "kernel"): ("mlp.down_proj", "ffn_down"),
    },
}
TOP: dict[Path, tuple[str, str]] = {
    ("embed", "table"): ("model.embed_tokens", "token_embd"),
    ("norm", "scale"): ("model.norm", "output_norm"),
    ("head", "kernel"): ("lm_head", "output"),
}


@dataclasses.dataclass(frozen=True)
class Entry:
  """One array of one layer (or of none): where it is in unstacked params, what others call it, our shape of it."""

  path: Path
  layer: int | None
  hf: str
  gguf: str
  shape: tuple[int, ...]

  @property
  def transposed(self) -> bool:
    """Both others store kernels as [outputs, inputs]."""
    return self.path[-1] == "kernel"


def lookup(tree: Any, path: Path) -> Any:
  """tree[path[0]][path[1]]..."""
  for key in path:
    tree = tree[key]
  return tree


def entries(config: ModelConfig) -> list[Entry]:
  """Every array of the model, in the order of a forward pass."""
  top, layer = specs.table(config), specs.layer(config)
  found = [Entry(path, None, f"{hf}.weight", f"{gguf}.weight", lookup(top, path).shape)
           for path, (hf, gguf) in TOP.items() if path[0] in top]
  per_layer = [
      Entry(path, index, f"model.layers.{index}.{hf}.weight", f"blk.{index}.{gguf}.weight", lookup(layer, path).shape)
      for index in range(config.num_layers) for path, (hf, gguf) in LAYER[config.family].items()]
  return found[:1] + per_layer + found[1:]


def pick(config: ModelConfig, params: specs.Params, entry: Entry) -> jax.Array:
  """The array of an entry out of stacked or unstacked params."""
  if entry.layer is None:
    return lookup(params, entry.path)
  if not specs.is_stacked(params):
    return lookup(params["layers"][entry.layer], entry.path)
  repeat, place = divmod(entry.layer, len(config.pattern))
  return lookup(params["layers"][str(place)], entry.path)[repeat]


def assemble(config: ModelConfig, read: Callable[[Entry], np.ndarray], dtype: Any) -> specs.Params:
  """Stacked params of `dtype` from a function that reads one array in our orientation."""
  params = jax.tree.map(lambda s: np.empty(s.shape, jnp.dtype(dtype)), specs.table(config))
  for entry in entries(config):
    pick(config, params, entry)[...] = read(entry)
  return jax.tree.map(jnp.asarray, params)
