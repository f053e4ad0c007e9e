"""Plans: the step of every config is designed for its pod, small ones are compiled and counted; knobs of big ones."""

import collections
import dataclasses
import importlib.util
import json
import pathlib

import jax
import pytest

from eft_jax import models, train
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError
from eft_jax.train import accelerators, hlo, mesh, plan, step

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = ("gemma9b", "gemma2b", "gemma3_270m", "qwen3_8b", "qwen35_2b", "qwen35_4b", "qwen35_9b")
needs_compiler = pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu (extra test)")


def of_config(name):
  """The settings of a config file."""
  space = {}
  exec((ROOT / "configs" / f"{name}.py").read_text(), space)
  return settings_lib.from_mapping(train.TrainSettings, space["get_config"]().to_dict())


def small(settings, **changes):
  data = dataclasses.replace(settings.data, row_length=128, batch_size=8)
  return dataclasses.replace(settings, plan_only=True, data=data, **changes)


@needs_compiler
@pytest.mark.parametrize("name", [*CONFIGS, *(f"{name}_kto" for name in CONFIGS)])
def test_every_config_has_a_step_on_its_pod(name):
  """Shapes, shardings and divisibility of the real thing; only the compiler is not asked."""
  settings = of_config(name)
  where = mesh.make(settings.mesh, list(accelerators.parse(settings.accelerator).devices()))
  mesh.check_batch(where, settings.data.batch_size, settings.accumulate, settings.data.row_length)
  config = models.PRESETS[settings.model]
  design = step.design(settings, config, 100, where)
  rate, labels = (5e-7, ("improved", "regressed")) if name.endswith("kto") else (1e-5, ("improved",))
  assert settings.data.row_length <= config.max_length and settings.optimizer.learning_rate == rate
  assert settings.data.batch_size == 128 and settings.data.labels == labels
  sizes = plan._state_bytes(design)
  total = 12 * models.count_params(config)
  assert total / where.size <= sizes["parameters"] + sizes["optimizer"] < 1.01 * total / where.size + 1e7


@pytest.fixture(scope="module")
def planned():
  """The plan of a tiny model on this process's CPU."""
  config = models.tiny(models.PRESETS["gemma2_2b"], num_layers=4)
  settings = small(train.TrainSettings(model="gemma2_2b", accelerator="cpu-1", logprob_chunk=64))
  return settings, config, plan.make(settings, config)


@pytest.mark.slow
def test_a_plan_counts_what_the_step_does(planned):
  settings, config, found = planned
  count = models.count_params(config)
  assert found["parameters"] == found["trained_parameters"] == count and found["fits"] and found["devices"] == 1
  sizes = found["bytes_per_device"]
  assert sizes["parameters"] == 4 * count and 8 * count <= sizes["optimizer"] < 8 * count + 100
  assert sizes["arguments"] >= 12 * count and sizes["batch"] > 3 * 4 * 8 * 128 and sizes["temporaries"] > 0
  assert found["flops_per_token"] == models.flops.training(config, 128) and not found["collectives"]
  # 2 per weight of a matmul: forward, again forward for the backward pass, and two products there. Of attention at most
  # nine products with all keys of the row: two in each forward pass, five backward.
  tokens = found["tokens_per_step"]
  kernels = [x.size for x in jax.tree.leaves(models.abstract(config)["layers"]) if len(x.shape) == 3]
  weights = sum(kernels) + config.vocab_size * config.model_dim
  attention = found["counted_flops_per_device"] - 8 * weights * tokens
  assert 0 < attention <= 9 * 2 * 128 * config.num_heads * config.head_dim * config.num_layers * tokens
  text = plan.table(found)
  assert "Plan: gemma2_2b (4 layers) on cpu-1" in text and "Fits." in text and "XLA for fake CPU devices" in text
  json.dumps(found)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("name", [*CONFIGS, "gemma3_270m_kto"])
def test_the_plan_of_every_config_on_four_chips(name):
  """The config's own objective, optimizer, precision and remat with a narrow twin of its model, by the TPU compiler."""
  settings = of_config(name)
  chip = settings.accelerator.split("-")[0]
  config = models.PRESETS[settings.model]
  layers = len(config.pattern)
  config = models.tiny(config, num_layers=layers, head_dim=128, model_dim=512, vocab_size=1024)
  tensor = min(2, settings.mesh.tensor)
  settings = small(settings, accelerator=f"{chip}-4", accumulate=min(2, settings.accumulate),
                   mesh=train.MeshSettings(fsdp=4 // tensor, tensor=tensor))
  found = plan.make(settings, config)
  assert found["fits"] and found["compiler"].startswith(f"the TPU compiler, topology {chip}") and found["devices"] == 4
  kinds = {row["kind"] for row in found["collectives"]}
  assert "all-gather" in kinds and max(row["bytes_each"] for row in found["collectives"]) <= 4 * 1024 * 512 * layers
  seconds = found["seconds"]
  assert 0 < seconds["flops_only"] <= seconds["device"] <= seconds["step_hidden"] <= seconds["step_exposed"]
  assert 0 < found["mfu"]["exposed"] <= found["mfu"]["hidden"] <= 1
  assert "Time of a step" in plan.table(found)


@pytest.mark.ondemand
@needs_compiler
@pytest.mark.parametrize("name, accelerator", [*((name, "") for name in CONFIGS), ("gemma9b", "v6e-256")])
def test_the_pod_of_every_config_holds_it(name, accelerator):
  settings = of_config(name)
  settings = dataclasses.replace(settings, plan_only=True, accelerator=accelerator or settings.accelerator)
  found = plan.make(settings, models.PRESETS[settings.model])
  print(plan.table(found))
  assert found["fits"], plan.table(found)


@needs_compiler
@pytest.mark.parametrize("pod", ["v5e-16", "v6e-16", "v5p-16"])
def test_an_axis_may_be_part_of_a_side_of_the_torus(pod):
  where = mesh.make(train.MeshSettings(tensor=2), list(accelerators.parse(pod).devices()))
  assert where.shape["tensor"] == 2 and where.size == 16 and len(set(where.devices.flat)) == 16


def test_what_does_not_fit_names_the_knobs():
  settings = train.TrainSettings(data=train.DataSettings(batch_size=8), remat="none", logprob_chunk=512)
  where = jax.sharding.AbstractMesh((1, 2, 1, 1), mesh.AXES)
  sizes = {"parameters": 40e9, "optimizer": 80e9, "frozen": 0}
  said = "\n".join(plan.knobs(settings, {"bytes_per_device": sizes}, accelerators.CHIPS["h100"], where))
  for knob in ("mesh.fsdp (now 2)", "mesh.tensor", "lora.rank=32", "optimizer.kind='adafactor'", "accumulate=2",
               "remat='full'", "data.row_length=512", "logprob_chunk=256"):
    assert knob in said
  little = plan.knobs(settings, {"bytes_per_device": dict.fromkeys(sizes, 1e9)}, accelerators.CHIPS["h100"], where)
  assert not any("lora" in knob or "mesh" in knob for knob in little)


def test_attention_kernels_are_counted_by_rule():
  config = models.PRESETS["gemma2_2b"]
  settings = train.TrainSettings(data=train.DataSettings(row_length=8, batch_size=4))
  calls = {"splash_mha_fwd_segmented.1": 26, "splash_mha_dq.2": 26, "splash_mha_dkv_segmented.3": 26, "other": 5}
  found = plan.kernel_flops(hlo.Costs(unread=collections.Counter(calls)), config, settings, 2)
  # 16 tokens a device see 4.5 keys in the mean; a product is 2 for each of 8 heads of 256.
  assert found == 26 * (2 + 3 + 4) * 16 * 4.5 * 2 * 8 * 256


@pytest.mark.parametrize("sizes, accumulate, trips", [
    ((1, 8, 1, 1), 1, 2), ((1, 4, 1, 1), 1, 4), ((1, 4, 1, 1), 2, 2), ((1, 8, 1, 2), 1, 1), ((1, 1, 1, 1), 1, 16)])
def test_log_prob_chunks_are_those_of_a_device(sizes, accumulate, trips):
  settings = train.TrainSettings(data=train.DataSettings(row_length=1024, batch_size=8), accumulate=accumulate,
                                 logprob_chunk=512)
  assert plan.logprob_trips(settings, jax.sharding.AbstractMesh(sizes, mesh.AXES)) == trips


def test_an_all_reduce_moves_twice_an_all_gather():
  row = {"kind": "all-gather", "ways": 4, "bytes": 400.0}
  assert plan.link_seconds(row, 100.0) == 3.0 and plan.link_seconds(row | {"kind": "all-reduce"}, 100.0) == 6.0


@pytest.mark.parametrize("changes, words", [
    ({"accelerator": "v5e-265"}, "v5e comes in"), ({"model": "gemma2_2c", "accelerator": "cpu-1"}, "gemma2_2b"),
    ({"accelerator": "cpu-1", "mesh": train.MeshSettings(tensor=3)}, "mesh.tensor=3"),
    ({"accelerator": "cpu-1", "accumulate": 8, "mesh": train.MeshSettings(fsdp=2)}, "does not divide 1 cpu devices"),
    ({"accelerator": "cpu-1", "data": train.DataSettings(row_length=10000)}, "made for 8192 positions")])
def test_bad_input_is_one_line(changes, words, quiet):
  settings = dataclasses.replace(train.TrainSettings(model="gemma2_2b", plan_only=True), **changes)
  with pytest.raises(ConfigError) as error:
    plan.run(settings, quiet())
  assert words in str(error.value) and "\n" not in str(error.value)
