"""The training step, designed from shapes alone and then placed: a pure function of (state, frozen, batch), sharded."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from eft_jax import models
from eft_jax.train import mesh as mesh_lib
from eft_jax.train import objectives
from eft_jax.train import optimizer as optimizer_lib
from eft_jax.train.batches import TOKEN_FIELDS, Batch
from eft_jax.train.kto import Kto
from eft_jax.train.settings import TrainSettings

OBJECTIVES = {"sft": lambda settings: objectives.Sft(), "kto": lambda settings: Kto(settings.kto)}


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
class Design:
  """One run's step: its functions, and shape, dtype and place of all that they take. Nothing is allocated.

  Attributes:
    train: (state, frozen, batch [A, B, T]) -> (state, metrics); the old state's memory is reused.
    evaluate: (trainable, frozen, batch [1, B, T]) -> objectives.Sums.
    score: (trainable, frozen, Batch [1, B, T]) -> [B, S], log p of each example's target tokens.
    logprobs: (trainable, frozen, Batch [1, B, T]) -> [B, T], log p of each target token, where it stands.
    assemble: (trainable, frozen) -> params that the model takes.
    start: params, float32 and not usable afterwards because their memory is handed over -> (fresh state, frozen);
      what is frozen needs no master copy and is kept in the compute dtype.
    state, frozen, batch: jax.ShapeDtypeStruct with shardings in place of arrays; `batch` has its A parts in front.
  """

  train: Callable[[State, Any, Any], tuple[State, dict[str, jax.Array]]]
  evaluate: Callable[[Any, Any, Any], objectives.Sums]
  score: Callable[[Any, Any, Batch], jax.Array]
  logprobs: Callable[[Any, Any, Batch], jax.Array]
  assemble: Callable[[Any, Any], Any]
  start: Callable[[Any], tuple[State, Any]]
  state: State
  frozen: Any
  batch: Any


def design(settings: TrainSettings, config: models.ModelConfig, steps: int, mesh: Mesh, *,
           objective: objectives.Objective | None = None, temperature: float = 1.0) -> Design:
  """The step of a run on a mesh, whose devices need not exist.

  Args:
    steps: of the whole run, for the schedule.
    objective: what is minimised; None for the one that the settings name.
    temperature: divides the logits of all losses and log-probs, as when rollouts were sampled.

  Raises:
    ConfigError: sizes that the mesh does not divide, unknown LoRA targets, patterns that match nothing.
  """
  alone = mesh_lib.replicated(mesh)
  shardings = models.sharding.param_shardings(config, mesh)
  params = _placed(models.abstract(config), shardings)
  if settings.lora.rank:
    lora = settings.lora
    adapters = lambda: models.lora.init(config, params, lora.rank, jax.random.key(settings.seed), lora.alpha or None,
                                        targets=lora.targets or models.lora.TARGETS)
    shapes = jax.eval_shape(adapters)
    trainable, frozen = _placed(shapes, jax.tree.map(lambda _: alone, shapes)), params
    divide = lambda params: (adapters(), params)
    assemble = lambda adapters, base: models.lora.apply(base, adapters)
  else:
    divide = lambda params: optimizer_lib.split(params, settings.frozen)
    trainable, frozen = divide(params)
    assemble = optimizer_lib.join
  dtype = jnp.dtype(settings.compute_dtype)
  frozen = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, dtype, sharding=x.sharding), frozen)
  rate = optimizer_lib.schedule(settings.optimizer, steps)
  optimizer = optimizer_lib.make(settings.optimizer, rate)
  places = lambda tree: jax.tree.map(lambda x: x.sharding, tree)
  moments_shardings = optimizer_lib.state_shardings(optimizer, trainable, places(trainable), alone)
  moments = _placed(jax.eval_shape(optimizer.init, trainable), moments_shardings)
  abstract = State(jax.ShapeDtypeStruct((), jnp.int32, sharding=alone), trainable, moments)
  objective = objective or OBJECTIVES[settings.objective](settings)
  forward = objectives.Forward(config, dtype, settings.remat, settings.logprob_chunk, settings.attention,
                               packed=settings.data.packing != "none", z_loss=settings.z_loss,
                               temperature=temperature)

  def start(params: Any) -> tuple[State, Any]:
    trained, kept = divide(params)
    trained = mesh_lib.spread(trained, places(trainable))
    moments = jax.jit(optimizer.init, out_shardings=moments_shardings)(trained)
    kept = mesh_lib.spread(jax.tree.map(lambda x: x.astype(dtype), kept), places(frozen))
    return State(mesh_lib.spread(np.zeros((), np.int32), alone), trained, moments), kept

  def train(state: State, frozen: Any, batches: Any) -> tuple[State, dict[str, jax.Array]]:
    sums, grads = objectives.value_and_grad(objective, forward, state.trainable, lambda t: assemble(t, frozen), batches)
    updates, moments = optimizer.update(grads, state.moments, state.trainable)
    rows = objective.rows(batches)
    metrics = objectives.means(sums) | {
        "grad_norm": optax.tree.norm(grads), "learning_rate": rate(state.step),
        "tokens": jnp.sum(rows.segment_ids > 0, dtype=jnp.int32)}
    return State(state.step + 1, optax.apply_updates(state.trainable, updates), moments), metrics

  def evaluate(trainable: Any, frozen: Any, batch: Any) -> objectives.Sums:
    params = assemble(trainable, frozen)
    plain = forward._replace(z_loss=0.0)
    context = objective.context(plain, params, batch)
    return objective.sums(plain, params, jax.tree.map(lambda x: x[0], batch), context)

  def score(trainable: Any, frozen: Any, batch: Batch) -> jax.Array:
    return objectives.segment_logprobs(forward, assemble(trainable, frozen), jax.tree.map(lambda x: x[0], batch))

  def logprobs(trainable: Any, frozen: Any, batch: Batch) -> jax.Array:
    return objectives.token_logprobs(forward, assemble(trainable, frozen), jax.tree.map(lambda x: x[0], batch))

  jit = functools.partial(jax.jit, compiler_options=mesh_lib.compiler_options(mesh))
  compiled = jit(train, donate_argnums=0, out_shardings=(places(abstract), alone))
  return Design(compiled, jit(evaluate, out_shardings=alone), jit(score, out_shardings=alone),
                jit(logprobs, out_shardings=alone), assemble, start, abstract, frozen,
                objective.shape(_rows(settings, mesh)))


def _placed(shapes: Any, shardings: Any) -> Any:
  """Shapes with their places."""
  return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), shapes, shardings)


def _rows(settings: TrainSettings, mesh: Mesh) -> Batch:
  """Shape of one step's packed rows [A, B, T]."""
  rows = settings.accumulate, settings.data.batch_size // settings.accumulate
  one = lambda dtype, last, name="": jax.ShapeDtypeStruct(
      (*rows, last), dtype, sharding=mesh_lib.batch_sharding(mesh, name))
  tokens = [one(jnp.bool_ if name == "loss_mask" else jnp.int32, settings.data.row_length, name)
            for name in TOKEN_FIELDS]
  return Batch(*tokens, one(jnp.int32, settings.data.row_segments))
