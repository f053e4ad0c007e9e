"""Schedules, weight decay, frozen parameters and each kind of optimizer do what their settings say."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from eft_jax import finch, models
from eft_jax.core.settings import ConfigError
from eft_jax.train import MeshSettings, OptimizerSettings, batches, checkpoint, mesh, optimizer, step

KINDS = ("adamw", "adafactor", "muon")


@pytest.mark.parametrize("shape,middle,end", [("constant", 1.0, 1.0), ("cosine", 0.55, 0.1), ("linear", 0.55, 0.1)])
def test_schedule(shape, middle, end):
  rate = optimizer.schedule(OptimizerSettings(2.0, shape, warmup_steps=4), 104)
  values = [float(rate(step)) / 2.0 for step in range(105)]
  np.testing.assert_allclose(values[:5], [0.25, 0.5, 0.75, 1.0, 1.0], rtol=1e-6)
  np.testing.assert_allclose([values[54], values[104]], [middle, end], rtol=1e-5)
  assert all(a >= b - 1e-7 for a, b in zip(values[4:], values[5:], strict=False))


def test_a_run_shorter_than_its_warm_up_has_a_schedule():
  rate = optimizer.schedule(OptimizerSettings(1.0, "cosine", warmup_steps=10), 3)
  assert 0 < float(rate(0)) < float(rate(2)) < 1
  assert float(optimizer.schedule(OptimizerSettings(1.0, warmup_steps=0), 5)(0)) == 1.0


def test_decay_spares_the_norms(tiny):
  mask = {optimizer.path_name(path): leaf for path, leaf in
          jax.tree_util.tree_leaves_with_path(optimizer.decays(tiny[1]))}
  assert mask["embed/table"] and mask["layers/0/mlp/up/kernel"]
  assert not mask["norm/scale"] and not mask["layers/0/attention_norm/scale"]
  delta = optimizer.decays(models.abstract(models.PRESETS["qwen3_5_2b"]))["layers"]["0"]["delta"]
  assert delta["conv"]["taps"] and delta["a"]["kernel"]
  assert not any(jax.tree.leaves((delta["decay"], delta["norm"])))
  params = {"kernel": jnp.ones(3), "scale": jnp.ones(3)}
  adamw = optimizer.make(OptimizerSettings(weight_decay=0.1), lambda step: 0.5)
  updates, _ = adamw.update(jax.tree.map(jnp.zeros_like, params), adamw.init(params), params)
  np.testing.assert_allclose(updates["kernel"], -0.05, rtol=1e-6)
  assert not updates["scale"].any()


def test_clipping_is_by_global_norm():
  """Adam divides the size of a constant gradient out again, so the moment is what shows it."""
  params = {"a": jnp.zeros(2)}
  for clip, expected in ((1.0, [0.06, 0.08]), (0.0, [3.0, 4.0])):
    adamw = optimizer.make(OptimizerSettings(clip_norm=clip, b1=0.9), lambda step: 1.0)
    _, state = adamw.update({"a": jnp.array([30.0, 40.0])}, adamw.init(params), params)
    moments = [x for x in jax.tree.leaves(state) if x.shape == (2,)]
    np.testing.assert_allclose(moments[0], expected, rtol=1e-5)


def test_split_and_join(tiny):
  _, params, _ = tiny
  trained, frozen = optimizer.split(params, ("embed", "layers/0/mlp"))
  assert frozen["embed"]["table"] is params["embed"]["table"] and trained["embed"]["table"] is None
  assert trained["layers"]["0"]["attention"]["q"]["kernel"] is not None
  joined = optimizer.join(trained, frozen)
  assert jax.tree.structure(joined) == jax.tree.structure(params)
  assert all(a is b for a, b in zip(jax.tree.leaves(joined), jax.tree.leaves(params), strict=True))
  with pytest.raises(ConfigError, match="'head', which matches no parameter; there are embed/table"):
    optimizer.split(params, ("head",))
  with pytest.raises(ConfigError, match="nothing to train"):
    optimizer.split(params, (".*",))


# --- the kinds --------------------------------------------------------------------------------------------------------

def stacked_params(key):
  """Two matrices in three layers with a longer and a shorter output, norms, an embedding; layers of unlike sizes."""
  shapes = {"layers": {"0": {"up": {"kernel": (3, 130, 190)}, "down": {"kernel": (3, 190, 130)}, "scale": (3, 130)}},
            "embed": {"table": (150, 130)}}
  leaves, treedef = jax.tree.flatten(shapes, is_leaf=lambda x: isinstance(x, tuple))
  keys = jax.random.split(key, len(leaves))
  size = lambda shape: jnp.arange(1.0, shape[0] + 1).reshape(-1, *[1] * (len(shape) - 1)) ** 2
  return jax.tree.unflatten(treedef, [jax.random.normal(key, shape) * size(shape) / 10
                                      for key, shape in zip(keys, leaves, strict=True)])


def torch_optimizers(torch, settings, kernels, others, scales):
  """Theirs with the same settings: a list, because none of theirs mixes kinds."""
  rate, decay = settings.learning_rate, settings.weight_decay
  adamw = lambda arrays, decay: torch.optim.AdamW(arrays, rate, (settings.b1, settings.b2), settings.epsilon, decay)
  if settings.kind == "adamw":
    return [adamw(kernels + others, decay), adamw(scales, 0.0)]
  if settings.kind == "adafactor":
    return [torch.optim.Adafactor(kernels + others, rate, weight_decay=decay), torch.optim.Adafactor(scales, rate)]
  muon = torch.optim.Muon(kernels, rate, decay, settings.momentum, ns_steps=settings.newton_schulz_steps,
                          adjust_lr_fn="match_rms_adamw" if settings.update_rms else "original")
  return [muon, adamw(others, decay), adamw(scales, 0.0)]


@pytest.mark.parametrize("options, steps", [
    ({"kind": "adamw"}, 3), ({"kind": "adafactor"}, 3),
    # One step of Muon: from the second on optax corrects the bias of the momentum's look-ahead, torch does not.
    ({"kind": "muon"}, 1), ({"kind": "muon", "update_rms": 0.0}, 1)])
def test_updates_of_stacks_are_torchs_of_single_layers(options, steps, monkeypatch):
  torch = pytest.importorskip("torch")
  monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)  # torch's Muon iterates in bfloat16
  settings = OptimizerSettings(learning_rate=1e-2, weight_decay=0.1, clip_norm=0.0, **options)
  params = start = stacked_params(jax.random.key(0))
  layers = params["layers"]["0"]
  leaf = lambda x: torch.nn.Parameter(torch.tensor(np.array(x)))
  # Their matrices are [outputs, inputs].
  theirs = {name: [leaf(x.T) for x in layers[name]["kernel"]] for name in ("up", "down")}
  scales, table = [leaf(x) for x in layers["scale"]], leaf(params["embed"]["table"])
  peers = torch_optimizers(torch, settings, theirs["up"] + theirs["down"], [table], scales)
  ours = optimizer.make(settings, lambda step: settings.learning_rate)
  state = ours.init(params)
  update = jax.jit(ours.update)
  for number in range(steps):
    grads = jax.tree.map(lambda x: x * 1e-2, stacked_params(jax.random.key(1 + number)))
    updates, state = update(grads, state, params)
    params = optax.apply_updates(params, updates)
    for name, arrays in theirs.items():
      for array, grad in zip(arrays, grads["layers"]["0"][name]["kernel"], strict=True):
        array.grad = torch.tensor(np.array(grad.T))
    for array, grad in zip([*scales, table], [*grads["layers"]["0"]["scale"], grads["embed"]["table"]], strict=True):
      array.grad = torch.tensor(np.array(grad))
    for peer in peers:
      peer.step()
  found = {"layers": {"0": {name: {"kernel": np.stack([x.detach().numpy().T for x in arrays])}
                            for name, arrays in theirs.items()} | {"scale": np.stack([x.detach() for x in scales])}},
           "embed": {"table": table.detach().numpy()}}
  moved = lambda new: jax.tree.map(lambda a, b: np.asarray(a) - np.asarray(b), new, start)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4 * np.abs(b).max()), moved(params), moved(found))


def test_adafactor_keeps_a_vector_per_side():
  params = models.abstract(models.PRESETS["smollm2_135m"])
  count = lambda tree: sum(x.size for x in jax.tree.leaves(tree))
  state = jax.eval_shape(optimizer.make(OptimizerSettings(kind="adafactor"), lambda step: 1e-3).init, params)
  assert count(state) < 0.01 * count(params)


def test_muon_takes_the_matrices_of_layers():
  kinds = lambda name: {optimizer.path_name(path): label for path, label in jax.tree_util.tree_leaves_with_path(
      optimizer.labels(models.abstract(models.PRESETS[name])))}
  assert {name for name, kind in kinds("qwen3_5_9b").items() if kind == "muon"} >= {
      "layers/0/delta/qkv/kernel", "layers/3/attention/q/kernel", "layers/3/mlp/down/kernel"}
  assert {name for name, kind in kinds("qwen3_5_9b").items() if kind == "adamw"} >= {
      "embed/table", "head/kernel", "norm/scale", "layers/0/delta/conv/taps", "layers/0/delta/decay/bias"}


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_divided_like_its_parameters(kind):
  """Every array of more than a few numbers: none of the state of a large model lies whole on every device."""
  where = jax.sharding.AbstractMesh((2, 2, 2, 1), mesh.AXES)
  config = models.PRESETS["gemma2_9b"]
  params, shardings = models.abstract(config), models.sharding.param_shardings(config, where)
  adapt = optimizer.make(OptimizerSettings(kind=kind), lambda step: 1e-3)
  found = optimizer.state_shardings(adapt, params, shardings, mesh.replicated(where))
  shapes = jax.eval_shape(adapt.init, params)
  assert jax.tree.structure(found) == jax.tree.structure(shapes)
  specs = {optimizer.path_name(path).split("/", 1)[1]: sharding.spec
           for path, sharding in jax.tree_util.tree_leaves_with_path(found)}
  P = jax.sharding.PartitionSpec
  expected = {
      "adamw": {"0/mu/layers/0/mlp/up/kernel": P(None, "fsdp", "tensor"), "0/nu/embed/table": P("tensor", "fsdp"),
                "0/count": P()},
      "adafactor": {"0/v_row/layers/0/mlp/up/kernel": P(None, "fsdp"), "0/v_col/embed/table": P("tensor"),
                    "0/v_col/layers/0/mlp/up/kernel": P(None, "tensor"), "0/v_row/embed/table": P("fsdp"),
                    "0/v/norm/scale": P(None)},
      "muon": {"inner_states/adamw/inner_state/0/mu/embed/table": P("tensor", "fsdp"),
               "inner_states/muon/inner_state/inner_states/muon/inner_state/0/mu/layers/0/attention/o/kernel":
                   P(None, "tensor", "fsdp")}}[kind]
  assert {name: specs[name] for name in expected} == expected


@pytest.mark.parametrize("changes, message", [
    ({"kind": "adafactor", "b2": 0.99}, "optimizer.b2 is 0.99, but optimizer.kind is 'adafactor'.*adamw or muon"),
    ({"momentum": 0.9}, "momentum is 0.9, but optimizer.kind is 'adamw'"),
    ({"kind": "muon", "relative_steps": False}, "relative_steps is False"),
    ({"kind": "muon", "newton_schulz_steps": 0}, "newton_schulz_steps is 0, expected at least 1")])
def test_keys_without_effect_are_refused(changes, message):
  with pytest.raises(ConfigError, match=message):
    OptimizerSettings(**changes)


def test_muon_of_adapters_is_refused(settings):
  with pytest.raises(ConfigError, match="lora.rank trains none"):
    settings(optimizer={"kind": "muon"}, lora={"rank": 4})


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_and_resumes_to_the_bit(kind, settings, tiny, folder, tmp_path, monkeypatch):
  monkeypatch.setattr(optimizer, "FACTORED_FROM", 8)
  config, params, tokenizer = tiny
  chosen = settings(optimizer={"kind": kind, "learning_rate": 3e-2 if kind == "adafactor" else 1e-2}, steps=8)
  examples = batches.tokenize(finch.read(folder / "dataset", "train"), tokenizer, chosen.data)
  where = mesh.make(MeshSettings(), jax.devices()[:1])
  stream = batches.stream(examples, chosen.data, chosen.seed)
  rows = [mesh.place(where, next(stream), 1) for _ in range(8)]
  saved = checkpoint.Checkpoints(tmp_path / "saved", 1)
  with jax.set_mesh(where):
    trainer = step.design(chosen, config, 8, where)
    state, frozen = trainer.start(jax.tree.map(jnp.array, params))
    losses = []
    for number, batch in enumerate(rows):
      if number == 4:
        saved.save(4, state, {})
      state, out = trainer.train(state, frozen, batch)
      losses.append(out["loss"].item())
    assert losses[-1] < 0.9 * losses[0]
    assert {x.dtype for x in jax.tree.leaves(state)} == {jnp.dtype("float32"), jnp.dtype("int32")}
    state, frozen = trainer.start(jax.tree.map(jnp.array, params))
    state, _ = saved.restore(state, print)
    again = []
    for batch in rows[4:]:
      state, out = trainer.train(state, frozen, batch)
      again.append(out["loss"].item())
  saved.close()
  assert again == losses[4:]
