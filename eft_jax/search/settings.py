"""Settings of a search run, and the run's identity."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import Any, Literal

from eft_jax.core.settings import ConfigError, changeable
from eft_jax.foreign import ForeignSettings
from eft_jax.sandbox import EvaluatorSettings, SandboxSettings, secret_id
from eft_jax.search.archives import ArchiveSettings
from eft_jax.search.budget import BudgetSettings
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import Sampling


@dataclasses.dataclass(frozen=True)
class ServerSettings:
  """Where the language model answers; for proposer='llm' alone.

  Attributes:
    url: of a server, for example http://127.0.0.1:30000; '' runs the engine in this process.
    transport: 'sglang' (token ids; SGLang or launch/serve.py) or 'openai' (text; any chat endpoint, url with its /v1).
    model: name, GGUF file or folder: the weights of the engine in this process and the tokenizer of 'sglang'; for
      'openai' the model name that the endpoint knows.
    slots, max_length: of the engine in this process: sequences at a time, tokens of prompt and reply together.
    timeout: seconds until a reply must be complete.
    api_key_env: environment variable that holds the endpoint's key; '' sends none.
  """

  url: str = changeable("")
  transport: Literal["sglang", "openai"] = "sglang"
  model: str = "smollm2_135m"
  slots: int = 8
  max_length: int = 1024
  timeout: float = changeable(600.0)
  api_key_env: str = changeable("")

  def __post_init__(self):
    if self.url and not self.url.startswith(("http://", "https://")):
      raise ConfigError(f"server.url is {self.url!r}, expected for example http://127.0.0.1:30000, or '' for the "
                        "engine in this process.")
    if self.transport == "openai" and not self.url:
      raise ConfigError("server.transport='openai' needs server.url, for example https://host/v1.")
    if self.api_key_env and self.transport != "openai":
      raise ConfigError("server.api_key_env has an effect only with server.transport='openai'.")
    for name in ("slots", "max_length", "timeout"):
      if not getattr(self, name) > 0:
        raise ConfigError(f"server.{name} is {getattr(self, name)}, expected a number above 0.")


@dataclasses.dataclass(frozen=True)
class MemberSettings:
  """One proposer of an ensemble: the keys of a search without one, and `weight`, its share of the steps."""

  proposer: Literal["scripted", "llm"] = "scripted"
  weight: float = 1.0
  sampling: Sampling = Sampling()
  server: ServerSettings = ServerSettings()

  def __post_init__(self):
    if not 0 < self.weight < float("inf"):
      raise ConfigError(f"weight of an ensemble's member is {self.weight}, expected a number above 0.")
    _check_scripted(self, "of an ensemble's member")
    _check_thinking(self)


def _check_scripted(settings: Any, where: str) -> None:
  for name, default in (("sampling", Sampling()), ("server", ServerSettings())):
    if settings.proposer == "scripted" and getattr(settings, name) != default:
      raise ConfigError(f"config.{name} has no effect with config.proposer='scripted'{where and ' ' + where}: leave it "
                        "as it is.")


def _check_thinking(settings: Any) -> None:
  if settings.sampling.max_thinking_tokens and settings.server.transport == "openai":
    raise ConfigError("config.sampling.max_thinking_tokens has no effect with config.server.transport='openai': leave "
                      "it at 0.")


@dataclasses.dataclass(frozen=True)
class SearchSettings:
  """One search on one task.

  Steps are numbered from 1, step 0 evaluates the seed program. They come in batches of `batch`; those of batch b see
  the attempts of batches < b + 1 - lag, so `lag` batches are under way at a time, and what a step sees does not depend
  on who finishes first: the same seed, batch and lag give the same trace for any number of workers.

  Attributes:
    task: name of a task; `launch/tasks.py --action=list` shows all. Or the path of a task folder of OpenEvolve or
      open-galapagos, which `foreign` says how to run.
    seed: of every choice of the run.
    steps: how many; a multiple of batch. May be raised to go on with a finished run.
    batch, group_size, lag: replies per batch, replies per parent within a batch, batches under way.
    workers: processes that evaluate; `evaluator` says on which machines.
    proposer: 'scripted' (no model) or 'llm'.
    ensemble: name -> MemberSettings: proposers that share the steps, instead of `proposer`, `sampling` and `server`.
    ensemble_choice: by 'weights', or by a 'bandit' over improvement per token: see proposers/ensemble.py.
    fidelity: 'search' or 'full' evaluation, or 'cascade': only a program whose score at 'search' is at least its
      parent's there, less `cascade_slack`, is evaluated at 'full'. Others are kept as attempts, with the score of
      'search', and do not enter the archive.
    previous: hand the parent's construction to the child, where the task passes it on.
    max_program_chars: a longer child is `too_long`.
    retries: how often a step that failed for reasons outside the program is tried again before the run stops.
    budget: further limits, after which the run stops.
  """

  task: str = "thomson_energy_12"
  seed: int = 0
  steps: int = changeable(2000)
  batch: int = 1
  group_size: int = 1
  lag: int = 4
  workers: int = changeable(2)
  proposer: Literal["scripted", "llm"] = "scripted"
  ensemble: dict[str, MemberSettings] = dataclasses.field(default_factory=dict)
  ensemble_choice: Literal["weights", "bandit"] = "weights"
  fidelity: Literal["search", "full", "cascade"] = "search"
  cascade_slack: float = 0.05
  previous: bool = True
  max_program_chars: int = 20000
  retries: int = changeable(4)
  budget: BudgetSettings = changeable(BudgetSettings())
  prompt: PromptSettings = PromptSettings()
  archive: ArchiveSettings = ArchiveSettings()
  sampling: Sampling = Sampling()
  server: ServerSettings = ServerSettings()
  sandbox: SandboxSettings = SandboxSettings()
  foreign: ForeignSettings = ForeignSettings()
  evaluator: EvaluatorSettings = changeable(EvaluatorSettings())

  def __post_init__(self):
    for name in ("batch", "group_size", "lag", "workers", "max_program_chars"):
      if getattr(self, name) < 1:
        raise ConfigError(f"config.{name} is {getattr(self, name)}, expected at least 1.")
    for name in ("steps", "retries"):
      if getattr(self, name) < 0:
        raise ConfigError(f"config.{name} is {getattr(self, name)}, expected at least 0.")
    if self.fidelity != "cascade" and self.cascade_slack != SearchSettings.cascade_slack:
      raise ConfigError(f"config.cascade_slack has no effect with config.fidelity={self.fidelity!r}: leave it as it "
                        "is.")
    if self.cascade_slack < 0:
      raise ConfigError(f"config.cascade_slack is {self.cascade_slack}, expected at least 0.")
    if self.batch % self.group_size:
      raise ConfigError(f"config.batch is {self.batch}, expected a multiple of config.group_size = {self.group_size}.")
    if self.steps % self.batch:
      raise ConfigError(f"config.steps is {self.steps}, expected a multiple of config.batch = {self.batch}.")
    if self.prompt.crossover_share and self.archive.kind == "best_of_n":
      raise ConfigError("config.prompt.crossover_share has no effect with config.archive.kind='best_of_n', which holds "
                        "no second program: set it to 0.")
    if self.prompt.profile == "compact":
      for name in ("top", "diverse"):
        if getattr(self.archive, name) != getattr(ArchiveSettings, name):
          raise ConfigError(f"config.archive.{name} has no effect with config.prompt.profile='compact', which shows no "
                            "other programs: leave it as it is.")
    self._check_ensemble()
    _check_scripted(self, "")
    _check_thinking(self)

  def _check_ensemble(self) -> None:
    if not self.ensemble:
      if self.ensemble_choice != "weights":
        raise ConfigError("config.ensemble_choice has no effect without config.ensemble: leave it at 'weights'.")
      return
    for name in self.ensemble:
      if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ConfigError(f"config.ensemble has a member {name!r}, expected letters, digits and '_'.")
    for name in ("proposer", "sampling", "server"):
      if getattr(self, name) != _DEFAULTS[name]:
        raise ConfigError(f"config.{name} has no effect with config.ensemble: set it in a member.")
    if self.ensemble_choice == "bandit" and any(member.weight != 1 for member in self.ensemble.values()):
      raise ConfigError("config.ensemble.NAME.weight has no effect with config.ensemble_choice='bandit': leave it at "
                        "1.")


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(SearchSettings)}


def fixed(settings: Any) -> dict[str, Any]:
  """The settings that a resumed run may not change, nested, as JSON values."""
  values = {}
  for field in dataclasses.fields(settings):
    if not field.metadata.get("changeable"):
      value = getattr(settings, field.name)
      if isinstance(value, dict):
        values[field.name] = {name: fixed(member) for name, member in value.items()}
      else:
        values[field.name] = fixed(value) if dataclasses.is_dataclass(value) else value
  return json.loads(json.dumps(values))


def run_id(settings: SearchSettings, proposer: str, secret: str) -> str:
  """12 hex digits: the same configuration with the same key of hidden seeds is the same run, on any machine."""
  values = fixed(settings)
  values["sandbox"].pop("secret", None)
  values["sandbox"].pop("allow_weak", None)
  text = json.dumps([values, proposer, secret], sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:12]


def identify(settings: SearchSettings, proposer: str, own_pool: bool) -> tuple[str, str]:
  """(run id, id of the hidden seeds' key). A pool of other settings has its own key, which is not asked for."""
  secret = secret_id(settings.sandbox) if own_pool else ""
  return run_id(settings, proposer, secret), secret
