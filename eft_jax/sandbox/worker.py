"""An evaluation worker: a process that loads task files, runs their trusted evaluations, and owns one fork server.

Started by `pool` as `python -m eft_jax.sandbox.worker FD`. It ends when the other end of its socket closes, whatever it
does at that moment; CPU and wall timers end an evaluation that does not return.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import resource
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable

import numpy as np

from eft_jax import core
from eft_jax.core import CandidateError, Invalid, Outcome, Program, Score, Wrong
from eft_jax.sandbox import fork_server, session, wire
from eft_jax.sandbox import settings as settings_lib

MAX_CONSTRUCTION_BYTES = 8 << 20
_TEXT_CHARS = 8000


def main() -> None:
  channel = socket.socket(fileno=int(sys.argv[1]))
  threading.Thread(target=_end_with, args=(channel.fileno(),), daemon=True).start()
  start = wire.receive(channel)
  settings = settings_lib.SandboxSettings(**start["settings"] | {
      name: tuple(start["settings"][name]) for name in ("packages", "without")})
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
  hard = resource.getrlimit(resource.RLIMIT_AS)[1]
  resource.setrlimit(resource.RLIMIT_AS, (settings.evaluation_memory_mb << 20, hard))
  worker = Worker(settings, bytes.fromhex(start["key"]), pathlib.Path(start["tasks_root"]))
  wire.send(channel, worker.active)
  while True:
    try:
      job = wire.receive(channel)
    except EOFError:
      return
    reply, clean_up = worker.evaluate(job)
    wire.send(channel, reply)
    clean_up()  # not waited for by anyone but the next program


def _end_with(descriptor: int) -> None:
  """Ends this process when the pool's end of the socket is closed."""
  poll = select.poll()
  poll.register(descriptor, 0)  # a hang-up is always reported
  poll.poll()
  os._exit(0)


class Worker:
  """Evaluates one program at a time."""

  def __init__(self, settings: settings_lib.SandboxSettings, key: bytes, tasks_root: pathlib.Path):
    self._settings, self._key, self._root = settings, key, tasks_root
    self._tasks: dict[str, core.Task] = {}
    self._binaries: dict[str, bytes] = {}
    self._servers = {"python": fork_server.ForkServer(settings)}
    self.active = self._servers["python"].active

  def evaluate(self, job: dict) -> tuple[dict, Callable[[], None]]:
    """One evaluation, and what must be called after it and before the next one.

    The evaluation is a dict of the fields of `pool.Evaluation`; {'unknown_task': message} for an unknown name.
    """
    try:
      task = self._task(job["task"])
    except core.UnknownTask as error:
      return {"unknown_task": str(error)}, _nothing
    except Exception as error:  # a task file is code and may raise anything
      return {"outcome": Outcome.TASK_BUG.value, "message": _failure("the task file does not load", error)}, _nothing
    limits = task.full_limits if job["fidelity"] == "full" else task.limits
    scale = self._settings.limits_scale
    limits = dataclasses.replace(
        limits, cpu_seconds=limits.cpu_seconds * scale, wall_seconds=limits.wall_seconds * scale)
    language, source = job["language"], job["source"]
    kind = "native" if language == "cpp" else "scipy" if "scipy" in source else "python"
    program = Program(source + task.harness, language)
    common = {"key": self._key, "task": task.name, "fidelity": job["fidelity"], "previous": job["previous"]}
    try:
      if kind not in self._servers and task.trust == "isolated":
        self._servers[kind] = fork_server.ForkServer(self._settings, kind)
      if task.trust == "shared":
        door = _foreign().SharedSession(program, job["fidelity"], job["previous"])
      elif kind == "native":
        door = session.NativeSession(self._servers[kind], program, limits, binaries=self._binaries, **common)
      else:
        door = session.PythonSession(self._servers[kind], program, limits, **common)
      signal.setitimer(signal.ITIMER_PROF, self._settings.evaluation_seconds)
      signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds + 10 * self._settings.evaluation_seconds)
      result = self._judge(task, door) | dataclasses.asdict(door.usage())
    except (session.InfraError, RuntimeError) as error:
      return {"outcome": Outcome.INFRA.value, "message": str(error)}, functools.partial(self._restart, kind)
    finally:
      signal.setitimer(signal.ITIMER_PROF, 0)
      signal.setitimer(signal.ITIMER_REAL, 0)
    return result, functools.partial(self._close, door, kind)

  def _close(self, door: session.CandidateSession, kind: str) -> None:
    try:
      door.close()
    except session.InfraError:
      self._restart(kind)

  def _restart(self, kind: str) -> None:
    """Ends a fork server that has failed, with its candidates; the next evaluation starts another."""
    if kind in self._servers:
      self._servers.pop(kind).close()

  def _task(self, name: str) -> core.Task:
    if name not in self._tasks:
      self._tasks[name] = core.load(name, self._root) if name.isidentifier() else _foreign().find(name, self._root)
    return self._tasks[name]

  def _judge(self, task: core.Task, door: session.CandidateSession) -> dict:
    """Runs the task's evaluation and names what came of it. Raises InfraError."""
    try:
      return _accept(task, task.evaluate(door))
    except CandidateError as error:
      return {"outcome": error.outcome.value, "message": error.message}
    except Invalid as error:
      outcome = Outcome.WRONG if isinstance(error, Wrong) else Outcome.INVALID
      return {"outcome": outcome.value, "message": str(error)[:_TEXT_CHARS]}
    except session.InfraError:
      raise
    except Exception as error:  # whatever trusted code raises is ours to fix
      return {"outcome": Outcome.TASK_BUG.value, "message": _failure("the evaluation raised", error)}


def _nothing() -> None:
  pass


def _foreign():
  """The room above this one, which this program alone imports, and only for tasks that need it."""
  from eft_jax import foreign
  return foreign


def _accept(task: core.Task, score: Score) -> dict:
  """A Score as plain fields. Raises TypeError or ValueError where the task returned something else."""
  if not isinstance(score, Score):
    raise TypeError(f"evaluate returned {type(score).__name__}, expected eft_jax.core.Score")
  construction = score.construction
  if construction is not None:
    construction = np.ascontiguousarray(construction)
    if construction.nbytes > MAX_CONSTRUCTION_BYTES:
      raise ValueError(f"Score.construction has {construction.nbytes} bytes, the limit is {MAX_CONSTRUCTION_BYTES}")
  value = float(score.value)
  return {
      "outcome": Outcome.OK.value, "value": value, "score": float(task.score(value)), "message": "",
      "metrics": {name: float(number) for name, number in score.metrics.items()},
      "artifacts": {name: str(text)[:_TEXT_CHARS] for name, text in score.artifacts.items()},
      "construction": construction, "instances": [float(number) for number in score.instances],
  }


def _failure(what: str, error: Exception) -> str:
  """What failed, and the last line of a task file that led there."""
  frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith("task.py")]
  where = f" at task.py:{frames[-1].lineno}" if frames else ""
  return f"{what}{where}: {type(error).__name__}: {error}"[:_TEXT_CHARS]


if __name__ == "__main__":
  main()
