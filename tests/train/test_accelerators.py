"""Names of accelerators, their peaks, and the devices that stand in for them."""

import importlib.util

import jax
import pytest

from eft_jax.core.settings import ConfigError
from eft_jax.train import accelerators


def test_names_are_chip_and_number():
  found = accelerators.parse("v5e-256")
  assert (found.count, found.layout, found.chip.flops, found.chip.hbm) == (256, "v5e:16x16", 197e12, 16e9)
  assert accelerators.parse("v6e-256").layout == "v6e:16x16" and accelerators.parse("v5p-256").layout == "v5p:4x8x8"
  assert accelerators.parse("h100-8").layout is None and accelerators.parse("cpu-8").chip is None


@pytest.mark.parametrize("name, words", [
    ("v5e-265", "v5e comes in 4, 8, 16, 32, 64, 128, 256 chips"), ("v6-256", "Did you mean 'v6e-256'"),
    ("h100", "Did you mean 'h100-"), ("abacus", "expected a chip out of v5e, v6e")])
def test_unknown_names_are_one_line_with_the_nearest(name, words):
  with pytest.raises(ConfigError) as error:
    accelerators.parse(name)
  assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind, flops, hbm", [
    ("TPU v5 lite", 197e12, 16e9), ("TPU v5", 459e12, 95e9), ("TPU v6 lite", 918e12, 32e9),
    ("NVIDIA H100 80GB HBM3", 989e12, 80e9), ("NVIDIA H200", 989e12, 141e9)])
def test_devices_are_found_by_their_kind(kind, flops, hbm):
  chip = accelerators.chip_of(kind)
  assert (chip.flops, chip.hbm) == (flops, hbm) and accelerators.chip_of("cpu") is None


def test_fake_devices_that_are_missing_are_asked_for():
  assert len(jax.devices("cpu")) < 4096
  assert accelerators.parse("cpu-1").devices() == jax.devices("cpu")[:1]
  with pytest.raises(ConfigError, match="xla_force_host_platform_device_count=4096"):
    accelerators.parse("h100-4096").devices()


def test_without_the_compiler_a_pod_is_refused_with_the_extra_to_install(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(ConfigError, match=r"v5e:16x16 needs the TPU compiler: pip install 'eft_jax\[test\]'"):
    accelerators.parse("v5e-256").devices()


def test_a_run_on_other_devices_says_so():
  said = []
  accelerators.compare("v5e-4", jax.devices("cpu")[:1], said.append)
  assert len(said) == 1 and "made for v5e-4; here are 1 cpu" in said[0]
  accelerators.compare("", jax.devices("cpu"), said.append)
  accelerators.compare("cpu-1", jax.devices("cpu")[:1], said.append)
  assert len(said) == 1
