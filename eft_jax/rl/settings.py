"""Settings of test-time RL: the search that makes rollouts, and how they become an update."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Literal

from eft_jax.core.settings import ConfigError, changeable
from eft_jax.rl.advantages import AdvantageSettings
from eft_jax.rl.objective import PolicySettings
from eft_jax.rl.rewards import RewardSettings
from eft_jax.sandbox import EvaluatorSettings, SandboxSettings
from eft_jax.search.archives import ArchiveSettings
from eft_jax.search.budget import BudgetSettings
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import Sampling
from eft_jax.search.settings import SearchSettings, ServerSettings, fixed
from eft_jax.train.settings import (
  CheckpointSettings,
  DataSettings,
  LoraSettings,
  MeshSettings,
  OptimizerSettings,
  TrainSettings,
)


@dataclasses.dataclass(frozen=True)
class RolloutSettings:
  """Who writes the rollouts.

  Attributes:
    url: of a server that speaks SGLang's protocol and sees this machine's files, for example http://127.0.0.1:30000;
      '' runs the engine in this process.
    sync: how a server gets new weights: 'weights', a folder of all of them; 'adapter', a LoRA adapter under a new name
      for each version, with a server that serves the base model.
    slots, max_length: of the engine in this process: sequences at a time, tokens of prompt and reply together.
    timeout: seconds until a reply must be complete.
    tolerance: largest difference between the log-probs of a probe prompt here and on the server after an update.
  """

  url: str = changeable("")
  sync: Literal["weights", "adapter"] = "weights"
  slots: int = 32
  max_length: int = 1024
  timeout: float = changeable(3600.0)
  tolerance: float = changeable(0.05)

  def __post_init__(self):
    for name in ("slots", "max_length", "timeout", "tolerance"):
      if not getattr(self, name) > 0:
        raise ConfigError(f"rollout.{name} is {getattr(self, name)}, expected a number above 0.")
    if self.sync == "adapter" and not self.url:
      raise ConfigError("rollout.sync='adapter' is for a server (rollout.url): the engine in this process takes the "
                        "weights as they are.")


@dataclasses.dataclass(frozen=True)
class RlSettings:
  """Test-time RL of one model on one task.

  An epoch is one batch of the search: `groups` parents from the archive, `group_size` rollouts of each, evaluated,
  stored, and turned into one update of the policy, whose weights write the next epoch's rollouts.

  Attributes:
    task, seed, workers, fidelity, previous, max_program_chars, retries, budget, prompt, archive, sampling, sandbox,
      evaluator: of the search; see SearchSettings. Sampling is from the whole distribution, at a temperature that the
      update takes into account.
    model: name, GGUF file or Hugging Face folder, as for models.load: the policy to begin with, and the tokenizer.
    epochs: updates; may be raised to go on.
    groups, group_size: parents of an epoch, rollouts of a parent.
    reward, advantage, policy: what a rollout earns, what that is worth within its group, what the update minimises.
    learn: False leaves the policy as it is: the same rollouts without learning, a control.
    patience: epochs in a row without anything to learn (in every group all rewards are the same), after which the run
      stops and says why.
    row_length, packing, part: tokens of a packed row, how rollouts are packed (DataSettings), packed rows whose
      gradients are computed at a time. A longer rollout is left out and counted.
    optimizer, lora, mesh, compute_dtype, remat, attention, logprob_chunk: of the update; see TrainSettings.
    checkpoint: `every` counts epochs; the attempts since are trained on again, to the bit, where a run goes on.
    keep_weights: folders of weights or adapters that stay on disk for a server.
    export: write the last policy to DIR/export, adapters merged.
  """

  task: str = "circle_packing_26"
  model: str = "smollm2_135m"
  seed: int = 0
  epochs: int = changeable(50)
  groups: int = 8
  group_size: int = 64
  learn: bool = True
  patience: int = changeable(5)
  reward: RewardSettings = RewardSettings()
  advantage: AdvantageSettings = AdvantageSettings()
  policy: PolicySettings = PolicySettings()
  rollout: RolloutSettings = RolloutSettings()
  workers: int = changeable(2)
  fidelity: Literal["search", "full"] = "search"
  previous: bool = True
  max_program_chars: int = 20000
  retries: int = changeable(4)
  budget: BudgetSettings = changeable(BudgetSettings())
  prompt: PromptSettings = PromptSettings()
  archive: ArchiveSettings = ArchiveSettings(kind="puct")
  sampling: Sampling = Sampling(temperature=1.0, top_p=1.0)
  sandbox: SandboxSettings = SandboxSettings()
  evaluator: EvaluatorSettings = changeable(EvaluatorSettings())
  row_length: int = 1024
  packing: Literal["first_fit", "best_fit", "none"] = "best_fit"
  part: int = 4
  optimizer: OptimizerSettings = OptimizerSettings(
      learning_rate=4e-5, schedule="constant", warmup_steps=0, b1=0.9, b2=0.95, clip_norm=0.0)
  lora: LoraSettings = LoraSettings(rank=32)
  mesh: MeshSettings = changeable(MeshSettings())
  compute_dtype: Literal["float32", "bfloat16"] = "float32"
  remat: str = "full"
  attention: str = "auto"
  logprob_chunk: int = 512
  checkpoint: CheckpointSettings = changeable(CheckpointSettings(every=1))
  keep_weights: int = changeable(2)
  tensorboard: bool = True
  export: bool = True

  def __post_init__(self):
    for name, least in (("epochs", 1), ("groups", 1), ("group_size", 2), ("patience", 1), ("row_length", 2),
                        ("part", 1), ("keep_weights", 1)):
      if getattr(self, name) < least:
        raise ConfigError(f"config.{name} is {getattr(self, name)}, expected at least {least}.")
    if self.sampling.top_p != 1 or not self.sampling.temperature:
      raise ConfigError(f"config.sampling has temperature {self.sampling.temperature} and top_p {self.sampling.top_p}, "
                        "expected a temperature above 0 and top_p 1: log-probs must be of what was sampled from.")
    if self.rollout.sync == "adapter" and not self.lora.rank:
      raise ConfigError("config.rollout.sync='adapter' needs config.lora.rank above 0.")
    if not self.checkpoint.every:
      raise ConfigError("config.checkpoint.every is 0, expected at least 1: an epoch is too dear to be lost.")
    self.search, self.train  # noqa: B018  their own checks

  @property
  def search(self) -> SearchSettings:
    """The search whose batches are epochs."""
    same = ("task", "seed", "workers", "fidelity", "previous", "max_program_chars", "retries", "budget", "prompt",
            "archive", "sampling", "sandbox", "evaluator", "group_size")
    batch = self.groups * self.group_size
    server = ServerSettings(url=self.rollout.url, model=self.model, slots=self.rollout.slots,
                            max_length=self.rollout.max_length, timeout=self.rollout.timeout)
    return SearchSettings(**{name: getattr(self, name) for name in same}, steps=self.epochs * batch, batch=batch,
                          lag=1, proposer="llm", server=server)

  @property
  def train(self) -> TrainSettings:
    """The update, as the trainer's settings."""
    same = ("model", "seed", "optimizer", "lora", "mesh", "compute_dtype", "remat", "attention", "logprob_chunk",
            "checkpoint")
    data = DataSettings(row_length=self.row_length, batch_size=self.part, packing=self.packing)
    return TrainSettings(**{name: getattr(self, name) for name in same}, data=data, steps=self.epochs)

  @property
  def identity(self) -> str:
    """8 hex digits over all that changes what is learnt: attempts of two policies are never of one run."""
    return hashlib.sha256(json.dumps(fixed(self), sort_keys=True).encode()).hexdigest()[:8]
