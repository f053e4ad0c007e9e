"""What an evaluation returns: a raw value in the task's own units, and its common score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np


class Invalid(Exception):
  """The result breaks the task's rules. The text is feedback for the next prompt: say what, where, by how much."""


class Wrong(Invalid):
  """The candidate's output has one right answer, and this is not it."""


@dataclasses.dataclass(frozen=True)
class Score:
  """A valid result.

  Attributes:
    value: the raw objective in the task's own units; finite.
    metrics: further finite numbers for prompts, features and reports.
    artifacts: short texts for the next prompt.
    instances: scores of single instances, finite and higher is better, the same ones in the same order for every
      candidate; () for a task without instances. Parents may be chosen by them, so that the task decides whether these
      are the public or the hidden ones.
    construction: the object the value was computed from, which a child may start from as `previous`; at most 8 MB.
  """

  value: float
  metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
  artifacts: Mapping[str, str] = dataclasses.field(default_factory=dict)
  construction: np.ndarray | None = dataclasses.field(default=None, compare=False)
  instances: tuple[float, ...] = ()

  def __post_init__(self):
    if not math.isfinite(self.value):
      raise ValueError(f"Score.value must be finite, got {self.value}: raise Invalid for results that have no value.")
    for name, number in self.metrics.items():
      if not math.isfinite(number):
        raise ValueError(f"Score.metrics[{name!r}] must be finite, got {number}.")
    for place, number in enumerate(self.instances):
      if not math.isfinite(number):
        raise ValueError(f"Score.instances[{place}] must be finite, got {number}.")

  @classmethod
  def of_instances(cls, values: Sequence[float], public: int) -> Score:
    """The mean over the hidden instances, with that over the public ones and the gap between them as metrics.

    Args:
      values: of single instances, higher is better, the `public` ones first; those are the score's `instances`.
    """
    shown, hidden = np.mean(values[:public]), np.mean(values[public:])
    return cls(float(hidden), {"public": float(shown), "gap": float(hidden - shown)},
               {"instances": "public values: " + " ".join(f"{v:.3f}" for v in values[:8])},
               instances=tuple(values[:public]))


def common_score(value: float | None, baseline: float, best_known: float) -> float:
  """s = (v - b) / (z - b): 0 at the baseline, 1 at the best known value, above 1 for a record, 0 for invalid (None).

  The formula holds for both directions, because b and z carry the sign. Not capped on either side.
  """
  if value is None:
    return 0.0
  return (value - baseline) / (best_known - baseline) + 0.0  # no negative zero
