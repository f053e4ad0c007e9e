"""Metrics on disk: metrics.jsonl is the record, TensorBoard events are a view of it; both continue where a run does."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any


class Writer:
  """Appends one JSON object per event to DIR/metrics.jsonl, and its numbers to TensorBoard.

  A resumed run drops what came after its checkpoint: those steps are made, and written, again.
  """

  def __init__(self, workdir: pathlib.Path, step: int, tensorboard: bool):
    self.path = workdir / "metrics.jsonl"
    kept = [event for event in read(workdir) if event["step"] <= step]
    temporary = self.path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(event) + "\n" for event in kept))
    os.replace(temporary, self.path)
    self._file = self.path.open("a")
    self._events = None
    if tensorboard:
      from tensorboardX import SummaryWriter
      self._events = SummaryWriter(str(workdir / "tensorboard"), purge_step=step + 1 if step else None)

  def __call__(self, step: int, **values: float) -> None:
    """Writes one event and flushes it."""
    self._file.write(json.dumps({"step": step, **values}) + "\n")
    self._file.flush()
    for name, value in values.items() if self._events else ():
      self._events.add_scalar(name, value, step)

  def close(self) -> None:
    self._file.close()
    if self._events:
      self._events.close()


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
