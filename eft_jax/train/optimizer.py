"""AdamW with warm-up, decay schedule and clipping; which parameters are trained, and which of them decay, by path."""

from __future__ import annotations

import re
from typing import Any

import jax
import optax
from jax.sharding import NamedSharding

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
  """Which parameters weight decay acts on: all but the norms' scales."""
  return jax.tree_util.tree_map_with_path(lambda path, _: not path_name(path).endswith("scale"), params)


def make(settings: OptimizerSettings, rate: optax.Schedule) -> optax.GradientTransformation:
  """Clipping by global norm, then AdamW."""
  clip = [optax.clip_by_global_norm(settings.clip_norm)] if settings.clip_norm else []
  adamw = optax.adamw(rate, b1=settings.b1, b2=settings.b2, eps=settings.epsilon, weight_decay=settings.weight_decay,
                      mask=decays)
  return optax.chain(*clip, adamw)


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
  """Shardings of the optimizer state: moments as their parameters, counters `other`."""
  abstract = jax.eval_shape(optimizer.init, params)
  return optax.tree_utils.tree_map_params(optimizer, lambda _, sharding: sharding, abstract, shardings,
                                          transform_non_params=lambda _: other)
