"""Logical axes to mesh axes: one table of rules, from which the sharding of every parameter and batch follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from eft_jax.core.settings import ConfigError
from eft_jax.models import specs
from eft_jax.models.config import ModelConfig

# Logical axis -> mesh axes that divide it. A mesh axis that the mesh lacks counts as size 1.
RULES: dict[str, tuple[str, ...]] = {
    "batch": ("data", "fsdp"),
    "tokens": ("seq",),
    "copies": ("data",),
    "layers": (),
    "norm": (),
    "model": ("fsdp",),
    "vocab": ("tensor",),
    "heads": ("tensor",),
    "kv_heads": ("tensor",),
    "hidden": ("tensor",),
    "channels": ("tensor",),
    "delta_heads": ("tensor", "seq"),  # of activations only: where tokens are whole, both axes are free for heads
    "rank": (),
}


def spec(
    axes: tuple[str, ...], mesh: Mesh | AbstractMesh, rules: Mapping[str, tuple[str, ...]] = RULES,
) -> PartitionSpec:
  """The PartitionSpec of logical axes on a mesh.

  Raises:
    ConfigError: an axis without a rule, or two dimensions on one mesh axis.
  """
  used: set[str] = set()
  entries = []
  for axis in axes:
    if axis not in rules:
      raise ConfigError(f"Logical axis {axis!r} of {axes} has no rule, expected one of {', '.join(rules)}.")
    names = tuple(name for name in rules[axis] if name in mesh.axis_names)
    if used & set(names):
      raise ConfigError(f"Logical axes {axes} put two dimensions on mesh axis {', '.join(used & set(names))}: "
                        "change the rules.")
    used |= set(names)
    entries.append(names[0] if len(names) == 1 else names or None)
  return PartitionSpec(*entries)


def like(x: jax.Array, *axes: str | None) -> PartitionSpec | None:
  """Sharding of an activation with x's leading dimension and these axes behind it, for `out_sharding`.

  None where the current mesh has no Explicit axes: there the compiler decides.
  """
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or AxisType.Explicit not in mesh.axis_types:
    return None
  rest = [None if axis is None else spec((axis,), mesh)[0] for axis in axes]
  return PartitionSpec(jax.typeof(x).sharding.spec[0], *rest)


def dividing(axis: str, size: int, mesh: Mesh | AbstractMesh) -> tuple[str, ...]:
  """The mesh axes of a logical axis, from its front as far as they divide `size` evenly."""
  names: tuple[str, ...] = ()
  for name in RULES[axis]:
    if size % math.prod(mesh.shape.get(other, 1) for other in (*names, name)):
      break
    names += (name,) if mesh.shape.get(name, 1) > 1 else ()
  return names


def tokens_divided() -> bool:
  """Whether the current mesh divides the tokens of rows."""
  mesh = jax.sharding.get_abstract_mesh()
  return not mesh.empty and any(mesh.shape.get(name, 1) > 1 for name in RULES["tokens"])


def device() -> tuple[str, str]:
  """Platform ('cpu', 'gpu' or 'tpu') and device name that the current trace is for: the mesh's where one is set.

  A program for a pod is compiled in a process that sees only CPUs, so the default backend would be wrong.
  """
  target = jax.sharding.get_abstract_mesh().abstract_device
  target = jax.devices()[0] if target is None else target
  return {"cuda": "gpu", "rocm": "gpu"}.get(target.platform, target.platform), target.device_kind


def param_axes(config: ModelConfig) -> Any:
  """Logical axes of every parameter, in the tree of the params."""
  return jax.tree.map(lambda s: s.axes, specs.table(config))


def param_shardings(config: ModelConfig, mesh: Mesh, rules: Mapping[str, tuple[str, ...]] = RULES) -> Any:
  """NamedSharding of every parameter, in the tree of the params.

  Raises:
    ConfigError: a dimension that its mesh axes do not divide.
  """
  def one(path, s):
    partition = spec(s.axes, mesh, rules)
    for size, axis, names in zip(s.shape, s.axes, partition, strict=True):
      names = (names,) if isinstance(names, str) else names or ()
      ways = 1
      for name in names:
        ways *= mesh.shape[name]
      if size % ways:
        raise ConfigError(f"{jax.tree_util.keystr(path)}: axis {axis!r} of size {size} is not divisible by the "
                          f"{ways} ways of mesh axes {', '.join(names)}.")
    return NamedSharding(mesh, partition)
  return jax.tree_util.tree_map_with_path(one, specs.table(config))
