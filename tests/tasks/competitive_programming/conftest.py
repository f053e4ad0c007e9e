"""Trusted C++ programs without the sandbox: seeds and our own references."""

import dataclasses
import functools
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from eft_jax import core

REFERENCES = pathlib.Path(__file__).parent / "references"


@functools.lru_cache(maxsize=64)
def compiled(source: str) -> str:
  """Path of the binary of a C++ source."""
  if shutil.which("g++") is None:
    pytest.skip("needs g++")
  folder = pathlib.Path(tempfile.mkdtemp(prefix="eft_jax_cpp_"))
  (folder / "program.cpp").write_text(source)
  subprocess.run(["g++", "-O2", "-std=c++17", "-o", folder / "program", folder / "program.cpp"], check=True)
  return str(folder / "program")


@dataclasses.dataclass
class Native:
  """A session of a C++ source; records what it was given and what it wrote."""

  source: str
  hidden: object
  fidelity: str = "search"
  previous: None = None
  given: str = ""
  written: str = ""

  def call(self, entry, text):
    assert entry == "main"
    self.given = text
    done = subprocess.run([compiled(self.source)], input=text, capture_output=True, text=True, check=True, timeout=60)
    self.written = done.stdout
    return self.written

  def seeds(self, label, count):
    return self.hidden(label, count)


@pytest.fixture(scope="session")
def native(hidden_seeds):
  """native(task, source=seed, **session fields) -> (Score, session)"""
  def run_native(task: core.Task, source: str | None = None, **fields) -> tuple[core.Score, Native]:
    session = Native(task.seed if source is None else source, hidden_seeds, **fields)
    return task.evaluate(session), session
  return run_native


@pytest.fixture(scope="session")
def reference():
  """reference(name) -> source of the reference program of that file name"""
  return lambda name: (REFERENCES / name).read_text()


@pytest.fixture(scope="session")
def given(judge):
  """given(task) -> the text that a C++ candidate reads at search fidelity"""
  def read(task: core.Task, **fields) -> str:
    texts: list[str] = []
    with pytest.raises(core.Invalid):
      judge(task, lambda text: texts.append(text), **fields)
    return texts[0]
  return read
