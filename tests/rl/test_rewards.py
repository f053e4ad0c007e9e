"""Every outcome has its reward or none; transforms keep the order of values and refuse what they do not fit."""

import math
import types

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax.core import NEVER_TRAINED_ON, Outcome
from eft_jax.core.settings import ConfigError
from eft_jax.rl import rewards
from eft_jax.rl.rewards import RewardSettings

MAX, MIN = (types.SimpleNamespace(name=f"task_{direction}", direction=direction) for direction in ("max", "min"))


def of_value(value, task, **settings):
  return rewards.reward(Outcome.OK, value, 0.5, task, RewardSettings(**settings))


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("settings", [RewardSettings(), RewardSettings(failure=-1.0), RewardSettings(ladder=True)])
def test_every_outcome_has_its_reward_or_none(outcome, settings):
  value, score = (2.5, 0.75) if outcome is Outcome.OK else (None, 0.0)
  found = rewards.reward(outcome, value, score, MAX, settings)
  if outcome in NEVER_TRAINED_ON:
    assert found is None
  elif outcome is Outcome.OK:
    assert found == 0.75
  elif settings.ladder:
    assert -0.4 <= found <= -0.1
  else:
    assert found == settings.failure


def test_the_ladder_rises_with_how_far_a_reply_got():
  ladder = [rewards.reward(outcome, None, 0.0, MAX, RewardSettings(ladder=True))
            for outcome in (Outcome.NO_EDIT, Outcome.NO_CHANGE, Outcome.CRASH, Outcome.INVALID)]
  assert ladder == [-0.4, -0.3, -0.2, -0.1]
  assert set(rewards.LADDER) == set(Outcome) - NEVER_TRAINED_ON - {Outcome.OK}


def test_the_published_transforms():
  assert of_value(2.6359, MAX, kind="value") == 2.6359 and of_value(0.38, MIN, kind="value") == -0.38
  assert of_value(0.380927, MIN, kind="inverse") == 1 / (1e-8 + 0.380927)
  circles = {"kind": "power", "upper": 2.635, "alpha": 3.0, "scale": 5.0}  # ThetaEvolve's, of 26 circles
  assert of_value(2.636, MAX, **circles) == 5.0
  assert of_value(1.3175, MAX, **circles) == pytest.approx(5 / 8)
  first = {"kind": "power", "lower": 1.5, "upper": 1.53, "scale": 3.0}  # of the first autocorrelation inequality
  assert of_value(1.6, MIN, **first) == 0.0
  assert of_value(1.51, MIN, **first) == pytest.approx(2.0)
  assert of_value(1.49, MIN, **first) == 3.0


@hypothesis.given(a=st.floats(1e-6, 1e6), b=st.floats(1e-6, 1e6))
def test_a_better_value_never_earns_less(a, b):
  low, high = sorted((a, b))
  for settings in ({"kind": "value"}, {"kind": "power", "upper": 10.0, "alpha": 0.3}):
    assert of_value(high, MAX, **settings) >= of_value(low, MAX, **settings)
    assert of_value(high, MIN, **settings) <= of_value(low, MIN, **settings)
  assert of_value(high, MIN, kind="inverse") <= of_value(low, MIN, kind="inverse")


@pytest.mark.parametrize("value, task", [(0.5, MAX), (0.0, MIN), (-1.0, MIN), (math.nan, MIN)])
def test_inverse_refuses_what_it_does_not_fit(value, task):
  with pytest.raises(ConfigError, match=f"reward.kind is 'inverse'.*task {task.name} has value {value}"):
    of_value(value, task, kind="inverse")


@pytest.mark.parametrize("changes, message", [
    ({"alpha": 3.0}, "reward.alpha is 3.0, but reward.kind is 'score'"),
    ({"kind": "inverse", "upper": 2.0}, "reward.upper is 2.0, but reward.kind is 'inverse'"),
    ({"kind": "power", "lower": 1.0}, "reward.lower is 1.0 and reward.upper 1.0"),
    ({"kind": "power", "alpha": 0.0}, "reward.alpha is 0.0"),
    ({"kind": "power", "scale": -1.0}, "reward.scale is -1.0"),
    ({"kind": "power", "upper": math.inf}, "reward.upper is inf"), ({"failure": math.nan}, "reward.failure is nan"),
    ({"failure": -1.0, "ladder": True}, "reward.failure is -1.0 and reward.ladder is on")])
def test_settings_that_make_no_sense_are_refused(changes, message):
  with pytest.raises(ConfigError, match=message):
    RewardSettings(**changes)
