"""Stopping between two steps, where the state is whole; several processes agree on the step that they stop after."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


class Stopping:
  """Whether to stop after the step at hand.

  One process stops as soon as a signal came. Several vote in every step: the votes are summed up on the devices behind
  the step, nobody waits for them, and all processes read the same sum when they read the step's numbers.
  """

  def __init__(self, mesh: Mesh):
    self._came: list[int] = []
    self._handlers: dict[int, Any] = {}
    self._vote = _voting(mesh) if jax.process_count() > 1 else None
    self._agreed = False

  def vote(self) -> jax.Array | None:
    """Begins a vote; None for one process. All processes call it after the same step."""
    return self._vote(bool(self._came)) if self._vote else None

  def count(self, votes: jax.Array | None) -> None:
    """Takes note of how a vote ended."""
    self._agreed = self._agreed or (votes is not None and bool(jax.device_get(votes)))

  def __bool__(self) -> bool:
    return self._agreed if self._vote else bool(self._came)

  def act(self) -> None:
    """Hands the signal to the handler that was there before; SIGTERM where it came to another process."""
    number = self._came[0] if self._came else signal.SIGTERM
    signal.signal(number, self._handlers[number])
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # the handler runs here

  def _remember(self, number: int, frame: Any) -> None:
    del frame
    if self._came:  # a second one means it: do not wait for the step
      signal.signal(number, signal.SIG_DFL)
      os.kill(os.getpid(), number)
    self._came.append(number)

  @contextlib.contextmanager
  def deferring(self) -> Iterator[None]:
    """Holds SIGTERM and SIGINT back; outside of the main thread, which gets no signals, it does nothing.

    A signal that the block did not act on is handed over at its end; with several processes, which would part ways
    there, it is not: they are about to finish.
    """
    if threading.current_thread() is threading.main_thread():
      numbers = (signal.SIGTERM, signal.SIGINT)
      self._handlers = {number: signal.signal(number, self._remember) for number in numbers}
    try:
      yield
    finally:
      for number, handler in self._handlers.items():
        signal.signal(number, handler)
    if self._came and not self._vote:
      self.act()


def _voting(mesh: Mesh) -> Callable[[bool], jax.Array]:
  """One process's vote -> whether any process voted for it, on every device."""
  places = NamedSharding(mesh, PartitionSpec(mesh.axis_names))  # one number on each device
  count = jax.jit(jnp.max, out_shardings=NamedSharding(mesh, PartitionSpec()))
  return lambda mine: count(jax.make_array_from_callback((mesh.size,), places, lambda _: np.array([mine], np.int32)))
