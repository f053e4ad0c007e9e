"""Where data is on a mesh with Auto axes: rows stay on their device, and parameters come to them when they are used.

Left to itself the compiler rather moves what all rows make: of Gemma 2 9B, divided over 256 devices, each would hold
149 GiB of temporaries (four layers, 4,096 tokens a device, 512 tokens of logits; libtpu 0.0.42.1).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from eft_jax.models import sharding, specs


def auto_mesh() -> AbstractMesh | None:
  """The current mesh, if it divides anything and leaves shardings to the compiler."""
  mesh = jax.sharding.get_abstract_mesh()
  return None if mesh.empty or mesh.size == 1 or set(mesh.axis_types) != {AxisType.Auto} else mesh


def keep(x: jax.Array, *axes: str | None) -> jax.Array:
  """x divided over the mesh by these logical axes and whole along None, whatever the compiler would find cheaper.

  x itself where the mesh's axes are not Auto: there each operation says where its output goes.
  """
  mesh = auto_mesh()
  if mesh is None:
    return x
  names = (None if axis is None else sharding.dividing(axis, size, mesh) or None
           for axis, size in zip(axes, x.shape, strict=True))
  return jax.lax.with_sharding_constraint(x, PartitionSpec(*names))


def gather(params: Any, table: Any, dtype: Any) -> Any:
  """Parameters as matmuls take them: kernels in `dtype`, gathered over the axes that also divide the rows of a batch.

  Their gradients come back divided: each device gets the sum over all rows of its own part only (ZeRO,
  arXiv:1910.02054, section 5.3).

  Args:
    table: their `specs.Spec`; parameters that it lacks, as adapters, pass through.
  """
  mesh = auto_mesh()
  if mesh is None:
    return params
  whole_rules = sharding.RULES | {axis: tuple(name for name in names if name not in sharding.RULES["batch"])
                         for axis, names in sharding.RULES.items()}

  def one(x, s):
    divided, whole = sharding.spec(s.axes, mesh), sharding.spec(s.axes, mesh, whole_rules)
    return x if divided == whole else _gather(x, divided, whole, jnp.dtype(dtype).name)

  def walk(node, table):
    if isinstance(table, specs.Spec):
      return one(node, table)
    return {name: walk(child, table[name]) if name in table else child for name, child in node.items()}
  return walk(params, table)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _gather(x: jax.Array, divided: PartitionSpec, whole: PartitionSpec, dtype: str) -> jax.Array:
  narrow = jax.lax.with_sharding_constraint(x.astype(dtype), divided)  # so that the narrow one travels
  return checkpoint_name(jax.lax.with_sharding_constraint(narrow, whole), "gathered")


def _gather_forward(x, divided, whole, dtype):
  return _gather(x, divided, whole, dtype), None


def _gather_backward(divided, whole, dtype, kept, grad):
  del whole, dtype, kept
  return (jax.lax.with_sharding_constraint(grad.astype(jnp.float32), divided),)


_gather.defvjp(_gather_forward, _gather_backward)


@dataclasses.dataclass(frozen=True)
class Gathers:
  """Named arrays of which each device holds a part, inside of `by_token`.

  Attributes:
    cuts: (name, mesh axis, dimension) of each.
    rest: how the compiler's own axes divide each array.
  """

  cuts: tuple[tuple[str, str, int], ...] = ()
  rest: tuple[tuple[str, PartitionSpec], ...] = ()

  def whole(self, arrays: dict[str, jax.Array], dtype: Any) -> dict[str, jax.Array]:
    """All of them, those that were cut in `dtype`."""
    for name, axis, dimension in self.cuts:
      gather = functools.partial(jax.lax.all_gather, axis_name=axis, axis=dimension, tiled=True)
      arrays = arrays | {name: self._part(name, gather, arrays[name].astype(dtype))}
    return self.kept(arrays)

  def kept(self, arrays: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Whole arrays, or sums of their gradients, still divided over the compiler's axes: it would rather gather them."""
    return arrays | {name: jax.lax.with_sharding_constraint(arrays[name], place)
                     for name, place in self.rest if name in arrays}

  def summed(self, grads: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Gradients of `whole` arrays, each device's its own: summed over the devices, and each gets its part."""
    for name, axis, dimension in reversed(self.cuts):
      if name in grads:
        scatter = functools.partial(_scatter, axis=axis, dimension=dimension)
        grads = grads | {name: self._part(name, scatter, grads[name])}
    return grads

  def _part(self, name: str, run: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """`run` on what a device has of an array. The compiler would first gather x over the axes that it divides."""
    place = dict(self.rest).get(name)
    if place is None:
      return run(x)
    axes = {axis for names in place for axis in ((names,) if isinstance(names, str) else names or ())}
    return jax.shard_map(run, in_specs=place, out_specs=place, axis_names=axes, check_vma=False)(x)


def _scatter(x: jax.Array, axis: str, dimension: int) -> jax.Array:
  """Sum over a mesh axis, of which each device keeps its part; in two steps, over blocks of devices and within them.

  A TPU compiler makes a reduce-scatter over both sides of a torus at once an all-reduce, twice the bytes and a whole
  output; along one side it is what it should be (libtpu 0.0.42.1). Blocks are rows of devices where the torus is square
  or twice as long as wide.
  """
  size = jax.lax.axis_size(axis)
  inner = next(n for n in range(1, size + 1) if size % n == 0 and n * n >= size)
  across = [[block * inner + place for block in range(size // inner)] for place in range(inner)]
  within = [[block * inner + place for place in range(inner)] for block in range(size // inner)]
  for groups in (across, within):
    if len(groups) < size:
      x = jax.lax.psum_scatter(x, axis, scatter_dimension=dimension, tiled=True, axis_index_groups=groups)
  return x


def by_token(
    run: Callable[..., Any], arrays: dict[str, jax.Array], axes: Mapping[str, tuple[str, ...]], *xs: Any,
) -> Any:
  """`run(gathers, arrays, *xs)` -> [B, T] arrays, each device on its own tokens; a tensor axis stays the compiler's.

  Args:
    arrays: used whole by every token; they arrive as each device holds them, see `Gathers`.
    axes: logical axes of the arrays that are divided by them.
    xs: [B, T, ...] or None.
  """
  mesh = auto_mesh()
  rows, tokens = (sharding.dividing(name, size, mesh) if mesh else ()
                  for name, size in zip(("batch", "tokens"), xs[0].shape, strict=False))
  if not rows + tokens:
    return run(Gathers(), arrays, *xs)
  cuts, rest, places = [], [], {}
  by_hand = rows + tokens
  for name, array in arrays.items():
    divided = [sharding.dividing(logical, size, mesh)
               for logical, size in zip(axes.get(name, ()), array.shape, strict=False)]
    cuts += [(name, axis, dimension) for dimension, names in enumerate(divided) for axis in names if axis in by_hand]
    only = lambda wanted, divided=divided: PartitionSpec(
        *(tuple(axis for axis in names if (axis in by_hand) == wanted) or None for names in divided))
    places[name] = only(True)
    rest += [(name, only(False))] if any(only(False)) else []
  local = PartitionSpec(rows or None, tokens or None)
  run = functools.partial(run, Gathers(tuple(cuts), tuple(rest)))
  return jax.shard_map(run, in_specs=(places, *(local for _ in xs)), out_specs=local, axis_names=set(by_hand),
                       check_vma=False)(arrays, *xs)
