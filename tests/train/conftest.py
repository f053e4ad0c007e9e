"""A tiny byte-level model on disk, a little data set for it, and settings that train it in seconds."""

import dataclasses
import pathlib

import jax
import pytest

from eft_jax import finch, models, text, train
from eft_jax.finch import schema


@pytest.fixture(scope="session", name="make_row")
def make_row_fixture():
  return make_row


def make_row(i, split="train", label="improved", words=None):
  base = dict.fromkeys(schema.PUBLIC, "") | {name: 0 for name in schema.PUBLIC if schema._HINTS[name] is int}
  return schema.Row(**(base | {
      "trajectory": (), "improvement_label": label, "instance_uid": f"{split}-{label}-{i}", "system_prompt": "Count.",
      "user_prompt": f"n = {i}", "response": words or f"n = {i + 1}\n" * (i % 3 + 1), "split": split}))


class Quiet:
  """Stands in for the launcher's progress; keeps what it was told."""

  def __init__(self, at_step=None):
    self.said, self.shown, self._at_step = [], [], at_step or (lambda step: None)

  def __call__(self, done, total, unit="step", text="", force=False):
    self.shown.append((done, total, unit, text))
    self._at_step(done)

  def say(self, text):
    self.said.append(text)


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory):
  """Every run of the loop compiles the same little step: keep it on disk, for subprocesses too."""
  folder = str(tmp_path_factory.mktemp("compiled"))
  options = {"jax_compilation_cache_dir": folder, "jax_persistent_cache_min_compile_time_secs": 0,
             "jax_persistent_cache_min_entry_size_bytes": -1}
  before = {name: getattr(jax.config, name) for name in options}
  for name, value in options.items():
    jax.config.update(name, value)
  yield {name.upper(): str(value) for name, value in options.items()}
  for name, value in before.items():
    jax.config.update(name, value)


@pytest.fixture(scope="session")
def tiny():
  """(config, params, tokenizer). The vocabulary divides by 8."""
  config = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=264)
  return config, models.init(config, jax.random.key(0)), text.Tokenizer.bytes()


@pytest.fixture(scope="session")
def folder(tiny, tmp_path_factory) -> pathlib.Path:
  """A folder with `model` and `dataset`: 64 improved, 8 regressed and 9 validation rows."""
  path = tmp_path_factory.mktemp("train")
  config, params, tokenizer = tiny
  models.export_hf(config, params, path / "model", tokenizer)
  rows = [make_row(i) for i in range(64)] + [make_row(i, label="regressed") for i in range(8)]
  apart = [make_row(i, "validation") for i in range(70, 79)]
  finch.write({"train": lambda: rows, "validation": lambda: apart}, path / "dataset")
  return path


@pytest.fixture
def settings(folder):
  """Settings with 12 steps; keyword changes, with `data`, `optimizer` ... as dicts."""
  base = train.TrainSettings(
      model=str(folder / "model"), data=train.DataSettings(str(folder / "dataset"), row_length=128, batch_size=4,
                                                           packing_bins=8),
      optimizer=train.OptimizerSettings(learning_rate=3e-3, warmup_steps=2), steps=12, tensorboard=False, export=False)

  def make(**changes):
    changes = {name: dataclasses.replace(getattr(base, name), **value) if isinstance(value, dict) else value
               for name, value in changes.items()}
    return dataclasses.replace(base, **changes)
  return make


@pytest.fixture
def quiet():
  return Quiet
