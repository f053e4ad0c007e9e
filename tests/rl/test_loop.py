"""A whole run on a toy task: the policy gets better at it, a control does not, and any stop is gone on with exactly."""

import dataclasses

import numpy as np
import pytest

from eft_jax import core, rl, store
from eft_jax.core.settings import ConfigError
from eft_jax.rl import loop, publishing
from eft_jax.rl import policy as policy_lib
from eft_jax.train import metrics
from tests.rl.conftest import Quiet


def rewards(workdir):
  return [event["reward_mean"] for event in metrics.read(workdir)]


def repeatable(workdir):
  """The record without times."""
  return [{name: value for name, value in event.items() if not name.endswith("seconds")}
          for event in metrics.read(workdir)]


class Crash(BaseException):
  """Stands for a process that dies."""


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


PHASES = {"rollout": (publishing.Rollouts, "propose"), "publish": (publishing.ToEngine, "publish"),
          "update": (policy_lib.Policy, "update"), "checkpoint": (policy_lib.Policy, "save"),
          "record": (metrics.Writer, "__call__")}


@pytest.mark.parametrize("phase", PHASES)
def test_a_stop_in_any_phase_is_gone_on_with_to_the_bit(phase, whole, settings, pool, tasks_root, tmp_path, quiet,
                                                        monkeypatch):
  owner, name = PHASES[phase]
  method, calls = getattr(owner, name), []

  def dies(self, *arguments, **more):
    calls.append(1)
    if len(calls) == 4:
      raise Crash
    return method(self, *arguments, **more)

  run = lambda: loop.run_rl(settings(), tmp_path, quiet, evaluate_pool=pool, tasks_root=tasks_root)
  with monkeypatch.context() as patch:
    patch.setattr(owner, name, dies)
    if phase == "publish":
      calls.append(1)  # three versions are published in all
    if phase in ("update", "checkpoint", "record"):
      calls += [1, 1]
    with pytest.raises(Crash):
      run()
  run()
  assert repeatable(tmp_path) == repeatable(whole)
  with store.Store(tmp_path / "attempts.db", read_only=True) as ours, store.Store(
      whole / "attempts.db", read_only=True) as theirs:
    assert [core.attempt.to_json(a, times=False) for a in ours.read()] == [
        core.attempt.to_json(a, times=False) for a in theirs.read()]


@pytest.fixture(scope="module")
def whole(settings, pool, tasks_root, tmp_path_factory):
  """Work directory of an uninterrupted run."""
  folder = tmp_path_factory.mktemp("whole")
  loop.run_rl(settings(), folder, Quiet(), evaluate_pool=pool, tasks_root=tasks_root)
  return folder


def test_epochs_that_teach_nothing_are_said_and_end_the_run(settings, pool, tasks_root, tmp_path, quiet):
  short = settings(epochs=5, patience=2, sampling=rl.Sampling(temperature=1.0, top_p=1.0, max_new_tokens=3))
  run = lambda **changes: loop.run_rl(dataclasses.replace(short, **changes), tmp_path, quiet, evaluate_pool=pool,
                                      tasks_root=tasks_root)
  with pytest.raises(ConfigError, match=r"2 epochs in a row taught nothing: in each of 2 groups all rewards are the "
                     r"same \(16 truncated; reward 0 to 0\)"):
    run()
  assert not any("loss" in event for event in metrics.read(tmp_path))
  assert run(patience=9)["epochs"] == 5


@pytest.mark.parametrize("rank", [0, 4])
def test_the_kl_to_the_first_policy_grows_from_nothing(rank, settings, pool, tasks_root, tmp_path, quiet):
  chosen = settings(epochs=2, advantage=rl.AdvantageSettings(kind="rloo", kl=0.1), lora=rl.LoraSettings(rank=rank),
                    optimizer=rl.OptimizerSettings(learning_rate=3e-3 if rank else 3e-4, schedule="constant",
                                                   warmup_steps=0))
  loop.run_rl(chosen, tmp_path, quiet, evaluate_pool=pool, tasks_root=tasks_root)
  first, second = (event["kl_reference"] for event in metrics.read(tmp_path))
  assert abs(first) < 1e-6 < 1e-4 < second
