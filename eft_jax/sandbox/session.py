"""The door to one candidate, for each language: calls in, plain data out, a typed outcome for every kind of failure."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import MutableMapping
from typing import Literal

import numpy as np

from eft_jax.core import CandidateError, Limits, Outcome, Program
from eft_jax.sandbox import fork_server
from eft_jax.sandbox import settings as settings_lib
from eft_jax.sandbox.child import ChildProcess, InfraError
from eft_jax.sandbox.inside import codec

# What a candidate may say about itself; everything else is read from the kernel.
_SAID = {outcome.value: outcome for outcome in
         (Outcome.CRASH, Outcome.SYNTAX, Outcome.POLICY, Outcome.MEMORY, Outcome.INVALID, Outcome.COMPILE)}
_MESSAGE_CHARS = 3000
_FORGED = "the program wrote to the channel of its results"
_COMPILER = Limits(cpu_seconds=30.0, wall_seconds=60.0, memory_mb=3072)
_KEPT_BINARIES = 16


@dataclasses.dataclass(frozen=True)
class Usage:
  """What a candidate used over a whole session, and what it printed."""

  cpu_seconds: float = 0.0
  wall_seconds: float = 0.0
  peak_memory_mb: float = 0.0
  stdout: str = ""


class CandidateSession(abc.ABC):
  """core.Session over children of a fork server, from the first call to a fatal failure or `close`.

  Seeds are derived here, in the trusted process; the candidate is told nothing but its arguments.
  """

  def __init__(self, server: fork_server.ForkServer, program: Program, limits: Limits, *, key: bytes, task: str,
               fidelity: Literal["search", "full"], previous: np.ndarray | None):
    self.fidelity, self.previous = fidelity, previous
    self._server, self._program, self._limits, self._key, self._task = server, program, limits, key, task
    self._result_bytes = min(int(limits.result_mb * 2**20), codec.MAX_BYTES)
    self._child: ChildProcess | None = None

  def seeds(self, label: str, count: int) -> list[int]:
    return settings_lib.hidden_seeds(self._key, self._task, label, count)

  @abc.abstractmethod
  def call(self, entry: str, *args) -> object:
    """See core.Session."""

  @abc.abstractmethod
  def cpu_seconds(self) -> float:
    """See core.Session."""

  @abc.abstractmethod
  def usage(self) -> Usage:
    """What the candidate has used and printed so far."""

  @abc.abstractmethod
  def close(self) -> None:
    """Ends the candidate with all that it has started. Raises InfraError when the fork server is gone."""


class PythonSession(CandidateSession):
  """One process for the whole session: the module is executed at the first call and keeps its state."""

  _failure: CandidateError | None = None

  def call(self, entry: str, *args) -> object:
    if self._failure is not None:
      raise self._failure
    content = codec.encode([entry, *args])  # what does not encode is the task's bug
    if self._child is None:
      order = {"mode": "python", "source": self._program.source, "result_bytes": self._result_bytes}
      self._child = ChildProcess(self._server, self._limits, order)
    try:
      return _result(self._child, self._child.exchange(content, self._result_bytes), self._limits)
    except CandidateError as error:
      if self._child.report is not None:  # the process has ended; later calls fail in the same way
        self._failure = error
      raise

  def cpu_seconds(self) -> float:
    return self._child.cpu_seconds() if self._child else 0.0

  def usage(self) -> Usage:
    return _usage([self._child] if self._child else [])

  def close(self) -> None:
    if self._child is not None:
      self._child.end()


class NativeSession(CandidateSession):
  """C++: `call(entry, text)` runs the compiled program once, with the text on its standard input, and returns what it
  writes to standard output. The entry's name is not used, and nothing lives on between calls.
  """

  def __init__(self, *arguments, binaries: MutableMapping[str, bytes], **keywords):
    super().__init__(*arguments, **keywords)
    self._binaries = binaries
    self._children: list[ChildProcess] = []

  def call(self, entry: str, *args) -> object:
    if len(args) != 1 or not isinstance(args[0], str):
      raise TypeError(f"A C++ program takes one text as standard input, got {[type(a).__name__ for a in args]}.")
    cpu = self._limits.cpu_seconds - sum(child.report.cpu_seconds for child in self._children)
    wall = self._limits.wall_seconds - sum(child.wall_seconds for child in self._children)
    if cpu <= 0 or wall <= 0:
      raise self._timeout()
    limits = dataclasses.replace(self._limits, cpu_seconds=cpu, wall_seconds=wall)
    child = ChildProcess(self._server, limits, {"mode": "binary", "binary": self._compile()})
    self._children.append(child)
    try:
      return child.collect(args[0].encode("utf-8", "replace"), self._result_bytes).decode("utf-8", "replace")
    except CandidateError as error:
      if error.outcome is Outcome.TIMEOUT:
        raise self._timeout() from None
      text = bytes(child.output).decode("utf-8", "replace").strip()
      outcome = Outcome.MEMORY if "std::bad_alloc" in text and error.outcome is Outcome.CRASH else error.outcome
      raise CandidateError(outcome, f"{error.message}\n{text[-500:]}".strip()) from None
    finally:
      child.end()

  def _timeout(self) -> CandidateError:
    return CandidateError(Outcome.TIMEOUT, f"the program exceeds its limit of {self._limits.cpu_seconds:g} s CPU or "
                                           f"{self._limits.wall_seconds:g} s wall over all its calls")

  def _compile(self) -> bytes:
    """The binary, from an earlier call or session where there was one. Raises CandidateError."""
    if self._program.hash not in self._binaries:
      compiler = ChildProcess(self._server, _COMPILER, {"mode": "compiler", "source": self._program.source})
      try:
        binary = _result(compiler, compiler.exchange(b"go"), _COMPILER)
      except CandidateError as error:
        if error.outcome is Outcome.CRASH:
          raise InfraError("C++ cannot be compiled here: it needs g++, and namespaces for a folder to write into "
                           f"({error.message}).") from error
        raise CandidateError(Outcome.COMPILE, error.message) from None
      finally:
        compiler.end()
      while len(self._binaries) >= _KEPT_BINARIES:
        del self._binaries[next(iter(self._binaries))]
      self._binaries[self._program.hash] = binary.tobytes()
    return self._binaries[self._program.hash]

  def cpu_seconds(self) -> float:
    return sum(child.cpu_seconds() for child in self._children)

  def usage(self) -> Usage:
    return _usage(self._children)

  def close(self) -> None:
    for child in self._children:
      child.end()


def _result(child: ChildProcess, reply: bytes, limits: Limits) -> object:
  """The result in an answer. Raises CandidateError where it is a failure, or no answer at all."""
  try:
    said, value = codec.decode(reply)
  except (codec.Malformed, TypeError, ValueError):
    child.fail(Outcome.POLICY, _FORGED)
  if isinstance(said, str) and said == "ok":
    return value
  outcome = _SAID.get(said) if isinstance(said, str) else None
  if outcome is None or not isinstance(value, str):
    child.fail(Outcome.POLICY, _FORGED)
  if outcome is Outcome.MEMORY:
    value += f" ({limits.memory_mb} MB)"
  raise CandidateError(outcome, value[:_MESSAGE_CHARS])


def _usage(children: list[ChildProcess]) -> Usage:
  reports = [child.usage() for child in children]
  return Usage(sum(r.cpu_seconds for r in reports), sum(c.wall_seconds for c in children),
               max((r.peak_memory_mb for r in reports), default=0.0), _text(children))


def _text(children: list[ChildProcess]) -> str:
  """What the processes printed, and how much of it is left out."""
  text = "".join(bytes(child.output).decode("utf-8", "replace") for child in children)
  more = sum(child.output_bytes - len(child.output) for child in children)
  return f"{text}\n... {more} bytes more" if more else text


__all__ = ["CandidateSession", "InfraError", "NativeSession", "PythonSession", "Usage"]
