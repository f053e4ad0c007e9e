"""The training loop, in reading order: data, model, state, resume, steps, last checkpoint, export."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from eft_jax import finch, models
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError
from eft_jax.text import Tokenizer
from eft_jax.train import accelerators, batches, feeds, mesh, metrics, observe, plan, signals, step
from eft_jax.train.checkpoint import Checkpoints
from eft_jax.train.settings import TrainSettings


class NonFiniteLoss(FloatingPointError):
  """A loss or gradient became NaN or infinite; the message names the step and its examples."""


def run_train(settings: TrainSettings, workdir: pathlib.Path, progress: Any) -> dict[str, Any]:
  """Trains a model on a data set; the same call continues a stopped run to the bit.

  Writes below workdir: checkpoints/, metrics.jsonl, and tensorboard/, wandb/, profile/, export/, adapter/ where
  settings say so. With several processes all call this; the first one writes, and alone has results.

  Returns:
    steps, loss_first, loss_last, validation_loss_first, validation_loss_last, packing, counts of the data, and of the
    steps made by this call: tokens_per_second, step_times, memory_bytes, and mfu where it is known.

  Raises:
    ConfigError: bad data set, model, or combination of sizes.
    NonFiniteLoss: names the step and its examples; checkpoints before it stand.
    OSError: a checkpoint could not be written; those before it stand.
  """
  if settings.plan_only:
    return plan.run(settings, progress)
  data = load_data(settings, progress.say)
  steps = settings.steps or max(1, round(settings.epochs * data.rows_per_epoch / settings.data.batch_size))
  devices = mesh.make(settings.mesh)
  accelerators.compare(settings.accelerator, devices.devices.flat, progress.say)
  mesh.check_batch(devices, settings.data.batch_size, settings.accumulate, settings.data.row_length)
  progress.say(f"{data.summary()}; {steps} steps of {settings.data.batch_size} x {settings.data.row_length} tokens on "
               f"{devices.size} {jax.default_backend()} devices")
  with jax.set_mesh(devices):
    # No name here for the weights: a copy on the host would live as long as the run.
    run = Run(settings, workdir, progress, data, load_model(settings), steps, devices)
    with contextlib.closing(run):
      run.resume()
      run.train()
      return run.finish()


@dataclasses.dataclass(frozen=True)
class Data:
  """Tokenized rows of both splits."""

  train: batches.Examples
  validation: batches.Examples
  rows_per_epoch: int  # packed

  def summary(self) -> str:
    left_out = f", left out: {self.train.dropped}" if self.train.dropped else ""
    return (f"{len(self.train)} examples, {self.train.total_tokens} tokens ({self.train.loss_tokens} to learn), "
            f"{self.rows_per_epoch} packed rows{left_out}; {len(self.validation)} examples kept apart")


def load_data(settings: TrainSettings, say: Callable[[str], None]) -> Data:
  """Reads and tokenizes both splits; only the first of several processes needs to say so."""
  if not settings.data.path:
    raise ConfigError("config.data.path is empty: give a data set made by launch/build_dataset.py.")
  splits = finch.manifest(settings.data.path)["splits"]
  if "train" not in splits:
    raise ConfigError(f"Data set {settings.data.path} has no split 'train', only {', '.join(splits)}.")
  tokenizer = Tokenizer.load(settings.model)
  say(f"tokenizing {sum(splits.values())} rows")
  tokenized = {split: batches.tokenize(finch.read(settings.data.path, split), tokenizer, settings.data)
               for split in splits}
  batches.check(tokenized["train"], "train")
  rows = batches.count_rows(tokenized["train"], settings.data, settings.seed)
  return Data(tokenized["train"], tokenized.get("validation", batches.Examples([], [], {})), rows)


def load_model(settings: TrainSettings) -> models.Loaded:
  """Loads the weights in float32, to host memory: one device may not hold them all.

  Raises:
    ConfigError: no such model, files that do not fit together, or rows longer than the model's positions.
  """
  loaded = models.load(settings.model, dtype=jnp.float32, host=True)
  if settings.data.row_length > loaded.config.max_length:
    raise ConfigError(f"data.row_length is {settings.data.row_length}, model {settings.model} was made for "
                      f"{loaded.config.max_length} positions.")
  return loaded


class Dispatched(NamedTuple):
  """A step under way: its number, coming metrics, the examples [B, S] of its batch, the vote to stop after it."""

  step: int
  out: dict[str, jax.Array]
  examples: np.ndarray
  votes: jax.Array | None


class Run:
  """One run's state and what it writes to."""

  def __init__(self, settings: TrainSettings, workdir: pathlib.Path, progress: Any, data: Data, loaded: models.Loaded,
               steps: int, devices: Mesh):
    self.settings, self.workdir, self.progress, self.data = settings, workdir, progress, data
    self.config, self.steps, self.mesh = loaded.config, steps, devices
    self.trainer = step.design(settings, loaded.config, steps, devices)
    self.state, self.frozen = self.trainer.start(loaded.params)
    self.stream, self.apart = feeds.make(settings, data.train, data.validation, steps, self.score, workdir,
                                         progress.say)
    self.checkpoints = Checkpoints(workdir / "checkpoints", settings.checkpoint.keep)
    self.trained = sum(x.size for x in jax.tree.leaves(self.state.trainable))
    lengths = [len(tokens) for tokens in data.train.tokens]
    self.speed = observe.speed(settings, loaded.config, lengths, self.trained, devices)
    self.step, self.clock = 0, observe.Clock()

  def resume(self) -> None:
    """Goes to the newest checkpoint, if there is one, and opens the metrics there."""
    found = self.checkpoints.restore(self.state, self.progress.say, needed=("step", "stream"))
    if found is not None:
      self.state, extra = found
      self.step = extra["step"]
      self.stream.set_state(extra["stream"])
      self.progress.say(f"resumed at step {self.step} of {self.steps}")
    self.metrics = metrics.Writer(self.workdir, self.step, self.settings.tensorboard, self.settings.wandb,
                                  settings_lib.to_dict(self.settings))

  def train(self) -> None:
    """Steps up to the last, with validation before, after and in between."""
    every, evaluate_every = self.settings.checkpoint.every, self.settings.evaluate_every
    if not self.step:
      self.validate()
    profile = observe.Profile(self.workdir / "profile", self.settings.profile, self.steps - self.step)
    stopping = signals.Stopping(self.mesh)
    with stopping.deferring(), contextlib.closing(profile):
      pending = None  # the step before, whose numbers are read while this one computes
      self.clock.lap()
      while self.step < self.steps:
        with self.clock("data"):
          batch = next(self.stream)
          placed = mesh.place(self.mesh, batch, self.settings.accumulate)
        with profile.step(self.step):
          self.state, out = self.trainer.train(self.state, self.frozen, placed)
        self.step += 1
        if pending:
          self.record(pending, stopping)
        pending = Dispatched(self.step, out, feeds.rows(batch).examples, stopping.vote())
        stop, last = bool(stopping), self.step >= self.steps
        evaluate = last or (evaluate_every and self.step % evaluate_every == 0)
        save = last or stop or (every and self.step % every == 0)
        if evaluate or save:  # not before this step's loss is known to be finite
          self.record(pending, stopping)
          pending = None
          if evaluate:
            self.validate()
            self.clock.lap()
          if save:
            self.save()
        if profile.after(out):
          self.progress.say(f"profile of steps up to {self.step} in {self.workdir / 'profile'}")
        if stop:
          self.checkpoints.wait()
          stopping.act()

  def record(self, made: Dispatched, stopping: signals.Stopping) -> None:
    """Waits for a step, checks and writes its numbers."""
    self.checkpoints.check()
    with self.clock("device"):
      values = {name: value.item() for name, value in jax.device_get(made.out).items()}
      stopping.count(made.votes)
    if not (math.isfinite(values["loss"]) and math.isfinite(values["grad_norm"])):
      self.checkpoints.wait()
      raise NonFiniteLoss(f"Step {made.step} of {self.steps} has loss {values['loss']} and gradient norm "
                          f"{values['grad_norm']} on {self.names(made.examples)}. Lower optimizer.learning_rate or "
                          f"look at the data; newest checkpoint: {self.checkpoints.latest or 'none'}.")
    times = self.clock.lap()
    speed, memory = self.speed(values["tokens"], times), observe.memory_bytes()
    room = self.settings.data.batch_size * self.settings.data.row_length
    self.metrics(made.step, **values, packing=values["tokens"] / room, **times, **speed, memory_bytes=memory)
    self.progress(made.step, self.steps, "step", f"loss {values['loss']:.4f}  grad {values['grad_norm']:.2f}  "
                  f"lr {values['learning_rate']:.2e}  {observe.shown(speed, memory)}")

  def names(self, examples: np.ndarray, most: int = 8) -> str:
    """The examples of a batch, for a message."""
    found = [self.data.train.sources[index - 1].uid for index in np.unique(examples[examples > 0])]
    return f"{len(found)} examples: {', '.join(found[:most])}{' ...' if len(found) > most else ''}"

  def score(self, batch: batches.Batch) -> np.ndarray:
    """log p of each example's target tokens [B, S] under the parameters as they are."""
    return jax.device_get(self.trainer.score(self.state.trainable, self.frozen, mesh.place(self.mesh, batch)))

  def validate(self) -> None:
    """Means of the objective's sums over the rows kept apart."""
    totals: dict[str, np.ndarray] = {}
    for batch in self.apart:
      sums = self.trainer.evaluate(self.state.trainable, self.frozen, mesh.place(self.mesh, batch))
      for name, pair in jax.device_get(sums).items():
        totals[name] = totals.get(name, 0) + np.array(pair, np.float64)
    if not totals:
      return
    means = {name: float(total / max(count, 1)) for name, (total, count) in totals.items()}
    self.metrics(self.step, **{f"validation_{name}": mean for name, mean in means.items()})
    shown = "  ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    self.progress.say(f"step {self.step}: on rows kept apart {shown}")

  def save(self) -> None:
    """Begins a checkpoint of everything that the next step depends on."""
    with self.clock("checkpoint"):
      self.checkpoints.save(self.step, self.state, {"step": self.step, "stream": self.stream.get_state()})

  def finish(self) -> dict[str, Any]:
    """Exports and sums up; of several processes the first one has results."""
    results = self.export() if self.settings.export else {}
    self.checkpoints.wait()
    if jax.process_index():
      return {}
    events = metrics.read(self.workdir)
    losses = [event["loss"] for event in events if "loss" in event]
    apart = [event["validation_loss"] for event in events if "validation_loss" in event]
    tokens = sum(event["tokens"] for event in events if "tokens" in event)
    room = self.step * self.settings.data.batch_size * self.settings.data.row_length
    return results | {
        "steps": self.step, "loss_first": losses[0], "loss_last": losses[-1],
        "validation_loss_first": apart[0] if apart else None, "validation_loss_last": apart[-1] if apart else None,
        "tokens": tokens, "packing": tokens / room, **self.speed.mean(), "memory_bytes": observe.memory_bytes(),
        "examples": len(self.data.train), "left_out": self.data.train.dropped,
        "parameters": models.count_params(self.config),
        "trained_parameters": self.trained}

  def export(self) -> dict[str, str]:
    """Writes what other tools load; with several processes all gather and the first one writes."""
    params = self.state.trainable
    adapters = mesh.gather(params) if self.settings.lora.rank else None
    if self.settings.lora.rank:
      params = models.lora.merge(self.frozen, params)
    else:
      params = self.trainer.assemble(params, self.frozen)
    params = mesh.gather(jax.tree.map(lambda x: x.astype(self.settings.export_dtype), params))
    if jax.process_index():
      return {}
    results, tokenizer = {}, Tokenizer.load(self.settings.model)
    if adapters:
      path = models.export_peft(self.config, adapters, self.workdir / "adapter", self.settings.model, tokenizer)
      results["adapter"] = str(path)
    path = models.export_hf(self.config, params, self.workdir / "export", tokenizer)
    self.progress.say(f"exported to {path}")
    return results | {"export": str(path)}

  def close(self) -> None:
    with contextlib.suppress(OSError):  # only after another error, which is the one to show, was this not awaited
      self.checkpoints.close()
    if hasattr(self, "metrics"):
      self.metrics.close()
