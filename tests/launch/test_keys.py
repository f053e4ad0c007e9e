"""Keys of every stage can be set by a flag."""

import dataclasses
import importlib
import typing

import ml_collections
import pytest

STAGES = {"search.settings": "SearchSettings", "train.settings": "TrainSettings", "rl.settings": "RlSettings",
          "evaluate.settings": "EvaluateSettings", "serve.settings": "ServeSettings",
          "corpus.settings": "CorpusSettings"}


def classes(cls):
  """A settings class and all below it."""
  yield cls
  for hint in typing.get_type_hints(cls).values():
    if dataclasses.is_dataclass(hint):
      yield from classes(hint)


@pytest.mark.parametrize("module", STAGES)
def test_no_key_has_the_name_of_a_method_of_configurations(module):
  """Such a key cannot be set by a flag: absl finds the method in its place."""
  stage = getattr(importlib.import_module(f"eft_jax.{module}"), STAGES[module])
  for cls in classes(stage):
    names = {field.name for field in dataclasses.fields(cls)}
    assert not names & set(dir(ml_collections.ConfigDict)), cls
