"""KTO is its formula, its gradient that of finite differences, its reference asked once; and it moves both sides."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import finch, models, train
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError
from eft_jax.train import batches, feeds, kto, objectives, references, step
from eft_jax.train.batches import Examples, Source

LABELS = ("improved", "regressed")


def examples_of(count, rng, length=24):
  """Random prompts and replies of random lengths; every third one regressed."""
  sizes = [(int(rng.integers(2, length // 2)), int(rng.integers(1, length // 2))) for _ in range(count)]
  return Examples([rng.integers(1, 264, sum(size)).astype(np.int32) for size in sizes],
                  [np.arange(sum(size)) >= size[0] for size in sizes], {},
                  [Source(f"row{i}", LABELS[i % 3 == 0]) for i in range(count)])


@pytest.fixture(scope="module")
def forward(tiny):
  return objectives.Forward(tiny[0], jnp.float32, "none", 16)


@pytest.fixture(scope="module")
def batch(tiny, forward):
  """A KtoBatch [2, 2, T] whose reference is another model, packed several to a row."""
  examples = examples_of(14, np.random.default_rng(0))
  settings = train.TrainSettings(objective="kto", data=train.DataSettings("x", labels=LABELS, row_length=64,
                                                                          batch_size=4, segments=6, packing_bins=8))
  other = jax.tree.map(lambda x: x * 1.1, tiny[1])
  score = jax.jit(lambda rows: objectives.segment_logprobs(forward, other, rows))
  pairs = feeds.twins(examples, 64, 0)
  rows, mismatched = (next(batches.in_order(part, settings.data, 4)) for part in (examples, pairs))
  weight = feeds.weights(examples, settings)[rows.examples]
  whole = kto.KtoBatch(rows, weight, np.array(score(rows)), mismatched, np.array(score(mismatched)))
  return jax.tree.map(lambda x: jnp.array(x).reshape(2, 2, *x.shape[1:]), whole)


def test_loss_is_the_formula(tiny, forward, batch):
  """Against numpy in float64 on log-probs of each example alone, from full logits."""
  config, params, _ = tiny
  def alone(rows, reference):
    run = jax.jit(lambda b: models.logits(config, params, models.hidden(config, params, b.tokens, b.positions,
                                                                        b.segment_ids)))
    flat = jax.tree.map(lambda x: np.array(x).reshape(4, -1), rows)
    logits = np.array(run(flat), np.float64)
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    ratios = np.full(flat.examples.shape, np.nan)
    for row, place in np.argwhere(flat.examples > 0):
      where = np.flatnonzero((flat.segment_ids[row] == place + 1) & flat.loss_mask[row])
      ratios[row, place] = sum(logprobs[row, t - 1, flat.tokens[row, t]] for t in where)
    return ratios - np.array(reference).reshape(4, -1)

  ratio, twins = alone(batch.examples, batch.reference), alone(batch.twins, batch.twin_reference)
  weight = np.array(batch.weight).reshape(4, -1)
  z = max(0.0, np.nanmean(twins))
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  terms = [w * (1 - sigmoid(0.5 * (r - z))) if w > 0 else -w * (1 - sigmoid(0.5 * (z - r)))
           for w, r in zip(weight.ravel(), ratio.ravel(), strict=True) if w]
  objective = kto.Kto(train.KtoSettings(beta=0.5))
  sums, _ = jax.jit(lambda b: objectives.value_and_grad(objective, forward, params, lambda t: t, b))(batch)
  found = objectives.means(sums)
  assert len(terms) == 14 and z > 0
  np.testing.assert_allclose(found["loss"], np.mean(terms), rtol=1e-4)
  np.testing.assert_allclose(found["kl"], z, rtol=1e-4)
  np.testing.assert_allclose(found["reward_undesirable"], 0.5 * np.mean(ratio[weight < 0]), rtol=1e-4)
  sides = [(r > z) == (w > 0) for w, r in zip(weight.ravel(), ratio.ravel(), strict=True) if w]
  np.testing.assert_allclose(found["accuracy"], np.mean(sides), rtol=1e-6)


def test_gradient_is_that_of_finite_differences_with_the_baseline_held(tiny, forward, batch):
  objective, params = kto.Kto(train.KtoSettings(beta=0.5)), tiny[1]
  _, grads = jax.jit(lambda p: objectives.value_and_grad(objective, forward, p, lambda t: t, batch))(params)
  context = jax.jit(lambda p: objective.context(forward, p, batch))(params)
  assert float(context) > 0

  @jax.jit
  def loss(size, direction):
    moved = jax.tree.map(lambda p, d: p + size * d, params, direction)
    sums = [objective.sums(forward, moved, jax.tree.map(lambda x, i=i: x[i], batch), context) for i in range(2)]
    return sum(s["loss"][0] for s in sums) / sum(s["loss"][1] for s in sums)

  norm = float(jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads))))
  along = jax.tree.map(lambda g: g / norm, grads)
  for direction in (along, {**jax.tree.map(jnp.zeros_like, along), "norm": {"scale": jnp.ones(tiny[0].model_dim)}}):
    slope = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(grads), jax.tree.leaves(direction), strict=True))
    size = 1e-2
    measured = (loss(size, direction) - loss(-size, direction)) / (2 * size)
    np.testing.assert_allclose(measured, slope, rtol=2e-2)


def test_the_baseline_is_clamped_at_zero(forward, tiny, batch):
  objective = kto.Kto(train.KtoSettings())
  above = dataclasses.replace(batch, twin_reference=batch.twin_reference + 1e3)
  assert float(jax.jit(lambda b: objective.context(forward, tiny[1], b))(above)) == 0.0


def test_parts_add_up(forward, tiny, batch):
  whole = jax.tree.map(lambda x: x.reshape(1, 4, *x.shape[2:]), batch)
  run = jax.jit(lambda b: objectives.value_and_grad(kto.Kto(train.KtoSettings()), forward, tiny[1], lambda t: t, b))
  (one, one_grads), (two, two_grads) = run(whole), run(batch)
  for name, mean in objectives.means(one).items():
    np.testing.assert_allclose(objectives.means(two)[name], mean, rtol=1e-4, err_msg=name)
  close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4 * float(jnp.abs(b).max()) + 1e-8)
  jax.tree.map(close, one_grads, two_grads)


def test_twins_have_the_prompt_of_one_and_the_reply_of_another():
  examples = examples_of(40, np.random.default_rng(1))
  found = feeds.twins(examples, 20, 0)
  by_uid = {source.uid: i for i, source in enumerate(examples.sources)}
  split = lambda tokens, mask: (tokens[~mask].tolist(), tokens[mask].tolist())
  replies = {tuple(split(*pair)[1]): i for i, pair in enumerate(zip(examples.tokens, examples.loss_masks, strict=True))}
  for tokens, mask, source in zip(found.tokens, found.loss_masks, found.sources, strict=True):
    prompt, reply = split(tokens, mask)
    index = by_uid[source.uid]
    assert prompt == split(examples.tokens[index], examples.loss_masks[index])[0] and len(tokens) <= 20
    assert replies[tuple(reply)] != index
  assert len({source.uid for source in found.sources}) == len(found.sources) > 30
  assert [t.tolist() for t in feeds.twins(examples, 20, 0).tokens] == [t.tolist() for t in found.tokens]
  same = Examples([np.arange(4, dtype=np.int32)] * 3, [np.arange(4) > 1] * 3, {}, examples.sources[:3])
  with pytest.raises(ConfigError, match="different prompts .* has 3"):
    feeds.twins(same, 20, 0)


def test_weights_balance_the_sides():
  examples = examples_of(30, np.random.default_rng(2))
  data = train.DataSettings("x", labels=LABELS)
  found = feeds.weights(examples, train.TrainSettings(objective="kto", data=data))
  assert found[0] == 0 and (found > 0).sum() == 20 and (found < 0).sum() == 10
  np.testing.assert_allclose(found.sum(), 0, atol=1e-5)
  given = train.KtoSettings(desirable_weight=1.5, undesirable_weight=0.5)
  fixed = feeds.weights(examples, train.TrainSettings(objective="kto", data=data, kto=given))
  assert set(fixed.tolist()) == {0.0, 1.5, -0.5}
  one_side = dataclasses.replace(examples, sources=[Source("a", "improved")] * 30)
  with pytest.raises(ConfigError, match="KTO needs desirable and undesirable examples, the data has {'improved': 30}"):
    feeds.weights(one_side, train.TrainSettings(objective="kto", data=data))


def test_a_reference_is_asked_once_and_goes_on_where_it_was_killed(tmp_path):
  examples = examples_of(9, np.random.default_rng(3))
  data = train.DataSettings(row_length=64, packing="none")
  asked, alive = [], [4]

  def score(batch):
    if len(asked) == alive[0]:
      raise KeyboardInterrupt
    asked.append(batch.examples.copy())
    return np.where(batch.examples > 0, batch.examples * -1.5, 0)

  run = lambda some: references.scores(some, batches.in_order(some, data, 2), score, tmp_path / "reference.npz",
                                       lambda text: None, every=0.0)
  with pytest.raises(KeyboardInterrupt):
    run(examples)
  alive[0] = 100
  np.testing.assert_allclose(run(examples), np.arange(10) * -1.5)
  assert len(asked) == 5 and sorted(np.concatenate(asked).ravel().tolist()) == list(range(10))
  run(examples)
  assert len(asked) == 5
  changed = dataclasses.replace(examples, tokens=[examples.tokens[0] + 1, *examples.tokens[1:]])
  run(changed)
  assert len(asked) == 10, "scores of other examples were taken"
  (tmp_path / "reference.npz").write_bytes((tmp_path / "reference.npz").read_bytes()[:100])
  run(changed)
  assert len(asked) == 15, "a damaged file was believed"


@pytest.fixture
def kto_settings(settings):
  return lambda **changes: settings(objective="kto", kto={"beta": 0.3}, data={"labels": LABELS, "validation_rows": 4},
                                    optimizer={"learning_rate": 1e-3}, **changes)


@pytest.mark.slow
def test_a_run_moves_both_sides_and_resumes_to_the_bit(kto_settings, quiet, tmp_path):
  events = lambda path: [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
  losses = lambda path: [event["loss"] for event in events(path) if "loss" in event]
  (tmp_path / "whole").mkdir()
  results = train.run_train(kto_settings(), tmp_path / "whole", quiet())
  first, last = [event for event in events(tmp_path / "whole") if "loss" in event][::11]
  assert abs(first["reward_desirable"]) < 1e-3 and abs(first["reward_undesirable"]) < 1e-3, "the model is its reference"
  np.testing.assert_allclose(results["validation_loss_first"], 0.5, rtol=1e-3)  # all improved, of weight 1
  assert results["validation_loss_last"] < 0.45 and last["reward_desirable"] - last["reward_undesirable"] > 0.2

  (tmp_path / "cut").mkdir()
  old = signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell has it ignored, too
  try:
    with pytest.raises(KeyboardInterrupt):
      train.run_train(kto_settings(), tmp_path / "cut",
                      quiet(lambda step: step == 5 and os.kill(os.getpid(), signal.SIGINT)))
  finally:
    signal.signal(signal.SIGINT, old)
  assert len(losses(tmp_path / "cut")) < 12
  train.run_train(kto_settings(), tmp_path / "cut", quiet())
  assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


ON_EIGHT_DEVICES = """
import json, pathlib, sys
from eft_jax import train
from eft_jax.core import settings
from tests.train.conftest import Quiet
train.run_train(settings.from_mapping(train.TrainSettings, json.loads(sys.argv[1])), pathlib.Path(sys.argv[2]), Quiet())
"""


@pytest.mark.slow
def test_a_mesh_of_eight_devices_gives_the_metrics_of_one(kto_settings, quiet, compile_cache, tmp_path):
  """In a process of its own, because the number of devices is fixed when JAX starts."""
  run = kto_settings(accumulate=2, steps=3)
  run = dataclasses.replace(run, data=dataclasses.replace(run.data, batch_size=16, packing_bins=16))
  folders = {name: tmp_path / name for name in ("one", "eight")}
  for folder in folders.values():
    folder.mkdir()
  train.run_train(run, folders["one"], quiet())
  run = dataclasses.replace(run, mesh=train.MeshSettings(data=2, fsdp=2, tensor=2))
  environment = os.environ | compile_cache | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8",
                                              "JAX_PLATFORMS": "cpu"}
  code = ON_EIGHT_DEVICES, json.dumps(settings_lib.to_dict(run)), str(folders["eight"])
  done = subprocess.run([sys.executable, "-c", *code], env=environment, cwd=pathlib.Path(__file__).parents[2],
                        capture_output=True, text=True, timeout=600)
  assert done.returncode == 0, done.stderr[-3000:]
  one, eight = ([json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
                for folder in folders.values())
  assert len(one) == len(eight) == 5
  for a, b in zip(one, eight, strict=True):
    for name in set(a) & {"loss", "kl", "reward_desirable", "reward_undesirable", "accuracy", "validation_loss"}:
      np.testing.assert_allclose(b[name], a[name], rtol=1e-4, atol=1e-4, err_msg=f"step {a['step']}: {name}")


@pytest.mark.parametrize("changes, words", [
    ({"objective": "kto"}, "kto.desirable is .'improved',., expected some, not all, of data.labels .'improved',."),
    ({"objective": "kto", "kto": {"desirable": ("no_change",)}}, "kto.desirable is .'no_change'"),
    ({"kto": {"beta": 0.2}}, "kto is set and objective is 'sft'"),
    ({"objective": "kto", "kto": {"beta": 0.0}}, "kto.beta is 0.0"),
])
def test_impossible_settings_name_the_key(settings, changes, words):
  with pytest.raises(ConfigError, match=words):
    settings(**changes)


def test_the_abstract_batch_is_the_real_one(kto_settings, tiny, folder):
  """What a plan compiles for is what a run feeds."""
  from eft_jax.train import mesh
  settings = kto_settings(accumulate=2)
  examples = batches.tokenize(finch.read(folder / "dataset", "train"), tiny[2], settings.data)
  devices = mesh.make(settings.mesh, jax.devices()[:1])
  values = np.zeros(len(examples) + 1, np.float32)
  streams = [batches.stream(examples, settings.data, 0) for _ in range(2)]
  real = mesh.place(devices, next(feeds.Paired(*streams, feeds.Tables(values, values, values))), 2)
  shape = lambda x: (x.shape, x.dtype, x.sharding)
  assert jax.tree.map(shape, step.design(settings, tiny[0], 4, devices).batch) == jax.tree.map(shape, real)
