"""Task files of this domain as modules, so that tests reach the parts of an evaluation."""

import importlib.util
import pathlib
import sys

import pytest

from eft_jax.core import task as task_lib


@pytest.fixture(scope="session")
def family():
  """family(name) -> the module of a family of heuristic_optimization"""
  def load(name: str):
    path = pathlib.Path(task_lib.TASKS_ROOT, "heuristic_optimization", name, "task.py")
    spec = importlib.util.spec_from_file_location(f"tested_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
  return load
