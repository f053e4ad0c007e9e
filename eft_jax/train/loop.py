"""The training loop, in reading order: data, model, state, resume, steps, last checkpoint, export."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from eft_jax import finch, models
from eft_jax.core.settings import ConfigError
from eft_jax.text import Tokenizer
from eft_jax.train import batches, feeds, mesh, metrics, step
from eft_jax.train.checkpoint import Checkpoints
from eft_jax.train.settings import TrainSettings


class NonFiniteLoss(FloatingPointError):
  """A loss or gradient became NaN or infinite; the message names the step."""


def run_train(settings: TrainSettings, workdir: pathlib.Path, progress: Any) -> dict[str, Any]:
  """Trains a model on a data set; the same call continues a stopped run to the bit.

  Writes below workdir: checkpoints/, metrics.jsonl, tensorboard/, and export/ where settings say so.

  Returns:
    steps, loss_first, loss_last, validation_loss_first, validation_loss_last, tokens_per_second (of the steps made by
    this call), and counts of the data.

  Raises:
    ConfigError: bad data set, model, or combination of sizes.
    NonFiniteLoss: names the step; checkpoints before it stand.
  """
  data = load_data(settings, progress.say)
  loaded = load_model(settings)
  steps = settings.steps or max(1, round(settings.epochs * data.rows_per_epoch / settings.data.batch_size))
  devices = mesh.make(settings.mesh)
  mesh.check_batch(devices, settings.data.batch_size, settings.accumulate)
  progress.say(f"{data.summary()}; {steps} steps of {settings.data.batch_size} x {settings.data.row_length} tokens on "
               f"{devices.size} {jax.default_backend()} devices")
  with jax.set_mesh(devices):
    run = Run(settings, workdir, progress, data, loaded, steps, devices)
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
  tokenizer = Tokenizer.load(settings.model)
  say(f"tokenizing {sum(splits.values())} rows")
  tokenized = {split: batches.tokenize(finch.read(settings.data.path, split), tokenizer, settings.data)
               for split in splits}
  batches.check(tokenized["train"], "train")
  rows = batches.count_rows(tokenized["train"], settings.data, settings.seed)
  return Data(tokenized["train"], tokenized.get("validation", batches.Examples([], [], {})), rows)


def load_model(settings: TrainSettings) -> models.Loaded:
  """Loads the weights in float32. Raises ConfigError where rows are longer than the model's positions."""
  loaded = models.load(settings.model, dtype=jnp.float32)
  if settings.data.row_length > loaded.config.max_length:
    raise ConfigError(f"data.row_length is {settings.data.row_length}, model {settings.model} was made for "
                      f"{loaded.config.max_length} positions.")
  return loaded


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
    self.step, self.warm, self.tokens, self.seconds = 0, False, 0, 0.0

  def resume(self) -> None:
    """Goes to the newest checkpoint, if there is one, and opens the metrics there."""
    found = self.checkpoints.restore(self.state, self.progress.say, needed=("step", "stream"))
    if found is not None:
      self.state, extra = found
      self.step = extra["step"]
      self.stream.set_state(extra["stream"])
      self.progress.say(f"resumed at step {self.step} of {self.steps}")
    self.metrics = metrics.Writer(self.workdir, self.step, self.settings.tensorboard)

  def train(self) -> None:
    """Steps up to the last, with validation before, after and in between."""
    every, evaluate_every = self.settings.checkpoint.every, self.settings.evaluate_every
    if not self.step:
      self.validate()
    with deferred_signals() as stopped:
      pending = None  # the step before, whose numbers are read while this one computes
      start = time.monotonic()
      while self.step < self.steps:
        batch = mesh.place(self.mesh, next(self.stream), self.settings.accumulate)
        self.state, out = self.trainer.train(self.state, self.frozen, batch)
        self.step += 1
        if pending:
          start = self.record(*pending, start)
        pending = (self.step, out)
        last = self.step >= self.steps
        evaluate = last or (evaluate_every and self.step % evaluate_every == 0)
        save = last or stopped() or (every and self.step % every == 0)
        if evaluate or save:  # not before this step's loss is known to be finite
          self.record(*pending, start)
          if evaluate:
            self.validate()
          if save:
            self.save()
          pending, start = None, time.monotonic()
        if stopped():
          self.checkpoints.wait()
          stopped(act=True)

  def record(self, number: int, out: dict[str, jax.Array], start: float) -> float:
    """Waits for a step, checks and writes its numbers; returns the time, from which the next step counts."""
    values = {name: value.item() for name, value in jax.device_get(out).items()}
    now = time.monotonic()
    if not (math.isfinite(values["loss"]) and math.isfinite(values["grad_norm"])):
      self.checkpoints.wait()
      raise NonFiniteLoss(f"Step {number} of {self.steps} has loss {values['loss']} and gradient norm "
                          f"{values['grad_norm']}. Lower optimizer.learning_rate or look at the data; newest "
                          f"checkpoint: {self.checkpoints.latest or 'none'}.")
    if self.warm:  # the first step of a process also compiles
      self.tokens, self.seconds = self.tokens + values["tokens"], self.seconds + now - start
    self.warm = True
    room = self.settings.data.batch_size * self.settings.data.row_length
    self.metrics(number, **values, packing=values["tokens"] / room, seconds=now - start)
    self.progress(number, self.steps, "step", f"loss {values['loss']:.4f}  grad {values['grad_norm']:.2f}  "
                  f"lr {values['learning_rate']:.2e}  {values['tokens'] / (now - start):.0f} tokens/s")
    return now

  def score(self, batch: batches.Batch) -> np.ndarray:
    """log p of each example's target tokens [B, S] under the parameters as they are."""
    return jax.device_get(self.trainer.score(self.state.trainable, self.frozen, mesh.place_whole(self.mesh, batch)))

  def validate(self) -> None:
    """Means of the objective's sums over the rows kept apart."""
    totals: dict[str, np.ndarray] = {}
    for batch in self.apart:
      sums = self.trainer.evaluate(self.state.trainable, self.frozen, mesh.place_whole(self.mesh, batch))
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
    self.checkpoints.save(self.step, self.state, {"step": self.step, "stream": self.stream.get_state()})

  def finish(self) -> dict[str, Any]:
    """Exports and sums up."""
    results = {}
    if self.settings.export:
      params, tokenizer = self.state.trainable, Tokenizer.load(self.settings.model)
      if self.settings.lora.rank:
        path = models.export_peft(self.config, params, self.workdir / "adapter", self.settings.model, tokenizer)
        results["adapter"] = str(path)
        params = models.lora.merge(self.frozen, params)
      else:
        params = self.trainer.assemble(params, self.frozen)
      path = models.export_hf(self.config, params, self.workdir / "export", tokenizer)
      self.progress.say(f"exported to {path}")
      results["export"] = str(path)
    self.checkpoints.wait()
    events = metrics.read(self.workdir)
    losses = [event["loss"] for event in events if "loss" in event]
    apart = [event["validation_loss"] for event in events if "validation_loss" in event]
    tokens = sum(event["tokens"] for event in events if "tokens" in event)
    results |= {"steps": self.step, "loss_first": losses[0], "loss_last": losses[-1],
                "validation_loss_first": apart[0] if apart else None,
                "validation_loss_last": apart[-1] if apart else None, "tokens": tokens,
                "tokens_per_second": round(self.tokens / self.seconds, 1) if self.seconds else None,
                "examples": len(self.data.train), "left_out": self.data.train.dropped,
                "parameters": models.count_params(self.config),
                "trained_parameters": sum(x.size for x in jax.tree.leaves(self.state.trainable))}
    return results

  def close(self) -> None:
    with contextlib.suppress(OSError):  # only after another error, which is the one to show, was this not awaited
      self.checkpoints.close()
    if hasattr(self, "metrics"):
      self.metrics.close()


@contextlib.contextmanager
def deferred_signals() -> Iterator[Callable[..., bool]]:
  """Holds SIGTERM and SIGINT back until the loop is between two steps, where the state is whole.

  Yields:
    stopped(act=False): whether a signal came; with act, hands it to the handler that was there before.
  """
  came: list[int] = []

  def remember(number: int, frame: Any) -> None:
    del frame
    if came:  # a second one means it: do not wait for the step
      signal.signal(number, signal.SIG_DFL)
      os.kill(os.getpid(), number)
    came.append(number)

  def stopped(act: bool = False) -> bool:
    if act and came:
      before = previous[came[0]]
      signal.signal(came[0], before)
      os.kill(os.getpid(), came[0])
      time.sleep(0.01)  # the handler runs here
    return bool(came)

  if threading.current_thread() is not threading.main_thread():
    yield lambda act=False: False
    return
  previous = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
  try:
    yield stopped
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)
