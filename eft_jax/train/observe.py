"""What a run tells about itself: where the time of a step goes, memory, and a profile of a few steps."""

from __future__ import annotations

import collections
import contextlib
import pathlib
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.sharding import Mesh

from eft_jax import models
from eft_jax.train import accelerators
from eft_jax.train.settings import TrainSettings

PROFILED = 3  # steps
SKIPPED = 2  # steps before them: the first compiles, the second still warms caches


class Clock:
  """Splits the time between two laps over named activities of the host.

  While the host makes the next batch the devices compute: `data_seconds` is only lost where `device_seconds`, the
  waiting for the devices, is near 0.
  """

  ACTIVITIES = ("data", "device", "checkpoint")

  def __init__(self):
    self._start, self._spent = time.monotonic(), collections.Counter()

  @contextlib.contextmanager
  def __call__(self, activity: str) -> Iterator[None]:
    """Counts the time inside."""
    start = time.monotonic()
    try:
      yield
    finally:
      self._spent[activity] += time.monotonic() - start

  def lap(self) -> dict[str, float]:
    """'seconds' since the lap before, and 'data_seconds' ... of them; the rest is the host's own work."""
    now = time.monotonic()
    found = {"seconds": now - self._start} | {f"{name}_seconds": self._spent[name] for name in self.ACTIVITIES}
    self._start, self._spent = now, collections.Counter()
    return found


class Speed:
  """Tokens per second of the steps of this process, the first left out because it compiles; MFU where peaks are known.

  Model FLOPs utilisation: tokens per second, times FLOPs per token by rule, over the peak of all devices.
  """

  def __init__(self, flops: float = 0.0, peak: float = 0.0):
    """`flops` per token and `peak` per second of all devices; 0 where not known: then there is no MFU."""
    self._steps, self._tokens, self._times = 0, 0, collections.Counter()
    self._share = flops / peak if peak else 0.0

  def __call__(self, tokens: int, times: Mapping[str, float]) -> dict[str, float]:
    """Numbers of one step, from its tokens and the clock's lap."""
    if self._steps:
      self._tokens += tokens
      self._times.update(times)
    self._steps += 1
    return self._numbers(tokens / times["seconds"])

  def mean(self) -> dict[str, Any]:
    """The same over all steps, and the times of a step; None where there was no second one."""
    if self._steps < 2:
      return {"tokens_per_second": None, "step_times": None}
    times = {name: round(spent / (self._steps - 1), 6) for name, spent in self._times.items()}
    return self._numbers(round(self._tokens / self._times["seconds"], 1)) | {"step_times": times}

  def _numbers(self, rate: float) -> dict[str, float]:
    return {"tokens_per_second": rate} | ({"mfu": rate * self._share} if self._share else {})


def speed(settings: TrainSettings, config: models.ModelConfig, lengths: Sequence[int], trained: int,
          devices: Mesh) -> Speed:
  """The Speed of a run on these devices.

  Args:
    lengths: tokens of each document; attention is counted within documents, not across packed rows.
    trained: number of trained parameters.
  """
  chip = accelerators.chip_of(devices.devices.flat[0].device_kind)
  if chip is None or settings.frozen or settings.objective != "sft":  # the rule counts one pass, over all parameters
    return Speed()
  length = round(sum(n * n for n in lengths) / sum(lengths))  # of the document that the mean token stands in
  flops = models.flops.training(config, length, adapters=trained if settings.lora.rank else 0)
  return Speed(flops, chip.flops * devices.size)


def shown(speed: Mapping[str, float], memory: int) -> str:
  """For the progress line."""
  share = f"  MFU {speed['mfu']:.1%}" if "mfu" in speed else ""
  return f"{speed['tokens_per_second']:.0f} tokens/s{share}  {memory / 1e9:.1f} GB"


def memory_bytes() -> int:
  """Most bytes that were in use on one of this process's devices; of the whole process where a device cannot tell."""
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  peaks = [stat["peak_bytes_in_use"] for stat in stats if "peak_bytes_in_use" in stat]
  return max(peaks) if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts kilobytes


class Profile:
  """A trace of a few steps for TensorBoard's profile page and xprof, in DIR/profile."""

  def __init__(self, folder: pathlib.Path, wanted: bool, steps: int):
    """`steps`: how many this process will make."""
    self._folder, self._made, self._running = folder, 0, False
    self._from = min(SKIPPED, max(steps - 1, 0)) if wanted else None

  @contextlib.contextmanager
  def step(self, number: int) -> Iterator[None]:
    """Around the dispatch of one step."""
    if self._made == self._from:
      jax.profiler.start_trace(str(self._folder))
      self._running = True
    self._made += 1
    with jax.profiler.StepTraceAnnotation("train", step_num=number):
      yield

  def after(self, out: object) -> bool:
    """Ends the trace when its last step, whose results are waited for, is dispatched; whether it did so."""
    if not self._running or self._made < self._from + PROFILED:
      return False
    jax.block_until_ready(out)
    self.close()
    return True

  def close(self) -> None:
    """Writes what there is."""
    if self._running:
      self._running = False
      jax.profiler.stop_trace()
