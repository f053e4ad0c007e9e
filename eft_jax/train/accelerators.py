"""Accelerators by name, with their published peaks, and their devices where the real ones are absent."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import importlib.util
import os
import re
from collections.abc import Callable, Sequence

import jax

from eft_jax.core import platforms
from eft_jax.core.settings import ConfigError

G, T = 1e9, 1e12


@dataclasses.dataclass(frozen=True)
class Chip:
  """Published peaks of one device.

  Attributes:
    kinds: beginnings of jax's device_kind.
    flops: of dense bf16 matmuls, per second.
    hbm: bytes.
    hbm_bandwidth, link_bandwidth: bytes per second; links are all of a device's together, one way.
    source: of the figures.
    topology: of the TPU compiler: prefix and layouts by number of chips.
  """

  kinds: tuple[str, ...]
  flops: float
  hbm: float
  hbm_bandwidth: float
  link_bandwidth: float
  source: str
  topology: str = ""
  layouts: tuple[str, ...] = ()


_FLAT = ("2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_CLOUD = "cloud.google.com/tpu/docs/"
CHIPS = {
    "v5e": Chip(("TPU v5 lite", "TPU v5e"), 197 * T, 16 * G, 819 * G, 200 * G, _CLOUD + "v5e (ICI 1,600 Gbit/s)",
                "v5e", _FLAT),
    "v6e": Chip(("TPU v6 lite", "TPU v6e"), 918 * T, 32 * G, 1640 * G, 448 * G, _CLOUD + "v6e (ICI 3,584 Gbit/s)",
                "v6e", _FLAT),
    "v5p": Chip(("TPU v5p", "TPU v5"), 459 * T, 95 * G, 2765 * G, 600 * G, _CLOUD + "v5p (ICI 4,800 Gbit/s)",
                "v5p", ("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8")),
    "h100": Chip(("NVIDIA H100",), 989 * T, 80 * G, 3350 * G, 450 * G,
                 "nvidia.com H100 SXM data sheet (NVLink 900 GB/s both ways)"),
    "h200": Chip(("NVIDIA H200",), 989 * T, 141 * G, 4800 * G, 450 * G,
                 "nvidia.com H200 SXM data sheet (NVLink 900 GB/s both ways)"),
}


def chip_of(device_kind: str) -> Chip | None:
  """The table's entry for a device that is there; None for one that it does not have."""
  return next((chip for chip in CHIPS.values() if device_kind.startswith(chip.kinds)), None)


@dataclasses.dataclass(frozen=True)
class Accelerator:
  """What a plan is for: `count` devices, of which `chip` knows the peaks (None for CPUs)."""

  name: str
  count: int
  chip: Chip | None

  @property
  def layout(self) -> str | None:
    """The TPU compiler's name of the topology."""
    found = [text for text in (self.chip.layouts if self.chip else ())
             if functools.reduce(lambda a, b: a * int(b), text.split("x"), 1) == self.count]
    return f"{self.chip.topology}:{found[0]}" if found else None

  def devices(self) -> Sequence[jax.Device]:
    """Devices that stand in for the accelerator's: of the TPU compiler, else fake CPU devices.

    Raises:
      ConfigError: no TPU compiler, or too few fake devices in this process.
    """
    if self.layout:
      return compiler_devices(self.layout)
    with contextlib.suppress(RuntimeError):  # too late: the number of devices is fixed when JAX first looks for them
      jax.config.update("jax_num_cpu_devices", self.count)
    found = jax.devices("cpu")
    if len(found) < self.count:
      raise ConfigError(f"accelerator {self.name!r} is planned on fake CPU devices, and this process has {len(found)}: "
                        f"set XLA_FLAGS=--xla_force_host_platform_device_count={self.count}.")
    return found[:self.count]


def parse(name: str) -> Accelerator:
  """'v5e-256' and the like: a chip and a number of chips.

  Raises:
    ConfigError: an unknown chip, or a number of chips that no topology has.
  """
  match = re.fullmatch(r"([a-z]\w*?)-(\d+)", name)
  kind, count = (match[1], int(match[2])) if match else (name, 0)
  if kind not in (*CHIPS, "cpu") or not count:
    known = [f"{chip}-{count}" for chip in (*CHIPS, "cpu") for count in (1, 4, 8, 16, 32, 64, 128, 256)]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    raise ConfigError(f"accelerator is {name!r}, expected a chip out of {', '.join((*CHIPS, 'cpu'))} and a number of "
                      f"them, as in v5e-256." + (f" Did you mean {near[0]!r}?" if near else ""))
  found = Accelerator(name, count, CHIPS.get(kind))
  if found.chip and found.chip.layouts and found.layout is None:
    sizes = [str(functools.reduce(lambda a, b: a * int(b), text.split("x"), 1)) for text in found.chip.layouts]
    raise ConfigError(f"accelerator is {name!r}, but {kind} comes in {', '.join(sizes)} chips.")
  return found


def compiler_devices(layout: str) -> Sequence[jax.Device]:
  """Devices of a TPU topology that is not there, for ahead-of-time compilation with the real compiler.

  Raises:
    ConfigError: no TPU compiler installed.
  """
  if importlib.util.find_spec("libtpu") is None:
    raise ConfigError(f"A plan for {layout} needs the TPU compiler: pip install 'eft_jax[test]' (or libtpu), or set "
                      "config.accelerator='cpu-8' for fake devices.")
  for variable, value in platforms.QUIET.items():
    os.environ.setdefault(variable, value)
  from jax.experimental import topologies
  return topologies.get_topology_desc(platform="tpu", topology_name=layout).devices


def compare(name: str, devices: Sequence[jax.Device], say: Callable[[str], None]) -> None:
  """Says where a run is on other devices than its configuration was made for. Raises ConfigError as `parse`."""
  devices = list(devices)
  wanted = parse(name) if name else None
  if wanted and (len(devices) != wanted.count or chip_of(devices[0].device_kind) != wanted.chip):
    say(f"this configuration was made for {name}; here are {len(devices)} {devices[0].device_kind}, for which it can "
        "be planned, too: config.plan_only=True, config.accelerator=''")
