"""Settings of RL: every config file reads, and what cannot work is refused with the key's name."""

import importlib.util
import pathlib

import pytest

from eft_jax import core, rl
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
FILES = sorted([*CONFIGS.glob("ttt_*.py"), CONFIGS / "grpo_theta.py"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_config_files(path):
  spec = importlib.util.spec_from_file_location("config", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  settings = settings_lib.from_mapping(rl.RlSettings, module.get_config().to_dict())
  task = core.load(settings.task)
  assert task.split == "heldout"
  if settings.reward.kind == "inverse":
    assert task.direction == "min"
  assert settings.search.batch == settings.groups * settings.group_size and settings.search.lag == 1


def test_published_settings():
  """Facts of nanodiscover's configs for Qwen3 8B, and of ThetaEvolve's scripts."""
  ttt = rl.recipe.ttt_discover("erdos_min_overlap", "inverse")
  assert (ttt.epochs, ttt.groups, ttt.group_size, ttt.lora.rank, ttt.advantage.kl) == (50, 8, 64, 32, 0.1)
  assert (ttt.optimizer.learning_rate, ttt.optimizer.b1, ttt.optimizer.b2, ttt.archive.children) == (4e-5, 0.9, 0.95, 2)
  theta = rl.recipe.theta_evolve("circle_packing_26", 0.0, 2.636)
  assert (theta.groups * theta.group_size, theta.optimizer.learning_rate, theta.lora.rank) == (512, 1e-6, 0)
  assert (theta.policy.kind, theta.policy.ratio_cap, theta.policy.normalize) == ("importance", 2.0, "reply_mean")
  assert (theta.reward.alpha, theta.reward.scale, theta.optimizer.b2) == (3.0, 5.0, 0.98)


@pytest.mark.parametrize("changes, message", [
    ({"group_size": 1}, "config.group_size is 1, expected at least 2"),
    ({"sampling": rl.Sampling(1.0, 0.9)}, "top_p 0.9, expected a temperature above 0 and top_p 1"),
    ({"sampling": rl.Sampling(0.0, 1.0)}, "temperature 0.0"),
    ({"checkpoint": rl.settings.CheckpointSettings(every=0)}, "config.checkpoint.every is 0"),
    ({"lora": rl.LoraSettings(), "rollout": rl.RolloutSettings(url="http://x", sync="adapter")}, "lora.rank above 0"),
    ({"patience": 0}, "config.patience is 0"), ({"task": "x", "workers": 0}, "config.workers is 0"),
])
def test_refusals(changes, message):
  with pytest.raises(ConfigError, match=message):
    rl.RlSettings(**changes)


def test_refusals_of_rollouts():
  with pytest.raises(ConfigError, match="rollout.sync='adapter' is for a server"):
    rl.RolloutSettings(sync="adapter")
  with pytest.raises(ConfigError, match="rollout.slots is 0"):
    rl.RolloutSettings(slots=0)


def test_what_is_learnt_has_an_identity():
  first = rl.RlSettings()
  assert first.identity == rl.RlSettings(epochs=3, workers=1).identity
  assert first.identity != rl.RlSettings(policy=rl.PolicySettings(kind="reinforce")).identity
