"""Name maps: our parameter paths, Hugging Face's names and GGUF's names of the same arrays, one table per part."""

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
Names = dict[Path, tuple[str, str]]
ATTENTION: Names = {
    ("attention", "q", "kernel"): ("self_attn.q_proj", "attn_q"),
    ("attention", "k", "kernel"): ("self_attn.k_proj", "attn_k"),
    ("attention", "v", "kernel"): ("self_attn.v_proj", "attn_v"),
    ("attention", "q_norm", "scale"): ("self_attn.q_norm", "attn_q_norm"),
    ("attention", "k_norm", "scale"): ("self_attn.k_norm", "attn_k_norm"),
    ("attention", "o", "kernel"): ("self_attn.o_proj", "attn_output"),
}
# GGUF files of this mixer are refused (llama.cpp lays its heads out differently): no names.
DELTA: Names = {
    ("delta", "qkv", "kernel"): ("linear_attn.in_proj_qkv", ""),
    ("delta", "z", "kernel"): ("linear_attn.in_proj_z", ""),
    ("delta", "a", "kernel"): ("linear_attn.in_proj_a", ""),
    ("delta", "b", "kernel"): ("linear_attn.in_proj_b", ""),
    ("delta", "conv", "taps"): ("linear_attn.conv1d", ""),
    ("delta", "decay", "log_rate"): ("linear_attn.A_log", ""),
    ("delta", "decay", "bias"): ("linear_attn.dt_bias", ""),
    ("delta", "norm", "scale"): ("linear_attn.norm", ""),
    ("delta", "o", "kernel"): ("linear_attn.out_proj", ""),
}
MLP: Names = {
    ("mlp", "gate", "kernel"): ("mlp.gate_proj", "ffn_gate"),
    ("mlp", "up", "kernel"): ("mlp.up_proj", "ffn_up"),
    ("mlp", "down", "kernel"): ("mlp.down_proj", "ffn_down"),
}
PRE_NORMS: Names = {
    ("attention_norm", "scale"): ("input_layernorm", "attn_norm"),
    ("mlp_norm", "scale"): ("post_attention_layernorm", "ffn_norm"),
}
# Hugging Face's post_attention_layernorm stands before the feed-forward above, and behind attention here.
SANDWICH_NORMS: Names = {
    ("attention_norm", "scale"): ("input_layernorm", "attn_norm"),
    ("post_attention_norm", "scale"): ("post_attention_layernorm", "post_attention_norm"),
    ("mlp_norm", "scale"): ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_mlp_norm", "scale"): ("post_feedforward_layernorm", "post_ffw_norm"),
}
TOP: dict[Path, tuple[str, str]] = {
    ("embed", "table"): ("model.embed_tokens", "token_embd"),
    ("norm", "scale"): ("model.norm", "output_norm"),
    ("head", "kernel"): ("lm_head", "output"),
}


BARE = ("log_rate", "bias")  # parameters of a module itself: Hugging Face adds no '.weight'


@dataclasses.dataclass(frozen=True)
class Entry:
  """One array of one layer (or of none): where it is in unstacked params, what others call it, our shape of it."""

  path: Path
  layer: int | None
  hf: str
  gguf: str
  shape: tuple[int, ...]

  @property
  def their_shape(self) -> tuple[int, ...]:
    """Kernels are [outputs, inputs] outside, the convolution's taps [channels, 1, width]."""
    if self.path[-1] == "taps":
      return self.shape[1], 1, self.shape[0]
    return self.shape[::-1] if self.path[-1] == "kernel" else self.shape

  def theirs(self, array: Any) -> Any:
    """An array of ours as others lay it out."""
    return array.T.reshape(self.their_shape) if self.path[-1] in ("kernel", "taps") else array

  def ours(self, array: Any) -> Any:
    """The inverse of `theirs`."""
    return array.reshape(self.shape[::-1]).T if self.path[-1] in ("kernel", "taps") else array


def lookup(tree: Any, path: Path) -> Any:
  """tree[path[0]][path[1]]..."""
  for key in path:
    tree = tree[key]
  return tree


def entries(config: ModelConfig) -> list[Entry]:
  """Every array of the model, in the order of a forward pass."""
  top = specs.table(config)
  found = [Entry(path, None, f"{hf}.weight", f"{gguf}.weight", lookup(top, path).shape)
           for path, (hf, gguf) in TOP.items() if path[0] in top]
  layers = {kind: (specs.layer(config, kind), layer_names(config, kind)) for kind in config.pattern}
  per_layer = []
  for index in range(config.num_layers):
    table, names = layers[config.kind(index)]
    for path, (hf, gguf) in names.items():
      suffix = "" if path[-1] in BARE else ".weight"
      per_layer.append(Entry(path, index, f"model.layers.{index}.{hf}{suffix}", f"blk.{index}.{gguf}{suffix}",
                             lookup(table, path).shape))
  return found[:1] + per_layer + found[1:]


def layer_names(config: ModelConfig, kind: str) -> Names:
  """Names of every array of a layer with a mixer of `kind`."""
  mixer = DELTA if kind == "delta" else ATTENTION
  if not config.qk_norm:
    mixer = {path: names for path, names in mixer.items() if not path[1].endswith("_norm")}
  return (SANDWICH_NORMS if config.post_norms else PRE_NORMS) | mixer | MLP


def pick(config: ModelConfig, params: specs.Params, entry: Entry) -> jax.Array:
  """The array of an entry out of stacked or unstacked params."""
  if entry.layer is None:
    return lookup(params, entry.path)
  if not specs.is_stacked(params):
    return lookup(params["layers"][entry.layer], entry.path)
  repeat, place = divmod(entry.layer, len(config.pattern))
  return lookup(params["layers"][str(place)], entry.path)[repeat]


def assemble(config: ModelConfig, read: Callable[[Entry], np.ndarray], dtype: Any) -> specs.Params:
  """Stacked params of `dtype`, numpy arrays, from a function that reads one array in our orientation."""
  params = jax.tree.map(lambda s: np.empty(s.shape, jnp.dtype(dtype)), specs.table(config))
  for entry in entries(config):
    pick(config, params, entry)[...] = read(entry)
  return params
