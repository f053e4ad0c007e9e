"""An in-process Session for trusted sources, so that evaluations can be tested without the sandbox."""

import copy
import dataclasses
import hashlib
import pathlib
import time

import numpy as np
import pytest

from eft_jax import core


@dataclasses.dataclass
class LocalSession:
  """Runs a source that this repository trusts; `seeds` come from a fixed key instead of a hidden one."""

  source: str
  fidelity: str = "search"
  previous: np.ndarray | None = None
  key: str = "tests"

  def __post_init__(self):
    self._names: dict = {}
    self.calls = 0
    self._used = 0.0
    exec(compile(self.source, "candidate", "exec"), self._names)

  def call(self, entry, *args):
    self.calls += 1
    start = time.process_time()
    result = copy.deepcopy(self._names[entry](*copy.deepcopy(args)))
    self._used += time.process_time() - start
    return result

  def cpu_seconds(self):
    return self._used

  def seeds(self, label, count):
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
    return task.evaluate(LocalSession(task.seed if source is None else source, **fields))
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
