"""An in-process Session for trusted sources, so that evaluations can be tested without the sandbox."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import pytest

from eft_jax import core
from eft_jax.core import Outcome
from eft_jax.sandbox.inside import codec

_CLOCK = time.thread_time  # programs in this process may turn the clocks of the module


@functools.lru_cache(maxsize=256)
def binary(source: str) -> bytes:
  """A C++ program, compiled as in the sandbox. Raises CandidateError."""
  with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "program.cpp")
    file.write_text(source)
    command = ("g++", "-O2", "-std=c++17", "-o", file.with_suffix(""), file)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
      raise core.CandidateError(Outcome.COMPILE, done.stderr[:2000])
    return file.with_suffix("").read_bytes()


@functools.lru_cache(maxsize=1)
def binaries() -> tempfile.TemporaryDirectory:
  return tempfile.TemporaryDirectory()


@dataclasses.dataclass
class LocalSession:
  """Runs a source that this repository trusts; `seeds` come from a fixed key instead of a hidden one.

  Data pass through the sandbox's codec in both directions, and every failure is a CandidateError.
  """

  source: str
  fidelity: str = "search"
  previous: np.ndarray | None = None
  key: str = "tests"
  language: str = "python"

  def __post_init__(self):
    self._names: dict = {}
    self.calls, self.labels, self._used = 0, [], 0.0
    if self.language == "python":
      exec(compile(self.source, "candidate", "exec"), self._names)

  def call(self, entry, *args):
    self.calls += 1
    if self.language == "cpp":
      return self._run(*args)
    try:
      given = codec.decode(codec.encode(list(args)))
      start = _CLOCK()
      result = self._names[entry](*given)
      self._used += _CLOCK() - start
      return codec.decode(codec.encode(result))
    except (codec.NotPlain, codec.TooLarge) as error:
      raise core.CandidateError(Outcome.INVALID, str(error)) from error

  def cpu_seconds(self):
    return self._used

  def _run(self, text: str) -> str:
    file = pathlib.Path(binaries().name, core.Program(self.source, "cpp").hash)
    if not file.exists():
      file.write_bytes(binary(self.source))
      file.chmod(0o700)
    done = subprocess.run([os.fspath(file)], input=text.encode(), capture_output=True, timeout=20)
    if done.returncode:
      raise core.CandidateError(Outcome.CRASH, f"exit {done.returncode}")
    return done.stdout.decode("utf-8", "replace")

  def seeds(self, label, count):
    self.labels.append(label)
    digests = (hashlib.sha256(f"{self.key}/{label}/{i}".encode()).digest() for i in range(count))
    return [int.from_bytes(digest[:4], "little") for digest in digests]


@dataclasses.dataclass
class Given:
  """A candidate that answers every call with one object: for hostile and for known results."""

  result: object
  fidelity: str = "search"
  previous: np.ndarray | None = None

  def call(self, entry, *args):
    del entry
    return self.result(*args) if callable(self.result) else self.result

  def seeds(self, label, count):
    return LocalSession("").seeds(label, count)

  def cpu_seconds(self):
    return 0.0


@pytest.fixture(scope="session")
def run():
  """run(task, source=seed, **session fields) -> Score"""
  def run_source(task: core.Task, source: str | None = None, **fields) -> core.Score:
    session = LocalSession(task.seed if source is None else source, language=task.language, **fields)
    return task.evaluate(session)
  return run_source


@pytest.fixture(scope="session")
def judge():
  """judge(task, result, **session fields) -> Score of a returned object (or of a function's returned objects)"""
  def judge_result(task: core.Task, result: object, **fields) -> core.Score:
    return task.evaluate(Given(result, **fields))
  return judge_result


@pytest.fixture(scope="session")
def known():
  """known(name) -> the array in known/name.txt: an object at or near the best known value"""
  return lambda name: np.loadtxt(pathlib.Path(__file__).parent / "known" / f"{name}.txt")


@pytest.fixture(scope="session")
def hidden_seeds():
  """hidden_seeds(label, count) -> what `run` and `judge` hide from candidates"""
  return LocalSession("").seeds
