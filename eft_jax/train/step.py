"""The compiled training step: a pure function of (state, frozen parameters, batch), donated and sharded."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from eft_jax import models
from eft_jax.train import mesh as mesh_lib
from eft_jax.train import objectives
from eft_jax.train import optimizer as optimizer_lib
from eft_jax.train.batches import Batch
from eft_jax.train.settings import TrainSettings


@functools.partial(jax.tree_util.register_dataclass, data_fields=["step", "trainable", "moments"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class State:
  """What an update changes.

  Attributes:
    step: updates made, int32.
    trainable: what is trained, float32: parameters with None in place of frozen ones, or LoRA adapters.
    moments: the optimizer's state.
  """

  step: jax.Array
  trainable: Any
  moments: Any


@dataclasses.dataclass(frozen=True)
class Trainer:
  """The compiled functions of one run.

  Attributes:
    train: (state, frozen, Batch [A, B, T]) -> (state, metrics); the old state's memory is reused.
    evaluate: (trainable, frozen, Batch [1, B, T]) -> (sum of -log p, target tokens).
    assemble: (trainable, frozen) -> params that the model takes.
  """

  train: Callable[[State, Any, Batch], tuple[State, dict[str, jax.Array]]]
  evaluate: Callable[[Any, Any, Batch], tuple[jax.Array, jax.Array]]
  assemble: Callable[[Any, Any], Any]


def build(settings: TrainSettings, config: models.ModelConfig, params: Any, steps: int,
          mesh: Mesh) -> tuple[Trainer, State, Any]:
  """(compiled functions, fresh state, frozen parameters), placed on the mesh.

  Args:
    params: of the model, float32; not usable afterwards, because their memory is handed over.
    steps: of the whole run, for the schedule.

  Raises:
    ConfigError: sizes that the mesh does not divide, unknown LoRA targets, patterns that match nothing.
  """
  shardings = models.sharding.param_shardings(config, mesh)
  params = jax.device_put(params, shardings)
  alone = mesh_lib.replicated(mesh)
  if settings.lora.rank:
    lora = settings.lora
    trainable = models.lora.init(config, params, lora.rank, jax.random.key(settings.seed), lora.alpha or None,
                                 targets=lora.targets or models.lora.TARGETS)
    trainable = jax.device_put(trainable, alone)
    trained_shardings, frozen = jax.tree.map(lambda _: alone, trainable), params
    assemble = lambda adapters, base: models.lora.apply(base, adapters)
  else:
    trainable, frozen = optimizer_lib.split(params, settings.frozen)
    trained_shardings, _ = optimizer_lib.split(shardings, settings.frozen)
    assemble = optimizer_lib.join
  rate = optimizer_lib.schedule(settings.optimizer, steps)
  optimizer = optimizer_lib.make(settings.optimizer, rate)
  moments_shardings = optimizer_lib.state_shardings(optimizer, trainable, trained_shardings, alone)
  state_shardings = State(alone, trained_shardings, moments_shardings)
  moments = jax.jit(optimizer.init, out_shardings=moments_shardings)(trainable)
  state = State(jax.device_put(jnp.zeros((), jnp.int32), alone), trainable, moments)
  forward = objectives.Forward(config, jnp.dtype(settings.compute_dtype), settings.remat, settings.logprob_chunk)

  def train(state: State, frozen: Any, batches: Batch) -> tuple[State, dict[str, jax.Array]]:
    loss, count, grads = objectives.value_and_grad(forward, state.trainable, lambda t: assemble(t, frozen), batches)
    updates, moments = optimizer.update(grads, state.moments, state.trainable)
    metrics = {"loss": loss, "grad_norm": optax.tree.norm(grads), "learning_rate": rate(state.step),
               "loss_tokens": count, "tokens": jnp.sum(batches.segment_ids > 0, dtype=jnp.int32)}
    return State(state.step + 1, optax.apply_updates(state.trainable, updates), moments), metrics

  def evaluate(trainable: Any, frozen: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
    return objectives.sft(forward, assemble(trainable, frozen), jax.tree.map(lambda x: x[0], batch))

  compiled = jax.jit(train, donate_argnums=0, out_shardings=(state_shardings, alone))
  return Trainer(compiled, jax.jit(evaluate, out_shardings=alone), assemble), state, frozen
