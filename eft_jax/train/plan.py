"""A plan: the whole train step compiled for an accelerator that need not be there, and what it would cost; no weights.

For TPUs this is the real compiler (libtpu), so that memory is what the chips would need. The step time is counted: each
instruction takes the longer of its FLOPs at peak and its bytes at full bandwidth, and the collectives' bytes take their
time on the links, beside that or behind it. Nothing is measured.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
import time
from typing import Any

import jax
from jax.sharding import Mesh

from eft_jax import models
from eft_jax.core.settings import ConfigError
from eft_jax.models import hf, hf_config
from eft_jax.train import accelerators, hlo, step
from eft_jax.train import mesh as mesh_lib
from eft_jax.train.settings import TrainSettings

STEPS = 1000  # of the schedule, where the settings leave their number to the data


def run(settings: TrainSettings, progress: Any) -> dict[str, Any]:
  """Plans settings.accelerator, prints the table and returns what it shows, for summary.json.

  Raises:
    ConfigError: unknown accelerator or model, sizes that do not divide, no TPU compiler.
  """
  found = make(settings, shape_of(settings.model), progress.say)
  print(table(found), flush=True)
  return {"plan": found}


def shape_of(model: str) -> models.ModelConfig:
  """The shape of a preset, or of a Hugging Face folder, whose weights are not read."""
  file = pathlib.Path(model) / "config.json"
  if model in models.PRESETS or not file.exists():
    return models.preset(model)
  return hf_config.from_json(hf.read_json(file), file)


def make(settings: TrainSettings, config: models.ModelConfig, say: Any = lambda text: None) -> dict[str, Any]:
  """Compiles the step of a model's shape and counts it; see `table`. Raises ConfigError as `run`."""
  if settings.data.row_length > config.max_length:
    raise ConfigError(f"data.row_length is {settings.data.row_length}, model {settings.model} was made for "
                      f"{config.max_length} positions.")
  accelerator = accelerators.parse(settings.accelerator) if settings.accelerator else None
  devices = accelerator.devices() if accelerator else jax.devices()
  chip = accelerator.chip if accelerator else accelerators.chip_of(devices[0].device_kind)
  mesh = mesh_lib.make(settings.mesh, list(devices))
  mesh_lib.check_batch(mesh, settings.data.batch_size, settings.accumulate, settings.data.row_length)
  design = step.design(settings, config, settings.steps or STEPS, mesh)
  compiler = f"the TPU compiler, topology {accelerator.layout}" if accelerator and accelerator.layout else (
      "this machine's own compiler" if not accelerator else
      "XLA for fake CPU devices: the GPU's own compiler was not asked" if chip else "XLA for fake CPU devices")
  say(f"compiling the step for {settings.accelerator or f'{len(devices)} {devices[0].device_kind}'} with {compiler}")
  start = time.monotonic()
  with jax.set_mesh(mesh):
    lowered = design.train.lower(design.state, design.frozen, design.batch)
    try:
      compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
      if "RESOURCE_EXHAUSTED" not in str(error):
        raise
      compiled, refusal = None, " ".join(str(error).split())
  found = {"accelerator": settings.accelerator or devices[0].device_kind, "devices": len(devices), "compiler": compiler,
           "mesh": dict(mesh.shape), "compile_seconds": round(time.monotonic() - start, 1)}
  found |= _shape(settings, config, design) | {"bytes_per_device": _state_bytes(design)}
  if compiled is None:
    found |= {"fits": False, "refusal": refusal[:400]}
  else:
    found["bytes_per_device"] |= _compiled_bytes(compiled)
    trips = logprob_trips(settings, mesh)
    costs = hlo.costs(hlo.parse(compiled.as_text()), trips)
    kernels = kernel_flops(costs, config, settings, len(devices))
    found |= _collectives(costs) | _time(found, costs, kernels, chip, trips)
    found["fits"] = chip is None or found["bytes_per_device"]["peak"] <= chip.hbm
  if not found["fits"]:
    found["knobs"] = knobs(settings, found, chip, mesh)
  return found | {"chip": chip and dataclasses.asdict(chip)}


def _shape(settings: TrainSettings, config: models.ModelConfig, design: step.Design) -> dict[str, Any]:
  trained = models.flops.count(design.state.trainable)
  length, tokens = settings.data.row_length, settings.data.batch_size * settings.data.row_length
  per_token = models.flops.training(config, length, trained if settings.lora.rank else 0)
  return {"model": settings.model, "layers": config.num_layers, "parameters": models.count_params(config),
          "trained_parameters": trained, "row_length": length, "tokens_per_step": tokens,
          "flops_per_token": per_token, "model_flops_per_step": per_token * tokens}


def _state_bytes(design: step.Design) -> dict[str, int]:
  """Bytes of what goes into the step, on one device, without the padding of its layout."""
  size = lambda tree: sum(math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(tree))
  trained = {"parameters": design.state.trainable, "optimizer": design.state.moments, "frozen": design.frozen}
  return {name: size(tree) for name, tree in (trained | {"batch": design.batch}).items()}


def _compiled_bytes(compiled: Any) -> dict[str, int]:
  memory = compiled.memory_analysis()
  arguments, temporaries = memory.argument_size_in_bytes, memory.temp_size_in_bytes
  fresh = memory.output_size_in_bytes - memory.alias_size_in_bytes
  code = memory.generated_code_size_in_bytes
  return {"arguments": arguments, "temporaries": temporaries, "fresh_outputs": fresh, "code": code,
          "peak": arguments + temporaries + fresh + code}


def _collectives(costs: hlo.Costs) -> dict[str, Any]:
  """Per step, sorted by bytes; `bytes` are of the whole array, times count."""
  rows = [{"kind": c.kind, "ways": c.ways, "count": round(count), "bytes_each": c.bytes, "bytes": c.bytes * count}
          for c, count in costs.collectives.items()]
  return {"collectives": sorted(rows, key=lambda row: -row["bytes"])}


def logprob_trips(settings: TrainSettings, mesh: Mesh) -> int:
  """Chunks of `models.token_logprobs` on one device, where every token is a target."""
  rows = max(1, settings.data.batch_size // settings.accumulate // (mesh.shape["data"] * mesh.shape["fsdp"]))
  length = settings.data.row_length // mesh.shape["seq"]
  return math.ceil(length / min(max(1, settings.logprob_chunk // rows), length))


def link_seconds(row: dict[str, Any], bandwidth: float) -> float:
  """Time of a collective on a device's links: (n - 1) / n of its bytes come in, for an all-reduce twice.

  An all-to-all over a torus of side k moves each byte k / 4 hops on the way.
  """
  n = row["ways"]
  hops = {"all-reduce": 2.0, "all-to-all": max(1.0, n ** 0.5 / 4)}.get(row["kind"], 1.0)
  return hops * row["bytes"] * (n - 1) / n / bandwidth


def kernel_flops(costs: hlo.Costs, config: models.ModelConfig, settings: TrainSettings, devices: int) -> float:
  """FLOPs of the attention kernels on a device, which the program does not say: by rule, for the keys that are seen.

  In products of scores' size: 2 forward, 3 for dq, 4 for dk and dv (FlashAttention-2, arXiv:2307.08691, section 3.1).
  """
  mixers = [models.flops.mixer(config, config.kind(layer), settings.data.row_length)
            for layer in range(config.num_layers) if config.kind(layer) != "delta"]
  tokens = settings.data.batch_size * settings.data.row_length / settings.accumulate / devices
  products = sum(count * {"fwd": 2, "dq": 3, "dkv": 4}[match[1]] for name, count in costs.unread.items()
                 if (match := re.match(r"splash_mha_(fwd|dq|dkv)", name)))
  return products * tokens * sum(mixers) / len(mixers) / 2


def _time(found: dict[str, Any], costs: hlo.Costs, kernels: float, chip: accelerators.Chip | None,
          trips: int) -> dict[str, Any]:
  """Counted FLOPs and bytes of a device, and the time that they need at least; `kernels`: `kernel_flops`."""
  counted = {"counted_flops_per_device": costs.flops + kernels, "kernel_flops_per_device": kernels,
             "counted_bytes_per_device": costs.bytes}
  if chip is None:
    return counted
  own = sum(times * max(flops / chip.flops, moved / chip.hbm_bandwidth) for (flops, moved), times in costs.work.items())
  links = sum(link_seconds(row, chip.link_bandwidth) for row in _collectives(costs)["collectives"])
  own += kernels / chip.flops
  low, high = max(own, links), own + links
  mfu = lambda seconds: found["model_flops_per_step"] / (seconds * found["devices"] * chip.flops)
  return counted | {
      "seconds": {"flops_only": (costs.flops + kernels) / chip.flops, "bytes_only": costs.bytes / chip.hbm_bandwidth,
                  "device": own, "links": links, "step_hidden": low, "step_exposed": high},
      "mfu": {"hidden": mfu(low), "exposed": mfu(high)},
      "tokens_per_second": {"hidden": found["tokens_per_step"] / low, "exposed": found["tokens_per_step"] / high},
      "assumptions": [
          f"peak {chip.flops / 1e12:.0f} TFLOP/s bf16, HBM {chip.hbm / 1e9:.0f} GB at {chip.hbm_bandwidth / 1e9:.0f} "
          f"GB/s, links {chip.link_bandwidth / 1e9:.0f} GB/s one way: {chip.source}",
          "each instruction runs at peak or at full bandwidth, whichever takes longer: no chip does all of that",
          f"every token is a target: the log-prob loops run {trips} times (found {costs.dynamic} such loops)",
          "links of a whole torus; collectives hidden behind the device's own work, or all of them exposed"]}


def knobs(settings: TrainSettings, found: dict[str, Any], chip: accelerators.Chip | None, mesh: Mesh) -> list[str]:
  """What to change where a step does not fit, the most promising first."""
  sizes = found["bytes_per_device"]
  room = chip.hbm if chip else math.inf
  state = sizes["parameters"] + sizes["optimizer"] + sizes["frozen"]
  divided = []
  if state > room / 2:
    divided.append(f"parameters and optimizer state take {state / 1e9:.1f} of {room / 1e9:.0f} GB on each device: more "
                   f"mesh.fsdp (now {mesh.shape['fsdp']}) or mesh.tensor (now {mesh.shape['tensor']}) ways, on more "
                   "devices or out of mesh.data")
    if not settings.lora.rank:
      divided.append("lora.rank=32: no gradients and no optimizer state for the model's own parameters")
    if settings.optimizer.kind == "adamw":
      divided.append("optimizer.kind='adafactor': second moments by rows and columns")
  rows = settings.data.batch_size // settings.accumulate // (mesh.shape["data"] * mesh.shape["fsdp"])
  activations = []
  if rows > 1:
    activations.append(f"accumulate={settings.accumulate * 2}: {rows} rows are on each device at a time")
  if settings.remat != "full":
    activations.append(f"remat='full' instead of {settings.remat!r}")
  activations.append(f"data.row_length={settings.data.row_length // 2}: half the activations of a row")
  if settings.logprob_chunk > 256:
    activations.append(f"logprob_chunk={settings.logprob_chunk // 2}: logits of fewer tokens at a time")
  return divided + activations


def table(found: dict[str, Any]) -> str:
  """The plan for people."""
  giga = lambda number: f"{number / 1e9:,.3f} GB"
  mesh = " x ".join(f"{name} {size}" for name, size in found["mesh"].items() if size > 1) or "one device"
  lines = [
      f"Plan: {found['model']} ({found['layers']} layers) on {found['accelerator']}, mesh {mesh}",
      f"  compiled by         {found['compiler']}, {found['compile_seconds']} s",
      f"  parameters          {found['parameters']:,}, trained {found['trained_parameters']:,}",
      f"  batch               {found['tokens_per_step']:,} tokens in rows of {found['row_length']:,}",
      f"  FLOPs per token     {found['flops_per_token'] / 1e9:.2f} G (rule: 6 per weight, attention by attended keys)",
      "Bytes per device"]
  lines += [f"  {name.replace('_', ' '):<19} {giga(size):>14}" for name, size in found["bytes_per_device"].items()]
  if "collectives" in found:
    lines += ["Collectives per step  count x whole array, over devices"]
    lines += [f"  {row['kind']:<19} {row['count']:>6,} x {row['bytes_each'] / 1e6:>10,.2f} MB over {row['ways']}"
              for row in found["collectives"][:12]]
    if len(found["collectives"]) > 12:
      rest = found["collectives"][12:]
      lines.append(f"  {len(rest)} smaller kinds     {giga(sum(row['bytes'] for row in rest)):>14} in all")
  if "seconds" in found:
    lines += _time_lines(found)
  if "refusal" in found:
    lines.append(f"The compiler refuses it: {found['refusal']}")
  room = f" of {giga(found['chip']['hbm'])}" if found["chip"] else ""
  lines.append(f"Fits{room}." if found["fits"] else f"Does NOT fit{room}. Turn one of:")
  return "\n".join(lines + [f"  {knob}" for knob in found.get("knobs", ())])


def _time_lines(found: dict[str, Any]) -> list[str]:
  seconds, mfu, speed = found["seconds"], found["mfu"], found["tokens_per_second"]
  return [
      "Time of a step, at least",
      f"  matmuls at peak     {seconds['flops_only']:10.3f} s  ({found['counted_flops_per_device'] / 1e12:,.1f} TFLOP "
      f"per device, {found['kernel_flops_per_device'] / 1e12:,.1f} of them attention kernels by rule)",
      f"  memory traffic      {seconds['bytes_only']:10.3f} s  ({found['counted_bytes_per_device'] / 1e9:,.1f} GB per "
      "device)",
      f"  both, by step       {seconds['device']:10.3f} s",
      f"  collectives         {seconds['links']:10.3f} s",
      f"  whole step          {seconds['step_hidden']:10.3f} s with collectives hidden, {seconds['step_exposed']:.3f} "
      "s with none hidden",
      f"  MFU                 {mfu['hidden']:10.1%} and {mfu['exposed']:.1%} at most; {speed['hidden']:,.0f} and "
      f"{speed['exposed']:,.0f} tokens/s",
      "Assumptions", *(f"  {line}" for line in found["assumptions"])]

