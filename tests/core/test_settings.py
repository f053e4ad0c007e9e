"""Settings refuse unknown keys, wrong types and impossible combinations, and know what a resume may change."""

import dataclasses
from typing import Literal

import pytest

from eft_jax.core import settings


@dataclasses.dataclass(frozen=True)
class Inner:
  rate: float = 0.5
  mode: Literal["a", "b"] = "a"


@dataclasses.dataclass(frozen=True)
class Outer:
  steps: int = settings.changeable(3)
  name: str = "x"
  names: tuple[str, ...] = ("p",)
  flag: bool = False
  inner: Inner = Inner()

  def __post_init__(self):
    if self.steps < 0:
      raise ValueError("steps must not be negative")


def test_round_trip():
  value = Outer(steps=7, names=("q", "r"), inner=Inner(rate=1.0))
  assert settings.from_mapping(Outer, settings.to_dict(value)) == value
  assert settings.from_mapping(Outer, {"inner": {"rate": 2}, "names": ["z"]}).inner.rate == 2.0


@pytest.mark.parametrize("given, message", [
    ({"stepz": 1}, "config.stepz. Did you mean config.steps"),
    ({"inner": {"speed": 1}}, "config.inner.speed"),
    ({"steps": "7"}, "config.steps is '7' of type str, expected int"),
    ({"steps": True}, "expected int"),
    ({"flag": 1}, "expected bool"),
    ({"inner": {"mode": "c"}}, "config.inner.mode is 'c', expected one of 'a', 'b'"),
    ({"inner": 3}, "expected a group of keys"),
    ({"names": "p"}, "expected a tuple"),
    ({"steps": -1}, "steps must not be negative"),
])
def test_bad_values_name_the_key(given, message):
  with pytest.raises(settings.ConfigError, match=message):
    settings.from_mapping(Outer, given)


def test_differences_ignore_what_may_change():
  old, new = settings.to_dict(Outer()), settings.to_dict(Outer(steps=9))
  assert settings.differences(Outer, old, new) == []
  new = settings.to_dict(Outer(name="y", inner=Inner(rate=0.1)))
  assert settings.differences(Outer, old, new) == ["config.name: 'x' -> 'y'", "config.inner.rate: 0.5 -> 0.1"]
  as_json = dict(old, names=["p"])
  assert settings.differences(Outer, as_json, old) == []
