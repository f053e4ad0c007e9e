"""A program is its language and its text."""

import pytest

from eft_jax import core


def test_hash_is_of_language_and_source():
  assert core.Program("x").hash == core.Program("x").hash != core.Program("y").hash
  assert core.Program("x").hash != core.Program("x", "cpp").hash
  assert len(core.Program("\ud800").hash) == 16


def test_unknown_language():
  with pytest.raises(ValueError, match="'cobol', expected one of python, cpp"):
    core.Program("x", "cobol")
