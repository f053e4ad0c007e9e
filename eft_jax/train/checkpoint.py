"""Checkpoints through Orbax: every save is awaited and checked, the newest complete one is found, a damaged one said.

Arrays are stored flat, by path, so that a checkpoint does not depend on optax's or our classes, nor on the mesh.
"""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import orbax.checkpoint as ocp

from eft_jax.core.settings import ConfigError
from eft_jax.train import optimizer as optimizer_lib

# Orbax reports every phase of a save at INFO and a missing optional package at WARNING.
logging.getLogger("absl").addFilter(lambda record: "orbax" not in record.pathname or record.levelno >= logging.ERROR)


def _flat(tree: Any) -> dict[str, Any]:
  """Leaves by path; '.' instead of '/', which is a folder to some storages."""
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {optimizer_lib.path_name(path).replace("/", "."): leaf for path, leaf in leaves}


class Checkpoints:
  """The checkpoints of one run, in a folder by step. Each holds the arrays of a state and `extra`, plain JSON data."""

  def __init__(self, folder: pathlib.Path, keep: int):
    self.folder = folder
    # Orbax clears what an interrupted save left, and never counts it as a checkpoint.
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True,
                                           enable_async_checkpointing=False)
    handlers = {"state": ocp.PyTreeCheckpointHandler(use_compression=False), "extra": ocp.JsonCheckpointHandler()}
    self._manager = ocp.CheckpointManager(folder.absolute(), options=options, item_handlers=handlers)

  @property
  def latest(self) -> int | None:
    """Step of the newest complete checkpoint."""
    return self._manager.latest_step()

  def save(self, step: int, state: Any, extra: Mapping[str, Any]) -> None:
    """Saves and waits; a checkpoint of this step that is there already stands.

    Raises:
      OSError: it could not be written; older checkpoints are as they were.
    """
    if step in self._manager.all_steps():
      return
    saved = self._manager.save(step, args=ocp.args.Composite(
        state=ocp.args.PyTreeSave(_flat(state)), extra=ocp.args.JsonSave(dict(extra))))
    self._manager.wait_until_finished()
    if not saved:
      raise OSError(None, f"Orbax did not save step {step} to {self.folder}")

  def restore(self, state: Any, say: Callable[[str], None]) -> tuple[Any, dict[str, Any]] | None:
    """(state, extra) of the newest readable checkpoint, or None where there is no checkpoint.

    Args:
      state: arrays with the shapes and shardings that are wanted.
      say: told of a damaged checkpoint.

    Raises:
      ConfigError: there are checkpoints, none of which can be read into this state.
    """
    wanted = _flat(jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state))
    steps = sorted(self._manager.all_steps(), reverse=True)
    errors = []
    for step in steps:
      try:
        found = self._manager.restore(step, args=ocp.args.Composite(
            state=ocp.args.PyTreeRestore(wanted, restore_args=ocp.checkpoint_utils.construct_restore_args(wanted)),
            extra=ocp.args.JsonRestore()))
      except (ValueError, KeyError, OSError, TypeError) as error:  # what Orbax and tensorstore raise for bad files
        errors.append(f"step {step}: {' '.join(str(error).split())[:300]}")
        say(f"checkpoint {errors[-1]}; trying the one before")
        continue
      for damaged in steps[:steps.index(step)]:
        self._manager.delete(damaged)
      arrays = found["state"]
      paths, treedef = jax.tree_util.tree_flatten_with_path(state)
      names = [optimizer_lib.path_name(path).replace("/", ".") for path, _ in paths]
      return jax.tree.unflatten(treedef, [arrays[name] for name in names]), found["extra"]
    if errors:
      raise ConfigError(f"No checkpoint in {self.folder} can be read ({errors[0]}). Remove the folder to start again.")
    return None

  def close(self) -> None:
    self._manager.close()
