"""One candidate process under its clocks: messages in and out without blocking, and why it ended when it did."""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from eft_jax.core import CandidateError, Limits, Outcome
from eft_jax.sandbox import fork_server
from eft_jax.sandbox.inside import codec

_CPUS = len(os.sched_getaffinity(0))
_DRAIN_PIECES = 64  # of 64 KB, the size of a pipe
_EXIT_SECONDS = 0.2  # between the end of a process's channel and the end of the process


class InfraError(RuntimeError):
  """The sandbox itself failed, not the candidate."""


class _Ended(Exception):
  """The process has ended, and all that it wrote is read."""


class ChildProcess:
  """A child of a fork server that runs one order; ended by any failure and by `end`.

  CPU seconds come from the kernel's clock of the process and decide `timeout`; wall seconds are those of waiting. The
  order, plain data of marshal's, goes out with the first message, which saves waiting for an answer.

  Attributes:
    wall_seconds: so far. report: None until it has ended. output: what is kept of stdout and stderr; `output_bytes`
      counts all of it.

  Raises:
    InfraError: the fork server does not give a child, or it does not come up.
  """

  def __init__(self, server: fork_server.ForkServer, limits: Limits, order: Mapping[str, object]):
    self._server, self._limits = server, limits
    self.wall_seconds, self.report = 0.0, None
    self.output, self.output_bytes = bytearray(), 0
    self._sequence = 0
    self._unsent = b""
    try:
      self._child = server.take()
    except fork_server.ServerGone as error:
      raise InfraError(str(error)) from error
    self._poll = select.poll()
    for descriptor in (self._child.channel, self._child.output, self._child.pidfd):
      self._poll.register(descriptor, select.POLLIN)
    self._clock = (~self._child.pid << 3) | 2  # the kernel's id of that process's CPU clock
    order = marshal.dumps({"cpu_seconds": limits.cpu_seconds, "memory_mb": limits.memory_mb, **order})
    self._order = codec.HEADER.pack(0, len(order)) + order

  @property
  def pid(self) -> int:
    return self._child.pid

  def exchange(self, content: bytes, limit: int = codec.MAX_BYTES) -> bytes:
    """Sends one message and returns the one that answers it. Raises CandidateError, InfraError."""
    outgoing = self._begin(content)
    try:
      reply = self._answer(outgoing, limit)
    except _Ended:
      self._explain()
    self._cpu_left()
    return reply

  def collect(self, content: bytes, limit: int) -> bytes:
    """Sends one message and returns all that the process writes until it ends by itself.

    Raises CandidateError, InfraError.
    """
    incoming = bytearray()

    def take(piece: bytes) -> int:
      incoming.extend(piece)
      if len(incoming) > limit:
        self.fail(Outcome.POLICY, f"the result is too large: more than {limit} bytes")
      return 1 << 16

    try:
      self._run(self._begin(content), take, may_close=True)
    except _Ended:
      if self.end().status != 0 or self.report.cpu_seconds >= self._limits.cpu_seconds:
        self._explain()
    return bytes(incoming)

  def _begin(self, content: bytes) -> bytes:
    """What is to be sent for a message. Before the first one the order goes out, and the process must be ready."""
    message = codec.HEADER.pack(self._sequence + 1, len(content)) + content
    if self._order:
      order, self._order = self._order, b""
      try:
        ready = self._answer(order + message, codec.MAX_BYTES)
      except _Ended:
        ready = b""
      except CandidateError as error:
        raise InfraError(f"A candidate's process did not come up: {error.message}") from error
      if ready != b"ready":
        self.end()
        raise InfraError("A candidate's process did not come up.")
      self.wall_seconds, message = 0.0, self._unsent
    self._sequence += 1
    return message

  def _answer(self, outgoing: bytes, limit: int) -> bytes:
    """Sends bytes and returns the content of the message that answers those of this sequence number."""
    incoming, expected = bytearray(), codec.HEADER.size

    def take(piece: bytes) -> int:
      """Takes what has come; returns how much must still come."""
      nonlocal expected
      incoming.extend(piece)
      if len(incoming) == expected == codec.HEADER.size:
        answered, length = codec.HEADER.unpack(incoming)
        if answered != self._sequence or not 0 < length <= limit:
          self.fail(Outcome.POLICY, "the program wrote to the channel of its results")
        expected += length
      return expected - len(incoming)

    self._run(outgoing, take, may_close=False)
    return bytes(incoming[codec.HEADER.size:])

  def _run(self, outgoing: bytes, take: Callable[[bytes], int], may_close: bool) -> None:
    """Writes and reads until `take` wants no more bytes. Raises CandidateError, and _Ended at the process's end."""
    start, child, wanted = time.monotonic(), self._child, take(b"")
    deadline, outgoing, alive = start + self._limits.wall_seconds - self.wall_seconds, memoryview(outgoing), True
    try:
      while wanted:
        if outgoing:
          outgoing = outgoing[self._send(outgoing):]
          self._poll.modify(child.channel, select.POLLIN | select.POLLOUT if outgoing else select.POLLIN)
        events = dict(self._poll.poll(self._patience(deadline) if alive else 0))
        if child.output in events:
          self._read_output()
        alive = alive and child.pidfd not in events
        piece = self._receive(wanted) if child.channel.fileno() in events else None
        if piece:
          wanted = take(piece)
        elif not alive:
          raise _Ended
        elif piece == b"":
          self._poll.unregister(child.channel)
          outgoing = memoryview(b"")
          if not may_close and not select.select([child.pidfd], [], [], _EXIT_SECONDS)[0]:
            self.fail(Outcome.POLICY, "the program closed the channel of its results")
    finally:
      self._unsent = bytes(outgoing)
      self.wall_seconds += time.monotonic() - start

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

  def _read_output(self) -> int:
    """Keeps the first bytes of what the candidate prints, and throws the rest away as fast as it comes."""
    try:
      data = os.read(self._child.output, 1 << 16)
    except BlockingIOError:
      return 0
    if not data:
      self._poll.unregister(self._child.output)
    self.output_bytes += len(data)
    self.output += data[:max(0, (self._limits.output_kb << 10) - len(self.output))]
    return len(data)

  def _drain(self) -> None:
    """Reads what waits to be read; a bounded part of it while the process may go on printing."""
    for _ in range(_DRAIN_PIECES):
      if self._child.output not in dict(self._poll.poll(0)) or not self._read_output():
        return

  def _cpu_left(self) -> float:
    """CPU seconds left; fails where there are none. A process that has just ended has no clock, but a report."""
    try:
      left = self._limits.cpu_seconds - time.clock_gettime(self._clock)
    except OSError:
      return self._limits.cpu_seconds
    if left <= 0:
      self.fail(Outcome.TIMEOUT, self._too_long())
    return left

  def _too_long(self) -> str:
    return f"the program exceeds its CPU limit of {self._limits.cpu_seconds:g} s"

  def _patience(self, deadline: float) -> float:
    """Milliseconds to wait before the clocks must be read again: CPU time runs at most as fast as all CPUs together."""
    cpu, wall = self._cpu_left(), deadline - time.monotonic()
    if wall <= 0:
      self.fail(Outcome.TIMEOUT, f"the program exceeds its wall limit of {self._limits.wall_seconds:g} s")
    return max(1.0, 1000 * min(cpu / _CPUS, wall))

  def _explain(self) -> NoReturn:
    """Raises what the end of the process means."""
    report = self.end()
    if report.cpu_seconds >= self._limits.cpu_seconds:
      self.fail(Outcome.TIMEOUT, self._too_long())
    if os.WIFSIGNALED(report.status):
      number = os.WTERMSIG(report.status)
      hint = " (deep recursion, or a fault in native code)" if number == signal.SIGSEGV else ""
      outcome = Outcome.POLICY if number == signal.SIGSYS else Outcome.CRASH
      self.fail(outcome, f"the program was killed by {signal.Signals(number).name}{hint}")
    code = os.WEXITSTATUS(report.status)
    self.fail(Outcome.CRASH, f"the program ended its process with exit code {code} before it answered")

  def fail(self, outcome: Outcome, message: str) -> NoReturn:
    """Ends the process and raises CandidateError."""
    self.end()
    raise CandidateError(outcome, message)

  def cpu_seconds(self) -> float:
    """CPU seconds so far, by the kernel's clock of the process. One that has just ended has no clock: it is ended."""
    if self.report is None:
      with contextlib.suppress(OSError):
        return time.clock_gettime(self._clock)
    return self.end().cpu_seconds

  def usage(self) -> fork_server.Report:
    """What the process has used so far, without ending it."""
    if self.report is not None:
      return self.report
    self._drain()
    cpu, peak = 0.0, 0.0
    with contextlib.suppress(OSError):
      cpu = time.clock_gettime(self._clock)
      with open(f"/proc/{self.pid}/status", "rb") as file:
        peak = int(file.read().split(b"VmHWM:")[1].split(None, 1)[0]) / 1024
    return fork_server.Report(0, cpu, peak)

  def end(self) -> fork_server.Report:
    """Ends the process with all that it has started. Raises InfraError when the fork server is gone."""
    if self.report is None:
      try:
        self.report = self._server.finish()
        self._drain()
      except fork_server.ServerGone as error:
        self.report = fork_server.Report(0, 0.0, 0.0)
        raise InfraError(str(error)) from error
      finally:
        self._child.close()
    return self.report
