"""Attention on a mesh: rows and heads stay where they are, keys and values of a row are gathered over its tokens.

The kernels of accelerators are opaque to the compiler's partitioner, so each device runs its own part by hand, under
`jax.shard_map`; the other paths take the same way.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType, PartitionSpec
from jaxtyping import Array, Float, Int

from eft_jax.models import sharding

Axes = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
  """Mesh axes that divide an attention layer's rows, tokens and heads.

  Attributes:
    repeat: copies of each key head, where the heads are divided in more ways than there are key heads.
    seq: devices over which the tokens of a row are divided.
  """

  mesh: AbstractMesh | None = None
  rows: Axes = ()
  tokens: Axes = ()
  heads: Axes = ()
  repeat: int = 1
  seq: int = 1

  @classmethod
  def of(cls, q: Float[Array, "B T H E"], k: Float[Array, "B T K E"]) -> Layout:
    """The layout on the current mesh. An axis that does not divide a dimension evenly does not divide it at all."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.size == 1 or AxisType.Manual in mesh.axis_types:
      return cls()
    if AxisType.Explicit in mesh.axis_types:
      rows, tokens, heads = (_names(entry) for entry in jax.typeof(q).sharding.spec[:3])
    else:
      rows, tokens, heads = (sharding.dividing(axis, size, mesh)
                             for axis, size in zip(("batch", "tokens", "heads"), q.shape[:3], strict=True))
    ways = lambda axes: math.prod(mesh.shape[axis] for axis in axes)
    repeat = math.lcm(k.shape[2], ways(heads)) // k.shape[2]
    if q.shape[2] % (k.shape[2] * repeat):
      heads, repeat = (), 1  # the queries of one key head would be split unevenly
    return cls(mesh, rows, tokens, heads, repeat, ways(tokens))

  def run(self, attend: Callable[..., jax.Array], q: Float[Array, "B T H E"], k: Float[Array, "B T K E"],
          v: Float[Array, "B T K E"], segments: Int[Array, "B T"]) -> Float[Array, "B T H E"]:
    """`attend(q, k, v, segments, key_segments, start)` on each device's part: see `attention.Path`."""
    if self.mesh is None:
      return attend(q, k, v, segments, segments, None)
    if self.repeat > 1:
      k, v = (jnp.repeat(x, self.repeat, axis=2) for x in (k, v))
    rows, tokens, heads = (axes or None for axes in (self.rows, self.tokens, self.heads))
    queries, keys = PartitionSpec(rows, tokens, heads, None), PartitionSpec(rows, None, heads, None)
    specs = queries, keys, keys, PartitionSpec(rows, tokens), PartitionSpec(rows, None)
    arrays = q, k, v, segments, segments
    if AxisType.Explicit in self.mesh.axis_types:
      arrays = tuple(map(jax.reshard, arrays, specs))

    def local(*arrays):
      start = jax.lax.axis_index(tokens) * arrays[0].shape[1] if self.seq > 1 else None
      return attend(*arrays, start)

    return jax.shard_map(local, in_specs=specs, out_specs=queries, check_vma=False)(*arrays)


def _names(entry: str | Axes | None) -> Axes:
  return (entry,) if isinstance(entry, str) else entry or ()
