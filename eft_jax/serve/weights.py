"""The weights as the engine holds them: single layers in the compute dtype, checked before they replace others."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from eft_jax import models
from eft_jax.serve.requests import RequestError


def prepare(config: models.ModelConfig, params: Any, dtype: Any) -> Any:
  """A copy of the parameters as decoding wants them; a trainer may give its own away afterwards."""
  given = {id(leaf) for leaf in jax.tree.leaves(params)}
  # One slice after the other: compiled as one program this takes ten seconds for thirty layers.
  return jax.tree.map(lambda x: jnp.array(x, dtype, copy=id(x) in given), models.unstack(config, params))


def check(config: models.ModelConfig, params: Any) -> None:
  """Raises RequestError unless the parameters are those of the config.

  Adapters beside the kernels are welcome, and so is an output head of its own where the config ties it, or none where
  it does not: the model runs with either.
  """
  try:
    found = _shapes(jax.eval_shape(lambda p: models.unstack(config, p), params))
  except (KeyError, TypeError, IndexError, ValueError) as error:
    raise RequestError(f"The weights do not fit the served model: no such layout ({error!r}).") from error
  expected = _shapes(jax.eval_shape(lambda p: models.unstack(config, p), models.abstract(config)))
  for path in sorted(expected.keys() | found.keys()):
    if expected.get(path) != found.get(path):
      raise RequestError(f"The weights do not fit the served model: {path} has shape {found.get(path, 'none')}, "
                         f"expected {expected.get(path, 'none')}.")


def _shapes(params: Any) -> dict[str, tuple[int, ...]]:
  """Shapes by path, without adapters and head."""
  leaves = jax.tree_util.tree_leaves_with_path(params)
  shapes = {jax.tree_util.keystr(path, simple=True, separator="."): tuple(leaf.shape) for path, leaf in leaves}
  return {path: shape for path, shape in shapes.items() if "lora_" not in path and not path.startswith("head.")}
