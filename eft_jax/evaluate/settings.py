"""Settings of an evaluation: which models meet on which tasks, under one budget."""

from __future__ import annotations

import dataclasses

from eft_jax.core import task as task_lib
from eft_jax.core.settings import ConfigError, changeable
from eft_jax.sandbox import SandboxSettings
from eft_jax.search.archives import ArchiveSettings
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import Sampling
from eft_jax.search.settings import SearchSettings, ServerSettings


@dataclasses.dataclass(frozen=True)
class EvaluateSettings:
  """Every model gets the same tasks, seeds, steps, prompts and sampling.

  Attributes:
    models: NAME=MODEL,NAME=MODEL,...; MODEL is a model name, a GGUF file, a Hugging Face folder, or the URL of a server
      that speaks SGLang's protocol. The first is the one that the others are compared with.
    tasks: names, with commas between; 'heldout' is all that tasks/held_out.txt names for comparison.
    seed, repeats: one search per task for each of the seeds seed, seed + 1, ..., `repeats` of them.
    steps: replies per search; a multiple of batch.
    batch, group_size, lag: the logical clock, as in SearchSettings. One batch is decoded together.
    workers: processes that evaluate programs.
    tokenizer: for models behind a URL; '' takes the model's own.
    slots, max_length: of the engine in this process, as in ServerSettings.
  """

  models: str = "base=smollm2_135m"
  tasks: str = "circle_packing_26,erdos_min_overlap,first_autocorrelation"
  seed: int = 0
  repeats: int = changeable(1)
  steps: int = changeable(32)
  batch: int = 16
  group_size: int = 4
  lag: int = 1
  workers: int = changeable(2)
  tokenizer: str = "smollm2_135m"
  slots: int = 16
  max_length: int = 1024
  prompt: PromptSettings = PromptSettings(profile="compact")
  sampling: Sampling = Sampling(temperature=0.7, top_p=0.95, max_new_tokens=160)
  archive: ArchiveSettings = ArchiveSettings()
  sandbox: SandboxSettings = SandboxSettings()

  def __post_init__(self):
    if self.repeats < 1:
      raise ConfigError(f"config.repeats is {self.repeats}, expected at least 1.")
    if len(set(self.task_names)) < len(self.task_names) or not all(self.task_names):
      raise ConfigError(f"config.tasks is {self.tasks!r}, expected different names with commas between.")
    self.named_models()
    self.search(self.task_names[0], self.seed, self.tokenizer)

  @property
  def task_names(self) -> tuple[str, ...]:
    """The names in `tasks`."""
    if self.tasks == "heldout":
      return task_lib.evaluation_tasks()
    return tuple(name.strip() for name in self.tasks.split(","))

  @property
  def seeds(self) -> range:
    """The seeds of the repeats."""
    return range(self.seed, self.seed + self.repeats)

  def named_models(self) -> dict[str, str]:
    """Name to model, in the order given. Raises ConfigError for an entry that is not NAME=MODEL."""
    entries = [entry.strip() for entry in self.models.split(",")]
    named = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    if len(named) < len(entries) or not all(name.isidentifier() and model for name, model in named.items()):
      raise ConfigError(f"config.models is {self.models!r}, expected different NAME=MODEL entries such as "
                        "base=smollm2_135m,eft=runs/train/export.")
    return named

  def search(self, task: str, seed: int, model: str) -> SearchSettings:
    """The settings of one of the searches. Raises ConfigError for impossible combinations."""
    url = model if model.startswith(("http://", "https://")) else ""
    server = ServerSettings(url=url, model=self.tokenizer if url else model, slots=self.slots,
                            max_length=self.max_length)
    return SearchSettings(
        task=task, seed=seed, steps=self.steps, batch=self.batch, group_size=self.group_size, lag=self.lag,
        workers=self.workers, proposer="llm", prompt=self.prompt, archive=self.archive, sampling=self.sampling,
        server=server, sandbox=self.sandbox)
