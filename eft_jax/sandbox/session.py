"""The door to one candidate: calls under a CPU clock, and a typed outcome for every way in which they can fail."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import time
from typing import Literal

import numpy as np

from eft_jax.core import CandidateError, Limits, Outcome, Program
from eft_jax.sandbox import fork_server
from eft_jax.sandbox import settings as settings_lib
from eft_jax.sandbox.inside import codec

_CPUS = len(os.sched_getaffinity(0))
# What a candidate may say about itself; everything else is read from the kernel.
_SAID = {outcome.value: outcome for outcome in
         (Outcome.CRASH, Outcome.SYNTAX, Outcome.POLICY, Outcome.MEMORY, Outcome.INVALID)}
_MESSAGE_CHARS = 3000


class InfraError(RuntimeError):
  """The sandbox itself failed, not the candidate."""


@dataclasses.dataclass(frozen=True)
class Usage:
  """What a candidate used over a whole session, and what it printed."""

  cpu_seconds: float = 0.0
  wall_seconds: float = 0.0
  peak_memory_mb: float = 0.0
  stdout: str = ""


class CandidateSession:
  """core.Session over one child of a fork server, from the first call to a fatal failure or `close`.

  Seeds are derived here, in the trusted process; the candidate is told nothing but its arguments.
  """

  def __init__(self, server: fork_server.ForkServer, program: Program, limits: Limits, *, key: bytes, task: str,
               fidelity: Literal["search", "full"], previous: np.ndarray | None):
    self.fidelity, self.previous = fidelity, previous
    self._server, self._program, self._limits, self._key, self._task = server, program, limits, key, task
    self._child: fork_server.Child | None = None
    self._failure: CandidateError | None = None
    self._result_bytes = min(int(limits.result_mb * 2**20), codec.MAX_BYTES)
    self._sequence = 0
    self._wall = 0.0
    self._output, self._output_bytes = bytearray(), 0
    self._report: fork_server.Report | None = None

  def seeds(self, label: str, count: int) -> list[int]:
    return settings_lib.hidden_seeds(self._key, self._task, label, count)

  def call(self, entry: str, *args) -> object:
    if self._failure is not None:
      raise self._failure
    content = codec.encode([entry, *args])  # what does not encode is the task's bug
    if self._child is None:
      self._begin()
    start = time.monotonic()
    try:
      reply = self._exchange(content)
    finally:
      self._wall += time.monotonic() - start
    return self._open(reply)

  def close(self) -> Usage:
    """Ends the child with all that it has started. Raises InfraError when the fork server is gone."""
    self._end()
    report = self._report or fork_server.Report(0, 0.0, 0.0)
    text = self._output.decode("utf-8", "replace")
    if self._output_bytes > len(self._output):
      text += f"\n... {self._output_bytes - len(self._output)} bytes more"
    return Usage(report.cpu_seconds, self._wall, report.peak_memory_mb, text)

  def _begin(self) -> None:
    """Takes a child, gives it the program, and waits until it has laid off its rights."""
    try:
      self._child = self._server.take()
    except fork_server.ServerGone as error:
      raise InfraError(str(error)) from error
    self._poll = select.poll()
    self._poll.register(self._child.channel, select.POLLIN)
    self._poll.register(self._child.output, select.POLLIN)
    self._poll.register(self._child.pidfd, select.POLLIN)
    self._clock = (~self._child.pid << 3) | 2  # the kernel's id of that process's CPU clock
    order = {"source": self._program.source, "cpu_seconds": self._limits.cpu_seconds,
             "memory_mb": self._limits.memory_mb, "result_bytes": self._result_bytes}
    try:
      ready = self._exchange(codec.encode(order))
    except CandidateError as error:
      raise InfraError(f"A candidate's process did not come up: {error.message}") from error
    if ready != b"ready":
      raise InfraError("A candidate's process did not come up.")

  def _exchange(self, content: bytes) -> bytes:
    """Sends one message and returns the answer to it. Raises CandidateError."""
    sequence = self._sequence
    self._sequence += 1
    outgoing = memoryview(codec.HEADER.pack(sequence, len(content)) + content)
    incoming, expected = bytearray(), codec.HEADER.size
    child, deadline = self._child, time.monotonic() + self._limits.wall_seconds - self._wall
    alive = True
    while True:
      if outgoing:
        outgoing = outgoing[self._send(outgoing):]
        self._poll.modify(child.channel, select.POLLIN | select.POLLOUT if outgoing else select.POLLIN)
      events = dict(self._poll.poll(self._patience(deadline) if alive else 0))
      if child.output in events:
        self._read_output()
      if child.pidfd in events:
        alive = False
      piece = self._receive(expected - len(incoming)) if child.channel.fileno() in events else None
      if piece:
        incoming += piece
        if len(incoming) == codec.HEADER.size == expected:
          answered, length = codec.HEADER.unpack(incoming)
          if answered != sequence or length > self._result_bytes:
            self._fail(Outcome.POLICY, "the program wrote to the channel of its results")
          expected += length
        if len(incoming) == expected and expected > codec.HEADER.size:
          self._check_cpu()
          return bytes(incoming[codec.HEADER.size:])
      elif not alive:
        self._died()
      elif piece == b"" and not select.select([child.pidfd], [], [], 0.2)[0]:
        self._fail(Outcome.POLICY, "the program closed the channel of its results")

  def _send(self, data: memoryview) -> int:
    try:
      return self._child.channel.send(data)
    except BlockingIOError:
      return 0
    except OSError:  # closed: the next poll says what happened
      return len(data)

  def _receive(self, size: int) -> bytes | None:
    """Up to `size` bytes; None when there is nothing, b'' at the end."""
    try:
      return self._child.channel.recv(min(size, 1 << 20))
    except BlockingIOError:
      return None
    except OSError:
      return b""

  def _read_output(self) -> None:
    """Keeps the first bytes of what the candidate prints, and throws the rest away as fast as it comes."""
    try:
      data = os.read(self._child.output, 1 << 16)
    except BlockingIOError:
      return
    if not data:
      self._poll.unregister(self._child.output)
      return
    self._output_bytes += len(data)
    self._output += data[:max(0, (self._limits.output_kb << 10) - len(self._output))]

  def _cpu(self) -> float:
    """CPU seconds of the child so far; 0 when it has just ended."""
    try:
      return time.clock_gettime(self._clock)
    except OSError:
      return 0.0

  def _check_cpu(self) -> float:
    """CPU seconds left. Fails the session where there are none."""
    left = self._limits.cpu_seconds - self._cpu()
    if left <= 0:
      self._fail(Outcome.TIMEOUT, f"the program exceeds its CPU limit of {self._limits.cpu_seconds:g} s")
    return left

  def _patience(self, deadline: float) -> float:
    """Milliseconds to wait before the clocks must be read again: CPU time runs at most as fast as all CPUs together."""
    if time.monotonic() >= deadline:
      self._check_cpu()
      self._fail(Outcome.TIMEOUT, f"the program exceeds its wall limit of {self._limits.wall_seconds:g} s")
    return max(1.0, 1000 * min(self._check_cpu() / _CPUS, deadline - time.monotonic()))

  def _open(self, reply: bytes) -> object:
    """The result in an answer. Raises CandidateError where it is a failure."""
    try:
      said, value = codec.decode(reply)
    except (codec.Malformed, TypeError, ValueError):
      self._fail(Outcome.POLICY, "the program wrote to the channel of its results")
    if not isinstance(said, str):
      said = ""
    if said == "ok":
      return value
    outcome = _SAID.get(said)
    if outcome is None or not isinstance(value, str):
      self._fail(Outcome.POLICY, "the program wrote to the channel of its results")
    if outcome is Outcome.MEMORY:
      value += f" ({self._limits.memory_mb} MB)"
    raise CandidateError(outcome, value[:_MESSAGE_CHARS])

  def _died(self) -> None:
    """The child ended before it answered: says why."""
    self._end()
    status, limits = self._report.status, self._limits
    if self._report.cpu_seconds >= limits.cpu_seconds:
      self._fail(Outcome.TIMEOUT, f"the program exceeds its CPU limit of {limits.cpu_seconds:g} s")
    if os.WIFSIGNALED(status):
      number = os.WTERMSIG(status)
      hint = " (deep recursion, or a fault in native code)" if number == signal.SIGSEGV else ""
      self._fail(Outcome.POLICY if number == signal.SIGSYS else Outcome.CRASH,
                 f"the program was killed by {signal.Signals(number).name}{hint}")
    code = os.WEXITSTATUS(status)
    self._fail(Outcome.CRASH, f"the program ended its process with exit code {code} before it answered")

  def _fail(self, outcome: Outcome, message: str) -> None:
    """Ends the child for good and raises; later calls raise the same."""
    self._end()
    self._failure = CandidateError(outcome, message)
    raise self._failure

  def _end(self) -> None:
    child, self._child = self._child, None
    if child is None:
      return
    try:
      self._report = self._server.finish()
      self._child = child
      while child.output in dict(self._poll.poll(0)):
        before = self._output_bytes
        self._read_output()
        if self._output_bytes == before:
          break
    except fork_server.ServerGone as error:
      raise InfraError(str(error)) from error
    finally:
      self._child = None
      child.close()
