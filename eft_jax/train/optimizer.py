"""Optax's optimizers over stacked parameters: each layer is updated as if its arrays were leaves of their own.

Kinds, schedules, clipping; which parameters are trained, which decay, which Muon takes, all by path.
"""

from __future__ import annotations

import re
from typing import Any

import jax
import optax
import optax.contrib
from jax.sharding import AxisType, NamedSharding

from eft_jax.core.settings import ConfigError
from eft_jax.train.settings import OptimizerSettings


def path_name(path: tuple[Any, ...]) -> str:
  """'layers/0/mlp/up/kernel' of a tree path."""
  return jax.tree_util.keystr(path, simple=True, separator="/")


def schedule(settings: OptimizerSettings, steps: int) -> optax.Schedule:
  """Learning rate by step: linear rise over warmup_steps, then the named shape down to the last of `steps`."""
  peak, end = settings.learning_rate, settings.learning_rate * settings.final_fraction
  rest = max(1, steps - settings.warmup_steps)
  shape = {"constant": lambda: optax.constant_schedule(peak),
           "cosine": lambda: optax.cosine_decay_schedule(peak, rest, alpha=settings.final_fraction),
           "linear": lambda: optax.linear_schedule(peak, end, rest)}[settings.schedule]()
  if not settings.warmup_steps:
    return shape
  # From 1/warmup_steps of the peak: a first step at rate 0 would be thrown away.
  rise = optax.linear_schedule(peak / settings.warmup_steps, peak, max(1, settings.warmup_steps - 1))
  return optax.join_schedules([rise, shape], [settings.warmup_steps])


def decays(params: Any) -> Any:
  """Which parameters weight decay acts on: matrices; not the norms' scales, nor rates and biases of gated delta."""
  spared = ("scale", "bias", "log_rate")
  return jax.tree_util.tree_map_with_path(lambda path, _: not path_name(path).endswith(spared), params)


def labels(params: Any) -> Any:
  """'muon' for the kernels inside layers, 'adamw' for all else: embeddings, head, norms, convolution taps."""
  def one(path: tuple[Any, ...], _: Any) -> str:
    return "muon" if _stacked(path) and path_name(path).endswith("kernel") else "adamw"
  return jax.tree_util.tree_map_with_path(one, params)


def _stacked(path: tuple[Any, ...]) -> bool:
  """Whether a parameter has layers in front."""
  return "layers" in path_name(path).split("/")


def make(settings: OptimizerSettings, rate: optax.Schedule) -> optax.GradientTransformation:
  """Clipping by global norm, then the optimizer of `settings.kind`.

  In every kind weight decay shrinks by learning rate x weight_decay x parameter, whatever optax's own order is.
  """
  clip = [optax.clip_by_global_norm(settings.clip_norm)] if settings.clip_norm else []
  kinds = {"adamw": _adamw, "adafactor": _adafactor, "muon": _muon}
  return optax.chain(*clip, kinds[settings.kind](settings, rate))


def _adamw(settings: OptimizerSettings, rate: optax.Schedule) -> optax.GradientTransformation:
  return optax.adamw(rate, b1=settings.b1, b2=settings.b2, eps=settings.epsilon, weight_decay=settings.weight_decay,
                     mask=decays)


# Sides of a matrix from which its second moments are factored. The two longest axes are, which are never the layers.
FACTORED_FROM = 128


def _adafactor(settings: OptimizerSettings, rate: optax.Schedule) -> optax.GradientTransformation:
  """Adafactor (arXiv:1804.04235, algorithm 4) out of the parts of optax.adafactor, two of which work per array."""
  clip = [_per_layer(optax.clip_by_block_rms(settings.update_clip))] if settings.update_clip else []
  relative = [_per_layer(optax.scale_by_param_block_rms())] if settings.relative_steps else []
  return optax.chain(
      optax.scale_by_factored_rms(decay_rate=settings.decay_exponent, min_dim_size_to_factor=FACTORED_FROM), *clip,
      *relative, optax.add_decayed_weights(settings.weight_decay, decays), optax.scale_by_learning_rate(rate))


def _per_layer(transform: optax.GradientTransformation) -> optax.GradientTransformation:
  """A transform without state that works array by array, with every layer of a stack as an array of its own."""
  def update(updates: Any, state: Any, params: Any) -> tuple[Any, Any]:
    one = lambda update, param: transform.update(update, optax.EmptyState(), param)[0]
    return jax.tree_util.tree_map_with_path(
        lambda path, *pair: (jax.vmap(one) if _stacked(path) else one)(*pair), updates, params), state
  return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _muon(settings: OptimizerSettings, rate: optax.Schedule) -> optax.GradientTransformation:
  """Muon for the kernels of layers, the others as in `_adamw`: optax.contrib.muon's own fallback is Nadam, unmasked."""
  # Kernels are [layers, inputs, outputs]; the axis that is not named is one of separate matrices.
  numbers = lambda kernels: jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(-2, -1), kernels)
  muon = optax.contrib.muon(
      rate, ns_steps=settings.newton_schulz_steps, beta=settings.momentum, weight_decay=settings.weight_decay,
      consistent_rms=settings.update_rms or None, muon_weight_dimension_numbers=numbers)
  return optax.partition({"muon": muon, "adamw": _adamw(settings, rate)}, labels)


def split(params: Any, frozen: tuple[str, ...]) -> tuple[Any, Any]:
  """(trained, frozen) parameters; each has None where the other has an array, so that `join` puts them together.

  Raises:
    ConfigError: a pattern that matches no parameter, or nothing left to train.
  """
  names = [path_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
  for pattern in frozen:
    if not any(re.match(pattern, name) for name in names):
      raise ConfigError(f"frozen has {pattern!r}, which matches no parameter; there are {', '.join(names)}.")
  is_frozen = lambda path: any(re.match(pattern, path_name(path)) for pattern in frozen)
  pick = lambda wanted: jax.tree_util.tree_map_with_path(lambda p, x: x if is_frozen(p) == wanted else None, params)
  if all(is_frozen(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)):
    raise ConfigError(f"frozen is {frozen!r}: that leaves nothing to train.")
  return pick(False), pick(True)


def join(trained: Any, frozen: Any) -> Any:
  """The inverse of `split`."""
  return jax.tree.map(lambda a, b: b if a is None else a, trained, frozen, is_leaf=lambda x: x is None)


def state_shardings(optimizer: optax.GradientTransformation, params: Any, shardings: Any,
                    other: NamedSharding) -> Any:
  """Shardings of the optimizer state: moments as their parameters, without an axis where it is averaged away.

  Args:
    params: arrays or their shapes.
    other: of counters.
  """
  # JAX knows: with explicit axes the type of every array that `init` makes says how it is divided.
  mesh = other.mesh.abstract_mesh.update(axis_types=(AxisType.Explicit,) * len(other.mesh.axis_names))
  explicit = lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=NamedSharding(mesh, place.spec))
  typed = jax.tree.map(explicit, params, shardings)
  with jax.sharding.use_abstract_mesh(mesh):
    state = jax.eval_shape(optimizer.init, typed)
  return jax.tree.map(lambda x: NamedSharding(other.mesh, x.sharding.spec) if x.sharding else other, state)
