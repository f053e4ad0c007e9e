"""Checkpoints through Orbax: written while training goes on, complete or absent, a damaged one said and passed over.

Arrays are stored flat, by path, so that a checkpoint does not depend on optax's or our classes, nor on the mesh.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import orbax.checkpoint as ocp

from eft_jax.core.settings import ConfigError
from eft_jax.train import optimizer as optimizer_lib

# Orbax reports every phase of a save, and every error that it also raises, with its traceback.
logging.getLogger("absl").addFilter(lambda record: "orbax" not in record.pathname)


def _not_by_orbax(record: logging.LogRecord) -> bool:
  """After one array fails Orbax leaves errors of others in futures that asyncio then reports."""
  error = record.exc_info and record.exc_info[1]
  frames = traceback.extract_tb(error.__traceback__) if error else []
  return not any("orbax" in frame.filename for frame in frames)


logging.getLogger("asyncio").addFilter(_not_by_orbax)


def _hide_closed_loops(show: Callable[[Any], None] = sys.unraisablehook) -> Callable[[Any], None]:
  """After one array fails Orbax closes its event loop; tensorstore's callbacks of the others then print tracebacks."""
  return lambda found: str(found.exc_value) == "Event loop is closed" or show(found)


sys.unraisablehook = _hide_closed_loops()

# What Orbax and tensorstore raise for files that cannot be read or written.
FILE_ERRORS = (ValueError, KeyError, OSError, TypeError, RuntimeError)


def _flat(tree: Any) -> dict[str, Any]:
  """Leaves by path; '.' instead of '/', which is a folder to some storages."""
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {optimizer_lib.path_name(path).replace("/", "."): leaf for path, leaf in leaves}


class Checkpoints:
  """The checkpoints of one run, in a folder by step. Each holds the arrays of a state and `extra`, plain JSON data.

  With several processes all of them make every call with the same step and `extra`; each writes its own shards, the
  first one everything else.
  """

  def __init__(self, folder: pathlib.Path, keep: int):
    self.folder = folder
    # Orbax clears what an interrupted save left, and never counts it as a checkpoint.
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, cleanup_tmp_directories=True)
    handlers = {"state": ocp.PyTreeCheckpointHandler(use_compression=False), "extra": ocp.JsonCheckpointHandler()}
    self._manager = ocp.CheckpointManager(folder.absolute(), options=options, item_handlers=handlers)
    self._writing: int | None = None

  @property
  def latest(self) -> int | None:
    """Step of the newest complete checkpoint, after `wait`."""
    return self._manager.latest_step()

  def save(self, step: int, state: Any, extra: Mapping[str, Any]) -> None:
    """Copies the state to host memory and returns while it is written; `wait` tells whether that went well.

    Waits for the save before. A checkpoint of this step that is there already stands. Until it is written, host memory
    holds a copy of the state; each process has that of its own devices.

    Raises:
      OSError: this or the save before could not be written; older checkpoints are as they were.
    """
    self.wait()
    if step in self._manager.all_steps():
      return
    extra = json.loads(json.dumps(dict(extra)))  # it is written later: a copy, because the caller's may change
    self._writing = step
    try:
      saved = self._manager.save(step, args=ocp.args.Composite(
          state=ocp.args.PyTreeSave(_flat(state)), extra=ocp.args.JsonSave(extra)))
    except FILE_ERRORS as error:
      raise self._failed(error) from error
    if not saved:
      raise self._failed(RuntimeError("Orbax skipped it"))

  def wait(self) -> None:
    """Returns when the save under way is complete on disk.

    Raises:
      OSError: it could not be written; older checkpoints are as they were.
    """
    if self._writing is None:
      return
    try:
      self._manager.wait_until_finished()
    except FILE_ERRORS as error:
      raise self._failed(error) from error
    self._writing = None

  def check(self) -> None:
    """Raises the OSError of a save that has ended by now; does not wait for one that is under way."""
    if self._writing is not None and not self._manager.is_saving_in_progress():
      self.wait()

  def _failed(self, error: Exception) -> OSError:
    """The error of a save as one that names the cause and the checkpoint."""
    step, self._writing = self._writing, None
    found = re.search(r"os_error_code='(\d+)'", str(error))  # tensorstore's way to tell errno
    number = int(found[1]) if found else getattr(error, "errno", None)
    reason = os.strerror(number) if number else " ".join(str(error).split())[:300]
    return OSError(number or errno.EIO, f"Checkpoint of step {step} could not be written, {reason}",
                   str(self.folder / str(step)))

  def restore(self, state: Any, say: Callable[[str], None],
              needed: Sequence[str] = ()) -> tuple[Any, dict[str, Any]] | None:
    """(state, extra) of the newest readable checkpoint, or None where there is no checkpoint.

    Args:
      state: arrays with the shapes and shardings that are wanted.
      say: told of a damaged checkpoint.
      needed: keys that `extra` must have.

    Raises:
      ConfigError: the newest readable checkpoint is of another state or lacks a needed key, or none can be read.
    """
    wanted = _flat(jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state))
    self.wait()
    steps = sorted(self._manager.all_steps(), reverse=True)
    errors = []
    for step in steps:
      self._check_kind(step, wanted)
      try:
        found = self._manager.restore(step, args=ocp.args.Composite(
            state=ocp.args.PyTreeRestore(wanted, restore_args=ocp.checkpoint_utils.construct_restore_args(wanted)),
            extra=ocp.args.JsonRestore()))
      except FILE_ERRORS as error:
        errors.append(f"step {step}: {' '.join(str(error).split())[:300]}")
        say(f"checkpoint {errors[-1]}; trying the one before")
        continue
      if missing := [key for key in needed if key not in found["extra"]]:
        raise ConfigError(f"Checkpoint {self.folder / str(step)} has no {missing[0]!r} in extra, without which the run "
                          "cannot continue to the bit: remove that folder to continue from the one before.")
      for damaged in steps[:steps.index(step)]:
        self._manager.delete(damaged)
      paths, treedef = jax.tree_util.tree_flatten_with_path(state)
      names = [optimizer_lib.path_name(path).replace("/", ".") for path, _ in paths]
      return jax.tree.unflatten(treedef, [found["state"][name] for name in names]), found["extra"]
    if errors:
      raise ConfigError(f"No checkpoint in {self.folder} can be read ({errors[0]}). Remove the folder to start again.")
    return None

  def _check_kind(self, step: int, wanted: Mapping[str, jax.ShapeDtypeStruct]) -> None:
    """Raises ConfigError where a checkpoint whose description can be read is none of this state."""
    folder = self.folder / str(step)
    if not (folder / "extra").exists():
      raise ConfigError(f"Checkpoint {folder} has no iterator state (folder 'extra'), without which the run cannot "
                        "continue to the bit: remove it to continue from the one before.")
    try:
      described = dict(self._manager.item_metadata(step)["state"].tree)
      shapes = {name: tuple(value.shape) for name, value in described.items()}
    except (*FILE_ERRORS, AttributeError):
      return  # damaged: restore says so
    other = [f"{name} has shape {shapes[name]}, expected {value.shape}" if name in shapes else f"it has no {name}"
             for name, value in wanted.items() if shapes.get(name) != value.shape]
    other += [f"{name} is not of this model" for name in shapes if name not in wanted]
    if other:
      raise ConfigError(f"Checkpoint {folder} was made by another model or other settings: {other[0]} ({len(other)} "
                        "differences). Give the configuration that made it, or another --workdir.")

  def close(self) -> None:
    """Waits for a save under way. Raises OSError where it could not be written."""
    try:
      self.wait()
    finally:
      self._manager.close()
