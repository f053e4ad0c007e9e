"""A whole run on a toy task: the policy gets better at it, a control does not, and any stop is gone on with exactly."""

import dataclasses

import numpy as np
import pytest

from eft_jax import rl
from eft_jax.core.settings import ConfigError
from eft_jax.rl import loop
from eft_jax.train import metrics


def rewards(workdir):
  return [event["reward_mean"] for event in metrics.read(workdir)]


def test_rewards_rise_and_those_of_a_control_do_not(settings, pool, tasks_root, tmp_path, quiet):
  results = loop.run_rl(settings(epochs=6), tmp_path / "learns", quiet, evaluate_pool=pool, tasks_root=tasks_root)
  assert results["epochs"] == 6 and results["updates"] >= 3
  learnt = rewards(tmp_path / "learns")
  loop.run_rl(settings(epochs=6, learn=False), tmp_path / "control", quiet, evaluate_pool=pool, tasks_root=tasks_root)
  still = rewards(tmp_path / "control")
  assert np.mean(learnt[-2:]) > np.mean(still) + 0.3, (learnt, still)
  assert learnt[0] == still[0] and max(still) < 0.75, (learnt, still)
  assert not any("loss" in event for event in metrics.read(tmp_path / "control"))
  first = metrics.read(tmp_path / "learns")[0]
  assert first["logp_gap_max"] < 1e-3 and first["staleness"] == 0  # engine and trainer agree about the same weights


def test_epochs_that_teach_nothing_are_said_and_end_the_run(settings, pool, tasks_root, tmp_path, quiet):
  short = settings(epochs=5, patience=2, sampling=rl.Sampling(temperature=1.0, top_p=1.0, max_new_tokens=3))
  run = lambda **changes: loop.run_rl(dataclasses.replace(short, **changes), tmp_path, quiet, evaluate_pool=pool,
                                      tasks_root=tasks_root)
  with pytest.raises(ConfigError, match=r"2 epochs in a row taught nothing: in each of 2 groups all rewards are the "
                     r"same \(16 truncated; reward 0 to 0\)"):
    run()
  assert not any("loss" in event for event in metrics.read(tmp_path))
  assert run(patience=9)["epochs"] == 5
