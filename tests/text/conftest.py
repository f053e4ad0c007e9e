"""Tokenizers for the tests of text."""

import pytest

from eft_jax import text


@pytest.fixture(scope="session")
def smollm2():
  return text.Tokenizer.load("smollm2_135m")


@pytest.fixture(scope="session", params=["smollm2", "bytes"])
def tokenizer(request, smollm2):
  return smollm2 if request.param == "smollm2" else text.Tokenizer.bytes()
