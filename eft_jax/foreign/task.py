"""A folder as a core.Task: how its evaluator's numbers become a value, and what became of a program that has none.

The value is `combined_score`, else the mean of the numbers that are no axis of the archive; flags (true and false)
never count. Higher is better, and the common score is the value itself: nobody says what the best known one is.

An evaluator that says that a program failed is believed: `validity` of 0 or -1, a status 'exec_error' or 'invalid', a
flag `timeout`, or an `error` beside a value that is not above 0. Such a program is not ok. If the candidate broke on
the way, its own outcome is what counts, whatever the evaluator made of it.
"""

from __future__ import annotations

import math
import os
import secrets
import signal
from typing import Any

import numpy as np

from eft_jax import core
from eft_jax.core import CandidateError, Invalid, Limits, Outcome, Program, Score
from eft_jax.core import task as task_lib
from eft_jax.foreign import folder as folder_lib
from eft_jax.foreign import host as host_lib
from eft_jax.foreign import stub
from eft_jax.foreign.host import EvaluatorError
from eft_jax.sandbox.inside import codec
from eft_jax.sandbox.session import Usage

_AFTER_THE_END = 5.0     # seconds for an evaluator whose candidate is gone
_MESSAGE_CHARS = 3000
_EVALUATOR_MEMORY_MB = 16384
_ORDINARY = {"syntax": "SyntaxError", "memory": "MemoryError", "timeout": "TimeoutError"}
_FAILED_STATUS = ("exec_error", "invalid")


class SharedSession:
  """Takes the place of core.Session where evaluator and candidate share a process: it only holds the program."""

  def __init__(self, program: Program, fidelity: str = "search", previous: np.ndarray | None = None):
    self.program, self.fidelity, self.previous, self.used = program, fidelity, previous, Usage()

  def call(self, entry: str, *args) -> object:
    raise TypeError("A shared evaluation calls the candidate by itself.")

  def seeds(self, label: str, count: int) -> list[int]:
    raise TypeError("A foreign evaluator has no hidden seeds.")

  def cpu_seconds(self) -> float:
    return self.used.cpu_seconds

  def usage(self) -> Usage:
    return self.used

  def close(self) -> Usage:
    return self.used


def make(folder: folder_lib.Folder, trust: str, origin: str) -> core.Task:
  """The task of a folder.

  Args:
    trust: 'isolated' or 'shared'.
    origin: reference that loads it again.
  """
  how, held_out = folder.evaluation, task_lib.held_out_families()
  limits = Limits(cpu_seconds=how.timeout, wall_seconds=2 * how.timeout + 10, memory_mb=how.memory_mb)
  evaluate = _Isolated(folder, limits) if trust == "isolated" else _Shared(folder, limits)
  near = any(folder.name == family or folder.name.startswith(f"{family}_") for family in held_out)
  return core.Task(
      name=folder.name, family=folder.name, domain="foreign", statement=folder.statement, brief=folder.brief,
      seed=folder.seed, entry=folder.entry, direction="max", baseline=0.0, best_known=None,
      source=f"{folder.kind} task folder {folder.path.name}", evaluate=evaluate, language=folder.language,
      limits=limits, full_limits=limits, version=folder.version(trust), split="heldout" if near else "train",
      origin=origin, trust=trust, harness=stub.harness() if trust == "isolated" else "")


class _Isolated:
  """evaluate(session): the evaluator calls a stub, whose calls go to the session."""

  def __init__(self, folder: folder_lib.Folder, limits: Limits):
    self._folder, self._limits = folder, limits
    self._host = host_lib.Host(folder, shared=False, memory_mb=_EVALUATOR_MEMORY_MB)

  def __call__(self, session: core.Session) -> Score:
    door = _Door(session)
    source = lambda address: stub.module(address, door.token)
    run = self._host.run(source, door.answer, self._limits.cpu_seconds + 60, self._limits.wall_seconds, door.patience)
    if door.ended is not None:
      raise door.ended
    if run.result is None:
      raise EvaluatorError(_no_result(run, self._limits))
    return _judge(run.result, self._folder.evaluation, door.raised)


class _Door:
  """Answers a stub from the session, and remembers how the candidate failed.

  Attributes:
    ended: why the candidate is gone, which is then what the evaluation comes to.
    raised: the last ordinary exception of the candidate, as text.
  """

  def __init__(self, session: core.Session):
    self._session, self.token = session, secrets.token_hex(16)
    self.ended: CandidateError | None = None
    self.raised = ""

  def patience(self) -> float | None:
    return None if self.ended is None else _AFTER_THE_END

  def answer(self, message: object) -> list:
    if not isinstance(message, list) or len(message) < 2 or message[0] != self.token:
      return ["raise", "PermissionError", "no such door", ""]
    if self.ended is None:
      try:
        return self._checked(self._session.call(stub.DOOR, *message[1:]))
      except CandidateError as error:
        self.ended = error
      except (codec.NotPlain, codec.TooLarge) as error:  # of the evaluator's arguments
        return ["raise", "TypeError", str(error), ""]
    outcome = self.ended.outcome.value
    return ["gone", _ORDINARY.get(outcome, "CandidateGone"), self.ended.message, ""]

  def _checked(self, answer: object) -> list:
    """An answer that the candidate's own code has made: of the right form, or the candidate is gone."""
    if isinstance(answer, list) and answer:
      kind, *rest = answer
      if kind == "value" and len(rest) == 1:
        return answer
      if kind == "names" and len(rest) == 1 and isinstance(rest[0], dict):
        return answer
      if kind == "raise" and len(rest) == 3 and all(isinstance(text, str) for text in rest):
        self.raised = f"{rest[0]}: {rest[1]}" + (f"\n  {rest[2]}" if rest[2] else "")
        return answer
    raise CandidateError(Outcome.POLICY, "the program tampers with the way in which its functions are called")


class _Shared:
  """evaluate(session): the evaluator gets the program itself and runs it in its own process."""

  def __init__(self, folder: folder_lib.Folder, limits: Limits):
    self._folder, self._limits = folder, limits
    self._host = host_lib.Host(folder, shared=True, memory_mb=limits.memory_mb)

  def __call__(self, session: SharedSession) -> Score:
    run = self._host.run(lambda address: session.program.source, lambda message: ["raise", "TypeError", "shared", ""],
                         self._limits.cpu_seconds, self._limits.wall_seconds)
    output = bytes(run.output).decode("utf-8", "replace")
    session.used = Usage(run.cpu_seconds, run.wall_seconds, run.peak_mb, output)
    if run.result is None:
      raise _shared_end(run, self._limits)
    if "raised" in run.result and run.result["raised"].startswith("MemoryError"):
      raise CandidateError(Outcome.MEMORY, f"{run.result['raised']} ({self._limits.memory_mb} MB)")
    return _judge(run.result, self._folder.evaluation, "")


def _shared_end(run: host_lib.Run, limits: Limits) -> CandidateError:
  """What the end of a process means in which evaluator and candidate ran."""
  if run.status is None or run.cpu_seconds >= limits.cpu_seconds:
    return CandidateError(Outcome.TIMEOUT, f"evaluator and program exceed {limits.cpu_seconds:g} s CPU or "
                                           f"{limits.wall_seconds:g} s wall")
  return CandidateError(Outcome.CRASH, f"the process of evaluator and program {_ending(run.status)}")


def _ending(status: int) -> str:
  if os.WIFSIGNALED(status):
    return f"was killed by {signal.Signals(os.WTERMSIG(status)).name}"
  return f"ended with exit code {os.WEXITSTATUS(status)} before it had a result"


def _no_result(run: host_lib.Run, limits: Limits) -> str:
  if run.status is None:
    return f"it did not end within {limits.wall_seconds:g} s of its own"
  return f"its process {_ending(run.status)}: {bytes(run.output[-500:]).decode('utf-8', 'replace')}"


def _judge(result: object, how: folder_lib.Evaluation, raised: str) -> Score:
  """The Score of an evaluator's result.

  Args:
    raised: what the candidate raised on the way.

  Raises:
    Invalid, CandidateError: the program failed, as the evaluator says or shows.
    EvaluatorError: the evaluator failed.
  """
  try:
    if "raised" in result:
      if result["candidate"]:
        raise CandidateError(Outcome.CRASH, raised or result["raised"])
      raise EvaluatorError(f"it raised{result['where']}: {result['raised']}")
    metrics, flags, texts = result["metrics"], result["flags"], result["texts"]
    metrics = {str(name): float(number) for name, number in metrics.items()}
    texts = {str(name): str(text) for name, text in texts.items()}
  except (KeyError, TypeError, ValueError, AttributeError) as error:  # a shared candidate can write anything
    raise EvaluatorError("its result has been tampered with") from error
  value = fitness(metrics, how.features)
  reason = _failure(metrics, flags, texts, value)
  if reason is not None:
    if flags.get("timeout") is True:
      raise CandidateError(Outcome.TIMEOUT, reason)
    if raised:
      raise CandidateError(Outcome.CRASH, raised[:_MESSAGE_CHARS])
    raise Invalid(reason)
  missing = [name for name in how.features if name not in ("complexity", "diversity", "score", *metrics)]
  if missing:
    raise Invalid(f"the evaluator gives no metric {missing[0]!r}, which is an axis of the archive")
  texts |= {name: str(number) for name, number in metrics.items() if not math.isfinite(number)}
  texts |= {name: str(flag) for name, flag in flags.items()}
  return Score(value, {name: number for name, number in metrics.items() if math.isfinite(number)}, texts)


def fitness(metrics: dict[str, float], features: tuple[str, ...] = ()) -> float:
  """`combined_score`, else the mean of the numbers that are no axis, else of all; NaN where there is no number.

  As OpenEvolve's get_fitness_score (openevolve/utils/metrics_utils.py), which ignores NaN in means too.
  """
  if "combined_score" in metrics:
    return metrics["combined_score"]
  numbers = [number for name, number in metrics.items() if name not in features and not math.isnan(number)]
  numbers = numbers or [number for number in metrics.values() if not math.isnan(number)]
  return sum(numbers) / len(numbers) if numbers else math.nan


def _failure(metrics: dict[str, float], flags: dict[str, Any], texts: dict[str, str], value: float) -> str | None:
  """Why the evaluator's result means that the program failed; None where it does not."""
  told = next((texts[name] for name in ("error", "error_message", "text_feedback", "stderr", "failure_reason", "status")
               if texts.get(name)), "")
  said = lambda what: f"{what}: {told}"[:_MESSAGE_CHARS] if told else what
  if metrics.get("validity") in (0.0, -1.0) or flags.get("validity") is False:
    return said("the evaluator calls the program invalid")
  if texts.get("status") in _FAILED_STATUS:
    return said(f"the evaluator's status is {texts['status']}")
  if flags.get("timeout") is True:
    return said("the evaluator reports a timeout")
  if ("error" in texts or "error" in metrics) and not value > 0:
    return said("the evaluator reports an error")
  if not math.isfinite(value):
    return said(f"the evaluator's value is {value}" if metrics else "the evaluator gives no number")
  return None
