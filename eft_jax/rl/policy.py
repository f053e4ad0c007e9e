"""The policy on the trainer's side: state, update, checkpoints, and its weights as others want them."""

from __future__ import annotations

import contextlib
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eft_jax import models
from eft_jax.core.settings import ConfigError
from eft_jax.rl import rollouts
from eft_jax.rl.objective import PolicyGradient, RolloutBatch
from eft_jax.rl.settings import RlSettings
from eft_jax.text import Tokenizer
from eft_jax.train import mesh, step
from eft_jax.train.batches import Batch
from eft_jax.train.checkpoint import Checkpoints


class NonFiniteUpdate(FloatingPointError):
  """A loss or gradient became NaN or infinite; checkpoints before it stand."""


class Policy:
  """What is trained, with the version that it stands at: the number of epochs that it has learnt from.

  Raises:
    ConfigError: no such model, or sizes that do not fit together.
  """

  def __init__(self, settings: RlSettings, workdir: pathlib.Path, say: Callable[[str], None]):
    if jax.process_count() > 1:
      raise ConfigError(f"launch/rl.py runs as one process, not as {jax.process_count()}: give it one host's devices.")
    self.settings, self._say, self._workdir = settings, say, workdir
    train = settings.train
    loaded = models.load(settings.model, dtype=jnp.float32, host=True)
    self.config, self.tokenizer = loaded.config, Tokenizer.load(settings.model)
    if settings.row_length > self.config.max_length:
      raise ConfigError(f"config.row_length is {settings.row_length}, model {settings.model} was made for "
                        f"{self.config.max_length} positions.")
    self.mesh = mesh.make(settings.mesh)
    mesh.check_batch(self.mesh, settings.part, 1, settings.row_length)
    with jax.set_mesh(self.mesh):
      objective = PolicyGradient(settings.policy, reference=bool(settings.advantage.kl))
      self._design = step.design(train, self.config, settings.epochs, self.mesh, objective=objective,
                                 temperature=settings.sampling.temperature)
      self.state, self.frozen = self._design.start(loaded.params)
      # The policy that training begins with, for the KL term: few numbers where adapters are trained.
      self._base = jax.tree.map(jnp.copy, self.state.trainable) if settings.advantage.kl else None
    self._checkpoints = Checkpoints(workdir / "checkpoints", settings.checkpoint.keep)
    self.version = 0

  def resume(self) -> None:
    """Goes to the newest checkpoint, if there is one."""
    with jax.set_mesh(self.mesh):
      found = self._checkpoints.restore(self.state, self._say, needed=("epoch",))
    if found is not None:
      self.state, extra = found
      self.version = extra["epoch"]
      self._say(f"policy of epoch {self.version}")

  def update(self, epoch: rollouts.Epoch) -> dict[str, float]:
    """One optimizer step on an epoch's rollouts; without any the policy stays as it is, one version later.

    Raises:
      NonFiniteUpdate: names the epoch.
      OSError: the checkpoint before could not be written.
    """
    values: dict[str, float] = {}
    if epoch.rollouts and self.settings.learn:
      seed = self.settings.seed + self.version
      with jax.set_mesh(self.mesh):
        batch = self._with_kl(rollouts.pack(epoch.rollouts, self.settings, seed))
        parts = batch.rows.tokens.shape[0] // self.settings.part
        self.state, out = self._design.train(self.state, self.frozen, mesh.place(self.mesh, batch, parts))
        values |= {name: value.item() for name, value in jax.device_get(out).items()}
      if not (math.isfinite(values["loss"]) and math.isfinite(values["grad_norm"])):
        raise NonFiniteUpdate(f"Epoch {self.version + 1} has loss {values['loss']} and gradient norm "
                              f"{values['grad_norm']}. Lower optimizer.learning_rate; newest checkpoint: epoch "
                              f"{self._checkpoints.latest or 'none'}.")
    self.version += 1
    return values

  def save(self, last: bool = False) -> None:
    """Begins a checkpoint where one is due."""
    if last or self.version % self.settings.checkpoint.every == 0:
      self._checkpoints.save(self.version, self.state, {"epoch": self.version})

  def _with_kl(self, batch: RolloutBatch) -> RolloutBatch:
    """Folds the KL to the policy that training began with into the advantages, where it is asked for."""
    if self._base is None:
      return batch
    part, found = self.settings.part, []
    for start in range(0, len(batch.rows.tokens), part):
      rows = jax.tree.map(lambda x, start=start: x[start:start + part], batch.rows)
      found.append(jax.device_get(self._design.logprobs(self._base, self.frozen, mesh.place(self.mesh, rows))))
    return rollouts.fold_kl(batch, np.concatenate(found), self.settings.advantage.kl)

  def probe(self, ids: Sequence[int]) -> list[float] | None:
    """Log-probs of a prompt's tokens but the first under the policy as it is; None at a temperature, which servers do
    not apply to prompts."""
    if self.settings.sampling.temperature != 1:
      return None
    tokens = np.zeros((self.settings.part, self.settings.row_length), np.int32)
    tokens[0, :len(ids)] = ids
    there = np.zeros_like(tokens)
    there[0, :len(ids)] = 1
    rows = Batch(tokens, np.arange(tokens.shape[1], dtype=np.int32) * there, there, there > 0,
                 np.zeros((len(tokens), self.settings.train.data.row_segments), np.int32))
    with jax.set_mesh(self.mesh):
      found = self._design.logprobs(self.state.trainable, self.frozen, mesh.place(self.mesh, rows))
      return jax.device_get(found)[0, 1:len(ids)].tolist()

  def weights(self) -> Any:
    """Parameters without adapters, as they are now."""
    if self.settings.lora.rank:
      return models.lora.merge(self.frozen, self.state.trainable)
    return self._design.assemble(self.state.trainable, self.frozen)

  def write_weights(self, path: pathlib.Path) -> pathlib.Path:
    """All weights as a Hugging Face folder, whole or not at all, in the compute dtype."""
    params = jax.tree.map(lambda x: x.astype(self.settings.compute_dtype), self.weights())
    return models.export_hf(self.config, params, path, self.tokenizer)

  def write_adapter(self, path: pathlib.Path) -> pathlib.Path:
    """The adapters in PEFT's format."""
    return models.export_peft(self.config, self.state.trainable, path, self.settings.model, self.tokenizer)

  def close(self) -> None:
    with contextlib.suppress(OSError):  # only after another error, which is the one to show
      self._checkpoints.close()

  def finish(self) -> None:
    """Waits for the last checkpoint. Raises OSError where it could not be written."""
    self._checkpoints.wait()

