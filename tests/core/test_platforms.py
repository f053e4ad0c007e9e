"""JAX is told to look for what is there, and no more; on a machine with a TPU nothing is touched."""

import glob
import importlib.util
import os

import pytest

from eft_jax.core import platforms


@pytest.mark.parametrize("libtpu, files, before, after", [
    (True, (), {}, platforms.QUIET | {"JAX_PLATFORMS": "cpu"}),
    (True, platforms.GPU_FILES[:1], {}, platforms.QUIET),
    (True, platforms.TPU_FILES[:1], {}, {}),
    (True, (), {"TPU_NAME": "pod"}, {"TPU_NAME": "pod"}),
    (True, (), {"JAX_PLATFORMS": ""}, platforms.QUIET | {"JAX_PLATFORMS": ""}),
    (False, (), {}, {}),
])
def test_the_environment_by_what_is_there(monkeypatch, libtpu, files, before, after):
  environment = dict(before)
  monkeypatch.setattr(os, "environ", environment)
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if libtpu else None)
  monkeypatch.setattr(glob, "glob", lambda pattern: [pattern] if pattern in files else [])
  platforms.settle()
  assert environment == after
