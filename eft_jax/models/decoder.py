"""The decoder over packed rows: tokens to final hidden states, scanned over the periods of the layer pattern."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from eft_jax.core.settings import ConfigError
from eft_jax.models import attention, blocks, gated_delta, gathering, layers, sharding, specs
from eft_jax.models.config import ModelConfig

# What a layer keeps for its backward pass; the rest is computed again. 'none' keeps everything.
REMAT = {
    "none": None,
    "full": jax.checkpoint_policies.nothing_saveable,
    "attention": jax.checkpoint_policies.save_only_these_names("attention"),
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "dots_attention": jax.checkpoint_policies.save_from_both_policies(
        jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
        jax.checkpoint_policies.save_only_these_names("attention")),
}


class Decoder(nnx.Module):
  """The whole model as one NNX module, whose state is the params: for `nnx.split`, `nnx.tabulate` and notebooks."""

  def __init__(self, config: ModelConfig, params: specs.Params):
    self.config = config
    for name, value in params.items():
      setattr(self, name, _modules(value))

  def params(self) -> specs.Params:
    """The arrays as the plain tree that the functions of this room take."""
    return nnx.to_pure_dict(nnx.state(self))

  def __call__(self, tokens: Int[Array, "B T"], positions: Int[Array, "B T"], segment_ids: Int[Array, "B T"],
               **options: Any) -> Float[Array, "B T V"]:
    """Full logits; options are those of `hidden`."""
    params = self.params()
    return logits(self.config, params, hidden(self.config, params, tokens, positions, segment_ids, **options))


def _modules(node: Any) -> Any:
  """Nested dicts of arrays as nested nnx.Dict of Param."""
  if not isinstance(node, dict):
    return nnx.Param(node)
  return nnx.Dict({name: _modules(child) for name, child in node.items()})


def hidden(
    config: ModelConfig, params: specs.Params, tokens: Int[Array, "B T"], positions: Int[Array, "B T"],
    segment_ids: Int[Array, "B T"], *, remat: str = "none", compute_dtype: Any = jnp.float32, scan: bool = True,
    attention_path: str = "auto", packed: bool = True,
) -> Float[Array, "B T D"]:
  """Final-normed hidden states of packed rows.

  Args:
    positions: of each token within its document.
    segment_ids: number of each token's document within its row; 0 is padding.
    remat: a name in REMAT.
    scan: False runs the layers one by one (debugging, export); unstacked params always do.
    attention_path, packed: see `attention.attend`.

  Raises:
    ConfigError: unknown remat or attention path.
  """
  if remat not in REMAT:
    raise ConfigError(f"remat is {remat!r}, expected one of {', '.join(REMAT)}.")
  ropes = layers.rope_tables(config, positions)
  runs = gated_delta.run_numbers(segment_ids) if config.recurrent else None

  def run(kind: str, x: jax.Array, layer: specs.Params) -> jax.Array:
    if kind == "delta":
      attend = lambda rule: rule(runs)[0]
    else:
      attend = lambda q, k, v: attention.attend(
          q, k, v, segment_ids, window=config.window if kind == "local" else None, softcap=config.attention_softcap,
          path=attention_path, packed=packed)
    return blocks.Block(config, kind, layer)(x, ropes, attend)

  def block(kind: str, x: jax.Array, layer: specs.Params) -> jax.Array:
    return run(kind, gathering.keep(x, "batch", "tokens", None),
               gathering.gather(layer, specs.layer(config, kind), compute_dtype))

  block_of = {kind: functools.partial(block, kind) for kind in config.pattern}
  scanned = scan and specs.is_stacked(params)
  if remat != "none" or gathering.auto_mesh():
    policy = REMAT[remat] or jax.checkpoint_policies.save_anything_except_these_names("gathered")
    # Layer by layer, so that the backward pass holds what one of them makes. Only a scan's body of one layer does
    # without the barrier: of several, the compiler would compute all again at once.
    barrier = not (scanned and len(config.pattern) == 1)
    block_of = {kind: jax.checkpoint(one, policy=policy, prevent_cse=barrier)
                      for kind, one in block_of.items()}

  def period(x: jax.Array, stacks: specs.Params) -> tuple[jax.Array, None]:
    for place in sorted(stacks, key=int):
      x = block_of[config.pattern[int(place)]](x, stacks[place])
    return gathering.keep(x, "batch", "tokens", None), None

  x = embed(config, params, tokens, compute_dtype)
  for stacks in _periods(config, params, scan):
    x, _ = jax.lax.scan(period, x, stacks) if scanned else period(x, stacks)
  return layers.RMSNorm(config, params["norm"])(x)


def _periods(config: ModelConfig, params: specs.Params, scan: bool) -> list[specs.Params]:
  """What to run in order: stacks of whole periods and of the cut-short last one, or each period by itself."""
  length = len(config.pattern)
  if not (scan and specs.is_stacked(params)):
    single = specs.unstack(config, params)["layers"]
    return [{str(place): layer for place, layer in enumerate(single[start:start + length])}
            for start in range(0, config.num_layers, length)]
  whole = config.num_layers // length
  sizes = specs.period_sizes(config)
  cut = lambda start, stop: {place: jax.tree.map(lambda x: x[start:stop], stack)
                             for place, stack in params["layers"].items() if start < sizes[int(place)]}
  return [cut(0, whole)] * (whole > 0) + [cut(whole, whole + 1)] * (config.num_layers % length > 0)


def embed(
    config: ModelConfig, params: specs.Params, tokens: Int[Array, "B T"], dtype: Any,
) -> Float[Array, "B T D"]:
  """Rows of the embedding table, times sqrt(D) in `dtype` where the config says so."""
  table = params["embed"]["table"]
  # On a mesh each device looks up its columns of all rows' tokens: moving these is cheaper than gathering the table.
  tokens = gathering.keep(tokens, "copies", None)
  rows = table.at[tokens].get(out_sharding=sharding.like(tokens, None, None)).astype(dtype)
  rows = gathering.keep(gathering.keep(rows, "copies", None, "model"), "batch", "tokens", None)
  return rows * jnp.asarray(config.model_dim ** 0.5, dtype) if config.scale_embeddings else rows


def head(params: specs.Params) -> dict[str, jax.Array]:
  """Arrays of the output head: `kernel` [D, V], or the embedding `table` [V, D] where tied, and an adapter."""
  own = params.get("head", {})
  return own if "kernel" in own else own | {"table": params["embed"]["table"]}


def head_logits(config: ModelConfig, arrays: dict[str, jax.Array], x: Float[Array, "... D"]) -> Float[Array, "... V"]:
  """Logits from `head` arrays: fp32, soft-capped where the config says so."""
  scores = layers.linear(x, **arrays, axis="vocab", out_dtype=jnp.float32)
  cap = config.final_softcap
  return scores if cap is None else cap * jnp.tanh(scores / cap)


def logits(config: ModelConfig, params: specs.Params, x: Float[Array, "... D"]) -> Float[Array, "... V"]:
  """fp32 logits of hidden states. For log-probs of known targets use `token_logprobs`, which never makes them whole."""
  return head_logits(config, head(params), x)
