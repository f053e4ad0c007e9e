"""Rewards: what an evaluated attempt earns, from its value or its kind of failure."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from eft_jax.core import NEVER_TRAINED_ON, Outcome, Task
from eft_jax.core.settings import ConfigError

# ThetaEvolve's rewards of failures (openevolve/modular_utils/error_constants.py), better the farther a reply got: no
# edit, no change, a program that does not run, one that runs and breaks the rules.
LADDER = {outcome: reward for reward, outcomes in {
    -0.4: (Outcome.NO_EDIT, Outcome.NO_MATCH, Outcome.TRUNCATED, Outcome.TOO_LONG),
    -0.3: (Outcome.NO_CHANGE, Outcome.DUPLICATE),
    -0.2: (Outcome.SYNTAX, Outcome.COMPILE, Outcome.CRASH, Outcome.TIMEOUT, Outcome.MEMORY, Outcome.DEVICE_MEMORY,
           Outcome.POLICY),
    -0.1: (Outcome.INVALID, Outcome.WRONG)}.items() for outcome in outcomes}

EPSILON = 1e-8


@dataclasses.dataclass(frozen=True)
class RewardSettings:
  """What an attempt earns.

  Attributes:
    kind: of a valid result: 'score', the common score; 'value', the raw value, negated where it is to be small (the sum
      of radii of a packing); 'inverse', 1 / (1e-8 + value), for positive values that are to be small; 'power', the raw
      value between `lower` and `upper` as 0 (worst) to 1 (best), to the power `alpha`, times `scale`.
    lower, upper, alpha, scale: of 'power'.
    failure: of every failure.
    ladder: failures earn from -0.4 (no edit) to -0.1 (a result that breaks the rules) instead.

  Sources: 'inverse' is TTT-Discover's for Erdos' minimum overlap; 'power' and `ladder` are ThetaEvolve's
  (openevolve/modular_utils/score_transform.py and error_constants.py).
  """

  kind: Literal["score", "value", "inverse", "power"] = "score"
  lower: float = 0.0
  upper: float = 1.0
  alpha: float = 1.0
  scale: float = 1.0
  failure: float = 0.0
  ladder: bool = False

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"reward.{field.name} is {value}, expected a finite number.")
      if self.kind != "power" and field.name in ("lower", "upper", "alpha", "scale") and value != field.default:
        raise ConfigError(f"reward.{field.name} is {value}, but reward.kind is {self.kind!r}, which does not read it: "
                          "leave it out or take 'power'.")
    if not self.lower < self.upper:
      raise ConfigError(f"reward.lower is {self.lower} and reward.upper {self.upper}, expected lower < upper.")
    for name in ("alpha", "scale"):
      if not getattr(self, name) > 0:
        raise ConfigError(f"reward.{name} is {getattr(self, name)}, expected a number above 0.")
    if self.ladder and self.failure:
      raise ConfigError(f"reward.failure is {self.failure} and reward.ladder is on, which says what failures earn: set "
                        "one of them.")


def reward(outcome: Outcome, value: float | None, score: float, task: Task, settings: RewardSettings) -> float | None:
  """What an attempt earns; None where it says nothing about the policy (`infra`, `task_bug`) and is not trained on.

  Args:
    value, score: raw value in the task's units and common score of an `ok` attempt.

  Raises:
    ConfigError: 'inverse' for a task whose values are to be large, or whose value is not above 0.
  """
  if outcome in NEVER_TRAINED_ON:
    return None
  if outcome is not Outcome.OK:
    return LADDER[outcome] if settings.ladder else settings.failure
  if settings.kind == "score":
    return score
  if settings.kind == "value":
    return value if task.direction == "max" else -value
  if settings.kind == "inverse":
    if task.direction != "min" or not value > 0:
      raise ConfigError(f"reward.kind is 'inverse', for values above 0 that are to be small; task {task.name} has "
                        f"value {value} and direction {task.direction!r}: take 'score' or 'power'.")
    return 1 / (EPSILON + value)
  share = (min(max(value, settings.lower), settings.upper) - settings.lower) / (settings.upper - settings.lower)
  return settings.scale * (share if task.direction == "max" else 1 - share) ** settings.alpha
