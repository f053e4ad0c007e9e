"""TensorBoard scalars without torch and without a thread: a disk that refuses them ends them, not the run."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

FLUSH_SECONDS = 10.0


class Events:
  """TensorBoard scalars, written at once on the caller's thread.

  tensorboardX's SummaryWriter would write from a thread of its own, whose errors land as tracebacks on the screen.
  """

  def __init__(self, folder: pathlib.Path):
    with without_torch():
      from tensorboardX import event_file_writer, summary
      from tensorboardX.proto import event_pb2
    self._scalar, self._pb, self._writer, self._flushed = summary.scalar, event_pb2, None, time.monotonic()
    with contextlib.suppress(OSError):
      folder.mkdir(parents=True, exist_ok=True)
      self._writer = event_file_writer.EventsWriter(str(folder / "events"), f".{os.getpid()}")

  def add(self, name: str, value: float, step: int) -> None:
    self._write(self._pb.Event(wall_time=time.time(), step=step, summary=self._scalar(name, value)))
    if time.monotonic() - self._flushed > FLUSH_SECONDS:
      self._flushed = time.monotonic()
      self._do(lambda: self._writer.flush())

  def purge(self, step: int) -> None:
    """Tells TensorBoard to forget what earlier files say of this step and later ones."""
    self._write(self._pb.Event(wall_time=time.time(), step=step, file_version="brain.Event:2"))
    start = self._pb.SessionLog(status=self._pb.SessionLog.START)
    self._write(self._pb.Event(wall_time=time.time(), step=step, session_log=start))

  def close(self) -> None:
    self._do(lambda: self._writer.close())

  def _write(self, event: Any) -> None:
    self._do(lambda: self._writer.write_event(event))

  def _do(self, write: Callable[[], Any]) -> None:
    if self._writer is not None:
      try:
        write()
      except OSError:
        self._writer = None


@contextlib.contextmanager
def without_torch() -> Iterator[None]:
  """tensorboardX imports torch where it finds it, which takes seconds and is of no use here."""
  if "torch" in sys.modules:
    yield
    return
  sys.modules["torch"] = None
  try:
    yield
  finally:
    sys.modules.pop("torch", None)
