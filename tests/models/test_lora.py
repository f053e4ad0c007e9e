"""LoRA: unchanged at first, applied equals merged, only adapters get gradients, and no kernel gradient is computed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models
from eft_jax.core.settings import ConfigError


@pytest.fixture(scope="module")
def adapted(model):
  """Adapters with both factors random."""
  adapters = models.lora.init(model.config, model.params, 4, jax.random.key(1), alpha=8)
  leaves, treedef = jax.tree.flatten(adapters)
  keys = jax.random.split(jax.random.key(2), len(leaves))
  return jax.tree.unflatten(treedef, [0.1 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)])


@functools.partial(jax.jit, static_argnums=0)
def logits(config, params, batch):
  return models.logits(config, params, models.hidden(config, params, *batch))


def test_fresh_adapters_change_nothing(model, pack):
  batch = pack([9, 7], 16)
  adapters = models.lora.init(model.config, model.params, 4, jax.random.key(1))
  np.testing.assert_array_equal(logits(model.config, models.lora.apply(model.params, adapters), batch),
                                logits(model.config, model.params, batch))


def test_all_linear_layers_and_the_head_are_adapted(model):
  adapters = models.lora.init(model.config, model.params, 32, jax.random.key(1))
  adapted = {jax.tree_util.keystr(path[1:-1]) for path, _ in jax.tree_util.tree_leaves_with_path(adapters)}
  kernels = {jax.tree_util.keystr(path[:-1]) for path, _ in jax.tree_util.tree_leaves_with_path(model.params)
             if "kernel" in jax.tree_util.keystr(path)}
  assert adapted == kernels | {"['head']"}
  some = models.lora.init(model.config, model.params, 4, jax.random.key(1), targets=("q", "v"))
  place = str(next(i for i, kind in enumerate(model.config.pattern) if kind != "delta"))
  assert some.tree.keys() == {"layers"} and some.tree["layers"].keys() >= {place}
  assert some.tree["layers"][place]["attention"].keys() == {"q", "v"}


def test_applied_equals_merged(model, adapted, pack, assert_close):
  batch = pack([9, 7], 16)
  expected = logits(model.config, models.lora.merge(model.params, adapted), batch)
  applied = models.lora.apply(model.params, adapted)
  assert_close(logits(model.config, applied, batch), expected, 3e-5)
  assert np.max(np.abs(expected - logits(model.config, model.params, batch))) > 0.1
  score = jax.jit(lambda params: models.token_logprobs(
      model.config, params, models.hidden(model.config, params, *batch), jnp.roll(batch[0], -1, axis=1), chunk=5))
  assert_close(score(applied), score(models.lora.merge(model.params, adapted)), 3e-5)


def test_applied_decodes_like_merged(model, adapted, assert_close):
  tokens = jnp.arange(6)[None] + 3
  @jax.jit
  def run(params):
    params = models.unstack(model.config, params)
    cache = models.init_cache(model.config, 1, 8)
    hidden, _ = models.decode(model.config, params, cache, tokens, jnp.arange(6)[None])
    return models.logits(model.config, params, hidden)
  assert_close(run(models.lora.apply(model.params, adapted)), run(models.lora.merge(model.params, adapted)))


def test_merging_an_adapted_tied_head_makes_a_head(tiny, assert_close):
  adapters = models.lora.init(tiny.config, tiny.params, 2, jax.random.key(1))
  merged = models.lora.merge(tiny.params, adapters)
  assert_close(merged["head"]["kernel"], tiny.params["embed"]["table"].T)
  layers_only = models.lora.init(tiny.config, tiny.params, 2, jax.random.key(1), targets=("q", "down"))
  jax.tree.map(np.testing.assert_array_equal, models.lora.merge(tiny.params, layers_only), tiny.params)


def loss_of(config, batch, targets):
  def loss(params):
    hidden = models.hidden(config, params, *batch, remat="dots_attention")
    return -jnp.sum(models.token_logprobs(config, params, hidden, targets, chunk=16))
  return loss


def test_gradients_are_those_of_the_merged_model(model, adapted, pack, assert_close):
  """d/da and d/db by the chain rule from the full gradient of W + scale a b."""
  batch = pack([9, 7], 16)
  loss = loss_of(model.config, batch, jnp.roll(batch[0], -1, axis=1))
  grads = jax.jit(jax.grad(lambda adapters: loss(models.lora.apply(model.params, adapters))))(adapted)
  full = jax.jit(jax.grad(loss))(models.lora.merge(model.params, adapted))
  down = grads.tree["layers"]["0"]["mlp"]["down"]
  pair, scale = adapted.tree["layers"]["0"]["mlp"]["down"], 8 / 4
  kernel = full["layers"]["0"]["mlp"]["down"]["kernel"]
  assert_close(down["lora_a"], scale * kernel @ jnp.swapaxes(pair["lora_b"], 1, 2), 1e-4)
  assert_close(down["lora_b"], scale * jnp.swapaxes(pair["lora_a"], 1, 2) @ kernel, 1e-4)
  head = adapted.tree["head"]
  assert_close(grads.tree["head"]["lora_a"], scale * full["head"]["kernel"] @ head["lora_b"].T, 1e-4)


def test_no_gradient_of_a_kernel_is_computed(pack):
  """Counted FLOPs: a third of full training's goes into weight gradients, and adapters leave that third out."""
  config = models.tiny(models.PRESETS["smollm2_135m"], model_dim=96, hidden_dim=192, num_layers=2, vocab_size=500)
  params = models.init(config, jax.random.key(0))
  batch = pack([64], 64)
  loss = loss_of(config, batch, jnp.roll(batch[0], -1, axis=1))
  adapters = models.lora.init(config, params, 1, jax.random.key(1))
  flops = lambda function, argument: jax.jit(jax.grad(function)).lower(argument).compile().cost_analysis()["flops"]
  ours = flops(lambda adapters: loss(models.lora.apply(params, adapters)), adapters)
  assert ours < 0.8 * flops(loss, params)


@pytest.mark.parametrize("options, message", [
    ({"rank": 0}, "rank is 0"), ({"rank": 2, "targets": ("q", "query")}, "targets query are unknown")])
def test_bad_options_are_refused(tiny, options, message):
  with pytest.raises(ConfigError, match=message):
    models.lora.init(tiny.config, tiny.params, key=jax.random.key(0), **options)


def test_unstacked_params_are_refused(tiny):
  with pytest.raises(ConfigError, match="adapt first, then unstack"):
    models.lora.init(tiny.config, models.unstack(tiny.config, tiny.params), 2, jax.random.key(0))
