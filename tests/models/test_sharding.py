"""Sharding rules name every parameter; loss and gradients on 8 fake devices equal one device."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from eft_jax import models
from eft_jax.core.settings import ConfigError

ON_EIGHT_DEVICES = """
import json, sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding
from eft_jax import models
from eft_jax.models import gated_delta

preset, layers = sys.argv[1:]
gated_delta.CHUNK = 8  # so that chunks and rows end on several devices
config = models.tiny(models.PRESETS[preset], vocab_size=100, num_layers=int(layers))
params = models.init(config, jax.random.key(0))
# The residual stream is kept the largest part, so that fp32 suffices for a comparison.
calm = lambda path, x: x * {"embed": 8, "o": 0.3, "down": 0.3}.get(path[-2].key, 1)
params = jax.tree_util.tree_map_with_path(calm, params)
adapters = models.lora.init(config, params, 2, jax.random.key(3))
tokens = jax.random.randint(jax.random.key(1), (8, 32), 0, 100)
places = jnp.broadcast_to(jnp.arange(32), (8, 32))
batch = (tokens, places % 20, 1 + places // 20, jax.random.bernoulli(jax.random.key(2), 0.3, (8, 32)))

def loss(trained, tokens, positions, segments, mask):
  params, adapters = trained
  params = models.lora.apply(params, adapters)
  hidden = models.hidden(config, params, tokens, positions, segments, remat="dots_attention")
  return -jnp.sum(models.token_logprobs(config, params, hidden, jnp.roll(tokens, -1, 1), mask=mask, chunk=64))

run = jax.jit(jax.value_and_grad(loss))
value, grads = run((params, adapters), *batch)
for sizes, kind in (((2, 2, 2, 1), AxisType.Explicit), ((1, 2, 4, 1), AxisType.Auto), ((2, 2, 1, 2), AxisType.Auto),
                    ((1, 1, 2, 4), AxisType.Auto)):
  mesh = jax.make_mesh(sizes, ("data", "fsdp", "tensor", "seq"), axis_types=(kind,) * 4)
  rows = NamedSharding(mesh, models.sharding.spec(("batch", "tokens")[:1 + (sizes[3] > 1)], mesh))
  with jax.set_mesh(mesh):
    placed = jax.device_put(params, models.sharding.param_shardings(config, mesh))
    got, got_grads = run((placed, adapters), *(jax.device_put(x, rows) for x in batch))
  worst = max(float(np.abs(np.asarray(a) - np.asarray(b)).max() / max(np.abs(np.asarray(b)).max(), 1e-6))
              for a, b in zip(jax.tree.leaves(got_grads), jax.tree.leaves(grads), strict=True))
  print(json.dumps([sizes, str(kind), abs(float(got - value)) / abs(float(value)), worst,
                    len(placed["layers"]["0"]["mlp"]["up"]["kernel"].sharding.device_set)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("preset, layers, tolerance", [
    ("smollm2_135m", 4, 2e-5), ("gemma2_2b", 4, 2e-5),
    ("qwen3_5_2b", 4, 1e-4)])  # gradients of its decays are small differences of large sums
def test_eight_devices_equal_one(preset, layers, tolerance):
  environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
  done = subprocess.run([sys.executable, "-c", ON_EIGHT_DEVICES, preset, str(layers)], env=environment,
                        capture_output=True, text=True, timeout=600, check=False,
                        cwd=pathlib.Path(__file__).parents[2])
  assert done.returncode == 0, done.stderr[-3000:]
  results = [json.loads(line) for line in done.stdout.splitlines()]
  assert len(results) == 4
  for sizes, kind, loss_error, gradient_error, devices in results:
    assert loss_error < 1e-5 and gradient_error < tolerance and devices == 8, (sizes, kind, loss_error, gradient_error)


def mesh_of(**sizes):
  return jax.sharding.AbstractMesh(tuple(sizes.values()), tuple(sizes), axis_types=(AxisType.Auto,) * len(sizes))


def test_every_parameter_has_axes(model):
  axes, shapes = models.sharding.param_axes(model.config), models.abstract(model.config)
  is_axes = lambda x: isinstance(x, tuple)
  assert jax.tree.structure(axes, is_leaf=is_axes) == jax.tree.structure(shapes)
  for names, shape in zip(jax.tree.leaves(axes, is_leaf=is_axes), jax.tree.leaves(shapes), strict=True):
    assert len(names) == len(shape.shape) and set(names) <= set(models.sharding.RULES)


def test_rules_become_partition_specs():
  mesh = mesh_of(data=2, fsdp=2, tensor=2)
  assert models.sharding.spec(("batch", "norm"), mesh) == PartitionSpec(("data", "fsdp"), None)
  assert models.sharding.spec(("layers", "model", "hidden"), mesh) == PartitionSpec(None, "fsdp", "tensor")
  assert models.sharding.spec(("batch",), mesh_of(data=2)) == PartitionSpec("data")
  assert models.sharding.spec(("model",), mesh, models.sharding.RULES | {"model": ("data",)}) == PartitionSpec("data")


@pytest.mark.parametrize("axes, message", [
    (("model", "norm", "model"), "put two dimensions on mesh axis fsdp"), (("width",), "'width' .* has no rule")])
def test_impossible_rules_are_refused(axes, message):
  with pytest.raises(ConfigError, match=message):
    models.sharding.spec(axes, mesh_of(fsdp=2, tensor=2))


def test_indivisible_parameters_are_named(tiny):
  with pytest.raises(ConfigError, match=r"\['embed'\]\['table'\]: axis 'vocab' of size 97 is not divisible by the 2"):
    models.sharding.param_shardings(tiny.config, mesh_of(fsdp=2, tensor=2))


def test_shardings_follow_the_tree(tiny):
  shardings = models.sharding.param_shardings(tiny.config, mesh_of(fsdp=2))
  assert jax.tree.structure(shardings) == jax.tree.structure(tiny.params)
  assert np.all([sharding.num_devices == 2 for sharding in jax.tree.leaves(shardings)])
