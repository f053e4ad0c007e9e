"""ModelConfig: one decoder described as data. A family is a preset, never a class."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from eft_jax.core.settings import ConfigError

KINDS = ("global", "local")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Shape and features of a decoder.

  Attributes:
    family: name of the name map for import and export ('llama').
    vocab_size, num_layers, model_dim, hidden_dim: V, layers, D, F.
    num_heads, num_kv_heads, head_dim: query heads H, key and value heads K (H is a multiple of K), size of a head.
    max_length: positions the model was trained for.
    rope_base: base of the rotary frequencies.
    norm_eps: inside the square root of RMSNorm.
    tie_embeddings: the output head is the transposed embedding.
    pattern: kinds of mixer, repeated over the layers: 'global' attention, or 'local' within `window`.
    window: a query of a local layer sees itself and the window - 1 positions before it.
    attention_softcap, final_softcap: cap * tanh(x / cap) on attention scores, on logits; None is none.
  """

  family: str = "llama"
  vocab_size: int = 49152
  num_layers: int = 30
  model_dim: int = 576
  hidden_dim: int = 1536
  num_heads: int = 9
  num_kv_heads: int = 3
  head_dim: int = 64
  max_length: int = 8192
  rope_base: float = 1e5
  norm_eps: float = 1e-5
  tie_embeddings: bool = True
  pattern: tuple[str, ...] = ("global",)
  window: int | None = None
  attention_softcap: float | None = None
  final_softcap: float | None = None

  def __post_init__(self):
    for name in ("vocab_size", "num_layers", "model_dim", "hidden_dim", "num_heads", "num_kv_heads", "head_dim",
                 "max_length"):
      if getattr(self, name) < 1:
        raise ConfigError(f"ModelConfig.{name} is {getattr(self, name)}, expected a positive integer.")
    if self.num_heads % self.num_kv_heads:
      raise ConfigError(f"ModelConfig.num_heads is {self.num_heads}, not a multiple of num_kv_heads "
                        f"{self.num_kv_heads}.")
    if self.head_dim % 2:
      raise ConfigError(f"ModelConfig.head_dim is {self.head_dim}, expected an even number: rope turns pairs.")
    if not self.pattern or any(kind not in KINDS for kind in self.pattern):
      raise ConfigError(f"ModelConfig.pattern is {self.pattern}, expected kinds out of {', '.join(KINDS)}.")
    if ("local" in self.pattern) != (self.window is not None):
      raise ConfigError(f"ModelConfig.window is {self.window} with pattern {self.pattern}: exactly patterns with "
                        "'local' have a window.")

  def kind(self, layer: int) -> str:
    """The kind of mixer of one layer."""
    return self.pattern[layer % len(self.pattern)]


def _smollm2(**shape: Any) -> ModelConfig:
  return ModelConfig(vocab_size=49152, head_dim=64, max_length=8192, rope_base=1e5, norm_eps=1e-5, **shape)


# Shapes from the models' config.json: HuggingFaceTB/SmolLM2-135M-Instruct, -360M-Instruct, -1.7B-Instruct.
PRESETS: dict[str, ModelConfig] = {
    "smollm2_135m": _smollm2(num_layers=30, model_dim=576, hidden_dim=1536, num_heads=9, num_kv_heads=3),
    "smollm2_360m": _smollm2(num_layers=32, model_dim=960, hidden_dim=2560, num_heads=15, num_kv_heads=5),
    "smollm2_1.7b": dataclasses.replace(
        _smollm2(num_layers=24, model_dim=2048, hidden_dim=8192, num_heads=32, num_kv_heads=32), rope_base=130000.0),
}


def preset(name: str) -> ModelConfig:
  """One of PRESETS. Raises ConfigError with the nearest name."""
  if name not in PRESETS:
    near = difflib.get_close_matches(name, PRESETS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"Unknown model preset {name!r}, expected one of {', '.join(sorted(PRESETS))}.{hint}")
  return PRESETS[name]


def tiny(config: ModelConfig, **changes: Any) -> ModelConfig:
  """A small twin with the same features and head ratio, for tests: two periods of the pattern, V 259 (bytes).

  model_dim is a multiple of num_heads, because transformers refuses other Llamas even where head_dim is given.
  """
  heads = 2 * (config.num_heads // config.num_kv_heads)
  small = {
      "vocab_size": 259, "num_layers": 2 * len(config.pattern), "model_dim": 8 * heads, "hidden_dim": 48,
      "num_heads": heads, "num_kv_heads": 2, "head_dim": 16, "max_length": 512,
      "window": None if config.window is None else 8,
  }
  return dataclasses.replace(config, **(small | changes))
