"""The compiled step learns, touches what it may, and does the same on any mesh."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import finch
from eft_jax.core.settings import ConfigError
from eft_jax.train import MeshSettings, batches, mesh, step

ROOT = pathlib.Path(__file__).resolve().parents[2]


def described(tree):
  """Shape, dtype and place of every leaf, and the tree."""
  leaves, treedef = jax.tree.flatten(tree)
  return treedef, [(x.shape, x.dtype, x.sharding) for x in leaves]


def run(settings, tiny, folder, steps, mesh_settings=None, devices=None):
  """(losses, start, end) of a few steps."""
  config, params, tokenizer = tiny
  where = mesh.make(mesh_settings or MeshSettings(), devices or jax.devices()[:1])
  mesh.check_batch(where, settings.data.batch_size, settings.accumulate, settings.data.row_length)
  examples = batches.tokenize(finch.read(folder / "dataset", "train"), tokenizer, settings.data)
  with jax.set_mesh(where):
    copy = jax.tree.map(jnp.array, params)
    trainer = step.design(settings, config, steps, where)
    state, frozen = trainer.start(copy)
    assert described((trainer.state, trainer.frozen)) == described((state, frozen))
    before = jax.tree.map(np.array, (state.trainable, frozen))
    stream, losses = batches.stream(examples, settings.data, settings.seed), []
    for _ in range(steps):
      batch = mesh.place(where, next(stream), settings.accumulate)
      assert described(batch) == described(trainer.batch)
      state, out = trainer.train(state, frozen, batch)
      losses.append(float(out["loss"]))
    return losses, before, jax.tree.map(np.array, (state.trainable, frozen)), trainer


@pytest.mark.slow
def test_a_few_examples_are_learnt_by_heart(settings, tiny, folder):
  quick = settings(optimizer={"learning_rate": 1e-2, "warmup_steps": 0}, steps=40)
  losses, _, _, trainer = run(quick, tiny, folder, 40)
  assert losses[0] > 5 and np.mean(losses[-5:]) < 0.8
  assert trainer.train._cache_size() == 1  # one shape, compiled once


@pytest.mark.slow
def test_frozen_parameters_stay_and_the_others_move(settings, tiny, folder):
  losses, before, after, _ = run(settings(frozen=("embed", "layers/0/mlp/")), tiny, folder, 3)
  assert losses[0] != losses[-1]
  jax.tree.map(np.testing.assert_array_equal, before[1], after[1])
  assert len(jax.tree.leaves(before[1])) == 4
  assert all((a != b).any() for a, b in zip(jax.tree.leaves(before[0]), jax.tree.leaves(after[0]), strict=True))


@pytest.mark.slow
def test_lora_starts_at_the_model_trains_adapters_only_and_learns(settings, tiny, folder):
  full, _, _, _ = run(settings(), tiny, folder, 1)
  lora = settings(lora={"rank": 4}, optimizer={"learning_rate": 2e-2, "warmup_steps": 0})
  losses, before, after, trainer = run(lora, tiny, folder, 12)
  np.testing.assert_allclose(losses[0], full[0], rtol=1e-6)
  assert losses[-1] < 0.75 * losses[0]
  jax.tree.map(np.testing.assert_array_equal, before[1], after[1])
  assert sum(x.size for x in jax.tree.leaves(before[0])) < tiny[0].vocab_size * tiny[0].model_dim
  small, _, _, _ = run(settings(lora={"rank": 4, "targets": ("q", "v")}), tiny, folder, 1)
  np.testing.assert_allclose(small[0], full[0], rtol=1e-6)


@pytest.mark.slow
def test_bfloat16_compute_keeps_float32_masters(settings, tiny, folder):
  plain, _, _, _ = run(settings(), tiny, folder, 2)
  losses, _, after, _ = run(settings(compute_dtype="bfloat16"), tiny, folder, 2)
  np.testing.assert_allclose(losses, plain, rtol=0.02)
  assert losses[0] != plain[0] and {x.dtype for x in jax.tree.leaves(after[0])} == {np.dtype(np.float32)}
  adapted, before, after, _ = run(settings(compute_dtype="bfloat16", lora={"rank": 4}), tiny, folder, 2)
  np.testing.assert_allclose(adapted[0], losses[0], rtol=2e-3)
  assert {x.dtype for x in jax.tree.leaves(after[0])} == {np.dtype(np.float32)}, "adapters are masters"
  assert {x.dtype for x in jax.tree.leaves(after[1])} == {jnp.dtype("bfloat16")}, "what is frozen needs no master"


MESHES = [(1, 1, 1, 1), (8, 1, 1, 1), (1, 8, 1, 1), (2, 2, 2, 1), (1, 2, 2, 2)]
RUNS = [(lora, "adamw", sizes) for lora in (0, 4) for sizes in MESHES] + [
    (0, kind, sizes) for kind in ("adafactor", "muon") for sizes in [(1, 1, 1, 1), (2, 2, 2, 1)]]


@pytest.mark.slow
def test_any_mesh_of_eight_devices_gives_the_losses_of_one(folder, compile_cache, tmp_path):
  """In a process of its own, because the number of devices is fixed when JAX starts."""
  code = f"""
import json, math, sys, pathlib
sys.path[:0] = [{str(ROOT)!r}, {str(pathlib.Path(__file__).parent)!r}]
import jax
import test_step
from eft_jax import models, text, train
folder = pathlib.Path({str(folder)!r})
loaded = models.load(folder / "model")
tiny = (loaded.config, loaded.params, text.Tokenizer.load(folder / "model"))
found = {{}}
train.optimizer.FACTORED_FROM = 8
for lora, kind, sizes in test_step.RUNS:
  settings = train.TrainSettings(
      model=str(folder / "model"), data=train.DataSettings("x", row_length=64, batch_size=16, packing_bins=16),
      optimizer=train.OptimizerSettings(1e-2, "constant", 0, kind=kind), accumulate=2, lora=train.LoraSettings(lora),
      steps=3)
  found[f"{{lora}} {{kind}} {{sizes}}"] = test_step.run(settings, tiny, folder, 3, train.MeshSettings(*sizes),
                                                    jax.devices()[:math.prod(sizes)])[0]
print(json.dumps(found))
"""
  environment = os.environ | compile_cache | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8",
                                              "JAX_PLATFORMS": "cpu"}
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=900)
  assert done.returncode == 0, done.stderr[-3000:]
  found = json.loads(done.stdout.splitlines()[-1])
  for lora, kind, sizes in RUNS:
    one = found[f"{lora} {kind} (1, 1, 1, 1)"]
    assert one[-1] < one[0]
    np.testing.assert_allclose(found[f"{lora} {kind} {sizes}"], one, rtol=2e-5)


def test_a_mesh_that_does_not_fit_the_devices_or_the_batch_is_said(settings, tiny, folder):
  with pytest.raises(ConfigError, match="mesh.data=2, mesh.fsdp=-1, mesh.tensor=1, mesh.seq=1 does not divide 1 cpu"):
    mesh.make(MeshSettings(data=2), jax.devices()[:1])
  with pytest.raises(ConfigError, match="one of them may be -1"):
    mesh.make(MeshSettings(data=-1, fsdp=-1))
  with pytest.raises(ConfigError, match="4 / accumulate 1 = 4 rows is not divisible by mesh.data . mesh.fsdp = 8"):
    mesh.check_batch(jax.sharding.AbstractMesh((2, 4, 1, 1), mesh.AXES), 4, 1, 32)
  with pytest.raises(ConfigError, match="data.row_length 30 is not divisible by mesh.seq = 4"):
    mesh.check_batch(jax.sharding.AbstractMesh((1, 1, 1, 4), mesh.AXES), 4, 1, 30)
