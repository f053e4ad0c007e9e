"""Devices as a mesh with the axes data, fsdp, tensor, seq, and what is placed where on it.

Axis types are always passed: the default of jax.make_mesh is Explicit since JAX 0.9, and the decoder is written for
Auto, where the compiler carries the shardings of the inputs through.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils, multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from eft_jax import models
from eft_jax.core.settings import ConfigError
from eft_jax.train.batches import TOKEN_FIELDS, TOKEN_VALUES
from eft_jax.train.settings import MeshSettings

AXES = ("data", "fsdp", "tensor", "seq")


def make(settings: MeshSettings, devices: Sequence[jax.Device] | None = None) -> Mesh:
  """The mesh of all devices.

  Raises:
    ConfigError: the axes do not multiply to the number of devices.
  """
  devices = jax.devices() if devices is None else devices
  sizes = [getattr(settings, axis) for axis in AXES]
  given = ", ".join(f"mesh.{axis}={size}" for axis, size in zip(AXES, sizes, strict=True))
  if any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
    raise ConfigError(f"{given}: expected sizes of at least 1, one of them may be -1.")
  known = math.prod(size for size in sizes if size != -1)
  sizes = [len(devices) // known if size == -1 else size for size in sizes]
  if math.prod(sizes) != len(devices):
    raise ConfigError(f"{given} does not divide {len(devices)} {devices[0].platform} devices: the product must be "
                      "their number.")
  types = (AxisType.Auto,) * len(AXES)
  try:
    return jax.make_mesh(tuple(sizes), AXES, axis_types=types, devices=devices)
  except NotImplementedError:  # an axis that is part of a side of the torus
    grid = mesh_utils.create_device_mesh(tuple(sizes), list(devices), allow_split_physical_axes=True)
    return Mesh(grid, AXES, axis_types=types)


def compiler_options(mesh: Mesh) -> dict[str, bool]:
  """For jax.jit. On a CPU that stands in for several devices, collectives that run at the same time can hold all its
  threads and wait for each other until XLA aborts: there they run in one order.
  """
  several = mesh.size > 1 and mesh.devices.flat[0].platform == "cpu"
  return {"xla_cpu_enable_concurrency_optimized_scheduler": False} if several else {}


def replicated(mesh: Mesh) -> NamedSharding:
  """The same on every device."""
  return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh, name: str = "") -> NamedSharding:
  """Rows divided over data and fsdp, for arrays [A, B, ...] with parts A in front.

  Args:
    name: of the field of a batch; those with a value for each token are divided over seq too.
  """
  axes = ("batch", "tokens") if name in TOKEN_FIELDS + TOKEN_VALUES else ("batch",)
  return NamedSharding(mesh, PartitionSpec(None, *models.sharding.spec(axes, mesh)))


def check_batch(mesh: Mesh, batch_size: int, accumulate: int, row_length: int) -> None:
  """Raises ConfigError where a part of a batch does not divide over the devices."""
  if row_length % mesh.shape["seq"]:
    raise ConfigError(f"data.row_length {row_length} is not divisible by mesh.seq = {mesh.shape['seq']}.")
  ways = mesh.shape["data"] * mesh.shape["fsdp"]
  if (batch_size // accumulate) % ways:
    raise ConfigError(f"data.batch_size {batch_size} / accumulate {accumulate} = {batch_size // accumulate} rows is "
                      f"not divisible by mesh.data * mesh.fsdp = {ways}.")


def place(mesh: Mesh, batch: Any, parts: int = 1) -> Any:
  """A batch of numpy arrays [B, ...] as device arrays [parts, B / parts, ...].

  Every process has the whole batch and copies the rows of its own devices: what is trained on does not depend on the
  number of processes.
  """
  cut = jax.tree.map(lambda x: x.reshape(parts, x.shape[0] // parts, *x.shape[1:]), batch)
  where = lambda path, _: batch_sharding(mesh, getattr(path[-1], "name", "") if path else "")
  return spread(cut, jax.tree_util.tree_map_with_path(where, cut))


def spread(tree: Any, shardings: Any) -> Any:
  """Arrays that every process has whole, placed on the devices of all."""
  if jax.process_count() == 1:
    return jax.device_put(tree, shardings)
  one = lambda x, place: jax.make_array_from_callback(x.shape, place, lambda index: np.asarray(x)[index])
  return jax.tree.map(one, tree, shardings)


def gather(tree: Any, most: int = 1 << 30) -> Any:
  """Arrays as they are for one process; whole, in every process's own memory, for several, which all call this.

  Args:
    most: bytes that the devices hold a copy of at a time; stacks of layers that are larger come layer by layer.
  """
  if jax.process_count() == 1:
    return tree

  def whole(x: jax.Array) -> np.ndarray:
    if x.is_fully_replicated:
      return np.asarray(x)
    if x.nbytes > most and x.ndim > 2:
      return np.stack([whole(x[layer]) for layer in range(x.shape[0])])
    return multihost_utils.process_allgather(x, tiled=True)

  return jax.tree.map(whole, tree)
