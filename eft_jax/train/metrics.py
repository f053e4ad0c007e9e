"""Metrics on disk: metrics.jsonl is the record, TensorBoard and Weights & Biases are views; all go on where a run does.

With several processes the first one writes.
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import secrets
from collections.abc import Mapping
from typing import Any

import jax

from eft_jax.core.events import Events
from eft_jax.core.settings import ConfigError
from eft_jax.train.settings import WandbSettings

# What two runs of the same command do not share.
MEASURED = ("seconds", "data_seconds", "device_seconds", "checkpoint_seconds", "tokens_per_second", "mfu",
            "memory_bytes", "step_times")


class Writer:
  """Appends one JSON object per event to DIR/metrics.jsonl, and its numbers to the views.

  A resumed run drops what came after its checkpoint: those steps are made, and written, again.

  Raises:
    ConfigError: Weights & Biases is asked for and not installed, or refuses.
  """

  def __init__(self, workdir: pathlib.Path, step: int, tensorboard: bool, wandb: WandbSettings | None = None,
               config: Mapping[str, Any] | None = None):
    self._file = self._events = self._wandb = None
    if jax.process_index():
      return
    self.path = workdir / "metrics.jsonl"
    kept = [event for event in read(workdir) if event["step"] <= step]
    temporary = self.path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(event) + "\n" for event in kept))
    os.replace(temporary, self.path)
    self._file = self.path.open("a")
    if tensorboard:
      self._events = Events(workdir / "tensorboard")
      if step:
        self._events.purge(step + 1)
    if wandb and wandb.project:
      self._wandb = _wandb_run(wandb, workdir, dict(config or {}))

  def __call__(self, step: int, **values: float | None) -> None:
    """Writes one event and flushes it; None is no value."""
    if self._file is None:
      return
    values = {name: value for name, value in values.items() if value is not None}
    self._file.write(json.dumps({"step": step, **values}) + "\n")
    self._file.flush()
    for name, value in values.items() if self._events else ():
      self._events.add(name, value, step)
    if self._wandb:
      self._wandb.log({"step": step, **values})

  def close(self) -> None:
    for view in (self._events, self._file):
      if view:
        view.close()
    if self._wandb:
      self._wandb.finish()


def _wandb_run(settings: WandbSettings, workdir: pathlib.Path, config: dict[str, Any]) -> Any:
  """A run of Weights & Biases that a resumed run continues: its id is that of the work directory."""
  try:
    wandb = importlib.import_module("wandb")
  except ImportError as error:
    raise ConfigError(f"wandb.project is {settings.project!r}, but Weights & Biases cannot be imported ({error}): pip "
                      "install 'eft_jax[wandb]', or leave wandb.project empty.") from error
  path = workdir / "wandb_id"
  if not path.exists():
    path.write_text(secrets.token_hex(4))
  try:
    run = wandb.init(project=settings.project, entity=settings.entity or None, name=settings.name or workdir.name,
                     mode=settings.mode, dir=str(workdir), id=path.read_text(), resume="allow", config=config,
                     settings=wandb.Settings(console="off", silent=True))
  except wandb.Error as error:
    raise ConfigError(f"Weights & Biases refuses project {settings.project!r} ({error}): `wandb login`, or "
                      "wandb.mode='offline'.") from error
  run.define_metric("*", step_metric="step")  # steps are made again after a resume, which wandb's own count forbids
  return run


def read(workdir: pathlib.Path) -> list[dict[str, Any]]:
  """All events; a line that a crash cut short is left out."""
  path = workdir / "metrics.jsonl"
  events = []
  for line in path.read_text().splitlines() if path.exists() else ():
    try:
      events.append(json.loads(line))
    except json.JSONDecodeError:
      break
  return events


def repeatable(event: Mapping[str, Any]) -> dict[str, Any]:
  """An event without what was measured: the same for every run of the same command."""
  return {name: value for name, value in event.items() if name not in MEASURED}
