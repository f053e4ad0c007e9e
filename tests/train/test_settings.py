"""Impossible training settings are refused by the name of their key."""

import importlib.util
import pathlib

import pytest

from eft_jax import train
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError


def test_settings_survive_the_way_through_a_config_file():
  made = train.TrainSettings(frozen=("embed",), data=train.DataSettings("x", labels=("improved", "regressed")))
  assert settings_lib.from_mapping(train.TrainSettings, settings_lib.to_dict(made)) == made


def test_a_run_may_go_on_with_another_mesh_and_other_views_but_not_other_data():
  plain = settings_lib.to_dict(train.TrainSettings())
  changed = lambda **changes: settings_lib.differences(
      train.TrainSettings, plain, settings_lib.to_dict(train.TrainSettings(**changes)))
  assert not changed(mesh=train.MeshSettings(data=2), checkpoint=train.CheckpointSettings(every=5), profile=True,
                     wandb=train.WandbSettings("p"), steps=9)
  assert changed(data=train.DataSettings(row_length=64)) == ["config.data.row_length: 1024 -> 64"]


@pytest.mark.parametrize("build,words", [
    (lambda: train.DataSettings(labels=("good",)), "data.labels"),
    (lambda: train.DataSettings(row_length=1), "data.row_length"),
    (lambda: train.DataSettings(batch_size=0), "data.batch_size"),
    (lambda: train.OptimizerSettings(b2=1.5), "optimizer.b2"),
    (lambda: train.OptimizerSettings(clip_norm=-1.0), "optimizer.clip_norm"),
    (lambda: train.LoraSettings(alpha=8.0), "lora.alpha"),
    (lambda: train.LoraSettings(rank=-1), "lora.rank"),
    (lambda: train.CheckpointSettings(keep=0), "checkpoint.keep"),
    (lambda: train.TrainSettings(accumulate=3), "not a multiple of accumulate 3"),
    (lambda: train.TrainSettings(epochs=0.0), "epochs is 0.0"),
    (lambda: train.TrainSettings(frozen=("embed",), lora=train.LoraSettings(8)), "exclude each other"),
    (lambda: train.TrainSettings(frozen=("(",)), "no regular expression"),
])
def test_impossible_settings_name_the_key(build, words):
  with pytest.raises(ConfigError) as error:
    build()
  assert words in str(error.value)


@pytest.mark.parametrize("name", ["smollm2_cpu"])
def test_the_config_files_are_settings(name):
  path = pathlib.Path(__file__).resolve().parents[2] / "configs" / f"{name}.py"
  spec = importlib.util.spec_from_file_location(f"config_{name}", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  made = settings_lib.from_mapping(train.TrainSettings, module.get_config().to_dict())
  assert made.steps > 0 and made.data.path == ""
