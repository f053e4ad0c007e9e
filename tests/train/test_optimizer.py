"""Schedules, weight decay and frozen parameters do what their settings say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax.core.settings import ConfigError
from eft_jax.train import OptimizerSettings, optimizer


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
