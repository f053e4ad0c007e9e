"""One pool over one small task, for all tests of this room."""

import importlib.util
import pathlib

import pytest

from eft_jax import sandbox


@pytest.fixture(scope="session")
def tasks_root(tmp_path_factory) -> pathlib.Path:
  spec = importlib.util.spec_from_file_location("sandbox_toy", pathlib.Path(__file__).with_name("toy.py"))
  toy = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(toy)
  return toy.write(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="session")
def pool(tasks_root):
  settings = sandbox.SandboxSettings(secret="5a" * 32, evaluation_seconds=1.5)
  with sandbox.Pool(2, settings, tasks_root) as pool:
    yield pool
