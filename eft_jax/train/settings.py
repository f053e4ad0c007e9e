"""Settings of the training stage: one frozen dataclass per concern; impossible combinations are refused."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from eft_jax.core.settings import ConfigError, changeable
from eft_jax.finch import LABELS


def _at_least(prefix: str, settings: object, **limits: float) -> None:
  for name, limit in limits.items():
    if getattr(settings, name) < limit:
      raise ConfigError(f"{prefix}{name} is {getattr(settings, name)}, expected at least {limit}.")


def weights(text: str) -> dict[str, float]:
  """'mathematics=2,systems=0.5' as a dict. Raises ValueError that says what is wrong."""
  found: dict[str, float] = {}
  for entry in filter(None, (part.strip() for part in text.split(","))):
    name, equals, number = (part.strip() for part in entry.partition("="))
    try:
      value = float(number)
    except ValueError:
      value = -1.0
    if not (name and equals and 0 <= value < 1e6) or name in found:
      raise ValueError(f"expected different NAME=WEIGHT entries with weights of at least 0, got {entry!r}")
    found[name] = value
  return found


@dataclasses.dataclass(frozen=True)
class DataSettings:
  """What is trained on.

  Attributes:
    path: a data set, or the work directory of launch/build_dataset.py.
    labels: rows of these labels; plain SFT takes the improved ones only.
    label_weights, domain_weights: how often an epoch holds a row of a label or domain ('no_change=0.25'; 1 where not
      named; the product counts): 2 is twice, 0.5 is half of the rows.
    per_task: most rows of each task and label, before the weights; 0 for no cap.
    row_length: tokens T of a packed row.
    batch_size: packed rows B of one optimizer step, over all devices, split over `accumulate` parts.
    packing: 'first_fit' or 'best_fit' (grain's), or 'none': one example per row.
    packing_bins: rows that are open at a time while packing; more waste less.
    segments: most examples of one packed row.
    too_long: what to do with an example above row_length tokens: 'drop' (counted) or 'refuse'. None is ever cut.
    validation_rows: most packed rows of the validation split to report a loss on; 0 for none.
  """

  path: str = ""
  labels: tuple[str, ...] = ("improved",)
  label_weights: str = ""
  domain_weights: str = ""
  per_task: int = 0
  row_length: int = 1024
  batch_size: int = 8
  packing: Literal["first_fit", "best_fit", "none"] = "best_fit"
  packing_bins: int = 64
  segments: int = 64
  too_long: Literal["drop", "refuse"] = "drop"
  validation_rows: int = 64

  def __post_init__(self):
    if not self.labels or set(self.labels) - set(LABELS):
      raise ConfigError(f"data.labels is {self.labels!r}, expected some of {', '.join(LABELS)}.")
    _at_least("data.", self, row_length=2, batch_size=1, packing_bins=1, segments=1, per_task=0, validation_rows=0)
    for name in ("label_weights", "domain_weights"):
      try:
        named = weights(getattr(self, name))
      except ValueError as error:
        raise ConfigError(f"data.{name}: {error}.") from error
      if name == "label_weights" and (useless := set(named) - set(self.labels)):
        raise ConfigError(f"data.label_weights names {', '.join(sorted(useless))}, not among data.labels "
                          f"{', '.join(self.labels)}.")

  @property
  def row_segments(self) -> int:
    """S: most examples of one row, as packed."""
    return 1 if self.packing == "none" else self.segments


# Keys of OptimizerSettings that only some kinds read.
_KINDS_OF = {"b1": ("adamw", "muon"), "b2": ("adamw", "muon"), "epsilon": ("adamw", "muon"),
             "decay_exponent": ("adafactor",), "update_clip": ("adafactor",), "relative_steps": ("adafactor",),
             "momentum": ("muon",), "newton_schulz_steps": ("muon",), "update_rms": ("muon",)}


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
  """How gradients become updates.

  Attributes:
    learning_rate: after warm-up.
    schedule: shape after warm-up, down to final_fraction * learning_rate.
    warmup_steps: of linear rise from 0.
    weight_decay: of matrices, times the learning rate; norms, rates and biases are never decayed.
    clip_norm: largest global norm of the gradient; 0 for no clipping.
    kind: 'adamw'; 'adafactor', which keeps the second moments of a matrix as one vector per side and no first ones;
      'muon' for the matrices of layers, with AdamW for embeddings, head and norms.
    b1, b2, epsilon: of AdamW.
    decay_exponent: of Adafactor: step t keeps 1 - t ** -decay_exponent of its second moments.
    update_clip: of Adafactor: largest root mean square of one array's update, before the learning rate; 0 for none.
    relative_steps: of Adafactor: the learning rate is a fraction of each array's root mean square.
    momentum, newton_schulz_steps: of Muon.
    update_rms: of Muon: root mean square of a matrix's update, before the learning rate. AdamW's is about 0.2, so that
      one learning rate fits both (arXiv:2502.16982); 0 for sqrt(max(1, outputs / inputs)) times an orthogonal matrix.
  """

  learning_rate: float = 1e-5
  schedule: Literal["constant", "cosine", "linear"] = "cosine"
  warmup_steps: int = 10
  final_fraction: float = 0.1
  weight_decay: float = 0.0
  clip_norm: float = 1.0
  kind: Literal["adamw", "adafactor", "muon"] = "adamw"
  b1: float = 0.9
  b2: float = 0.95
  epsilon: float = 1e-8
  decay_exponent: float = 0.8
  update_clip: float = 1.0
  relative_steps: bool = True
  momentum: float = 0.95
  newton_schulz_steps: int = 5
  update_rms: float = 0.2

  def __post_init__(self):
    _at_least("optimizer.", self, learning_rate=0, warmup_steps=0, weight_decay=0, clip_norm=0, epsilon=0,
              decay_exponent=0, update_clip=0, newton_schulz_steps=1, update_rms=0)
    for name in ("b1", "b2", "final_fraction", "momentum"):
      if not 0 <= getattr(self, name) <= 1:
        raise ConfigError(f"optimizer.{name} is {getattr(self, name)}, expected a number in [0, 1].")
    for field in dataclasses.fields(self):
      kinds = _KINDS_OF.get(field.name, (self.kind,))
      if self.kind not in kinds and getattr(self, field.name) != field.default:
        raise ConfigError(f"optimizer.{field.name} is {getattr(self, field.name)}, but optimizer.kind is "
                          f"{self.kind!r}, which does not read it: leave it at {field.default} or take "
                          f"{' or '.join(kinds)}.")


@dataclasses.dataclass(frozen=True)
class LoraSettings:
  """Adapters instead of full training: rank 0 trains all parameters.

  Attributes:
    alpha: scale times rank; 0 means equal to rank.
    targets: names of the adapted matmuls; () for all linear layers and the output head.
  """

  rank: int = 0
  alpha: float = 0.0
  targets: tuple[str, ...] = ()

  def __post_init__(self):
    _at_least("lora.", self, rank=0, alpha=0)
    if not self.rank and (self.alpha or self.targets):
      raise ConfigError("lora.alpha and lora.targets need lora.rank above 0.")


@dataclasses.dataclass(frozen=True)
class KtoSettings:
  """KTO, from the model that training starts with, which is also its reference.

  Attributes:
    beta: how far the model may move from the reference; smaller is farther.
    desirable: labels of what is to become likelier; the other data.labels are to become less likely.
    desirable_weight, undesirable_weight: of one example; an undesirable_weight of 0 is chosen so that both sides
      weigh the same in sum.
  """

  beta: float = 0.1
  desirable: tuple[str, ...] = ("improved",)
  desirable_weight: float = 1.0
  undesirable_weight: float = 0.0

  def __post_init__(self):
    _at_least("kto.", self, undesirable_weight=0)
    for name in ("beta", "desirable_weight"):
      if not getattr(self, name) > 0:
        raise ConfigError(f"kto.{name} is {getattr(self, name)}, expected a number above 0.")


@dataclasses.dataclass(frozen=True)
class MeshSettings:
  """Devices along each axis; one axis may be -1: what is left over.

  Attributes:
    data: rows are divided, parameters copied. fsdp: both are divided. tensor: heads, hidden units, vocabulary.
    seq: the tokens of each row, where rows are too long for one device; keys and values are gathered over it.
  """

  data: int = 1
  fsdp: int = -1
  tensor: int = 1
  seq: int = 1


@dataclasses.dataclass(frozen=True)
class CheckpointSettings:
  """When to save. The last step and a stop by signal are always saved.

  Attributes:
    every: optimizer steps between checkpoints; 0 for the last step only.
    keep: newest checkpoints that stay on disk.
  """

  every: int = 0
  keep: int = 2

  def __post_init__(self):
    _at_least("checkpoint.", self, every=0, keep=1)


@dataclasses.dataclass(frozen=True)
class WandbSettings:
  """Weights & Biases beside TensorBoard (extra `wandb`).

  Attributes:
    project: '' for none.
    entity: team or user; '' for the default of the account.
    name: of the run; '' for the name of the work directory.
    mode: 'offline' writes to DIR/wandb, for `wandb sync` later.
  """

  project: str = ""
  entity: str = ""
  name: str = ""
  mode: Literal["online", "offline"] = "online"

  def __post_init__(self):
    if not self.project and (self.entity or self.name or self.mode != "online"):
      raise ConfigError("wandb.entity, wandb.name and wandb.mode need wandb.project.")


@dataclasses.dataclass(frozen=True)
class TrainSettings:
  """Settings of launch/train.py.

  Attributes:
    model: name or path for models.load.
    objective: 'sft', mean -log p of the replies; 'kto', see KtoSettings, for a model that has had its SFT.
    steps: optimizer steps; 0 means `epochs` passes over the packed data.
    epochs: used when steps is 0.
    accumulate: parts of a batch whose gradients are summed before one update; saves memory, changes nothing else.
    frozen: regular expressions; parameters whose path ('embed/table', 'layers/0/mlp/up/kernel') matches one from its
      start are not trained.
    compute_dtype: of activations and matmuls. Parameters and optimizer state are float32.
    remat: what the backward pass computes again instead of keeping, a name in models.
    attention: path of the attention layers, a name in models.attention.PATHS, or 'auto': the fastest exact one of the
      mesh's devices, which the log names.
    logprob_chunk: tokens whose logits exist at a time, on each device.
    z_loss: of SFT: this times the squared log-sum-exp of a token's logits is added to its loss (1e-4 is usual); not to
      the validation loss.
    seed: of the data order and of new adapters.
    evaluate_every: steps between validation losses; 0 for before and after only.
    export: write a Hugging Face folder to DIR/export at the end, adapters merged; adapters also to DIR/adapter, in
      PEFT's format.
    export_dtype: of the exported weights; servers run bfloat16.
    tensorboard: write events beside metrics.jsonl.
    plan_only: compile the step for `accelerator`, print what it would cost, and stop: no data, no weights.
    accelerator: what the run is made for, a chip and a number of chips ('v5e-256', 'h100-8', 'cpu-8'), which a plan
      compiles for, and a run on other devices says; '' for the devices that are there.
    profile: trace three steps, after the first two, to DIR/profile (TensorBoard's profile page, xprof).
  """

  model: str = "smollm2_135m"
  objective: Literal["sft", "kto"] = "sft"
  data: DataSettings = DataSettings()
  kto: KtoSettings = KtoSettings()
  optimizer: OptimizerSettings = OptimizerSettings()
  lora: LoraSettings = LoraSettings()
  mesh: MeshSettings = changeable(MeshSettings())
  checkpoint: CheckpointSettings = changeable(CheckpointSettings())
  steps: int = changeable(0)
  epochs: float = changeable(1.0)
  accumulate: int = 1
  frozen: tuple[str, ...] = ()
  compute_dtype: Literal["float32", "bfloat16"] = "float32"
  remat: str = "full"
  attention: str = "auto"
  logprob_chunk: int = 512
  z_loss: float = 0.0
  seed: int = 0
  evaluate_every: int = 0
  export: bool = True
  export_dtype: Literal["float32", "bfloat16"] = "float32"
  tensorboard: bool = True
  wandb: WandbSettings = changeable(WandbSettings())
  profile: bool = changeable(False)
  plan_only: bool = changeable(False)
  accelerator: str = changeable("")

  def __post_init__(self):
    _at_least("", self, steps=0, accumulate=1, logprob_chunk=1, z_loss=0, evaluate_every=0)
    if not self.steps and self.epochs <= 0:
      raise ConfigError(f"epochs is {self.epochs} and steps is 0; expected one of them above 0.")
    if self.data.batch_size % self.accumulate:
      raise ConfigError(f"data.batch_size is {self.data.batch_size}, not a multiple of accumulate {self.accumulate}.")
    if self.objective == "kto":
      if self.z_loss:
        raise ConfigError(f"z_loss is {self.z_loss}, which objective 'kto' does not read: leave it at 0.")
      if not set(self.kto.desirable) < set(self.data.labels) or not self.kto.desirable:
        raise ConfigError(f"kto.desirable is {self.kto.desirable!r}, expected some, not all, of data.labels "
                          f"{self.data.labels!r}: KTO learns from both sides.")
    elif self.kto != KtoSettings():
      raise ConfigError(f"kto is set and objective is {self.objective!r}: set objective='kto', or leave it out.")
    if self.lora.rank and self.frozen:
      raise ConfigError("frozen and lora.rank exclude each other: LoRA freezes all parameters; use lora.targets.")
    if self.lora.rank and self.optimizer.kind == "muon":
      raise ConfigError("optimizer.kind 'muon' orthogonalises the updates of whole matrices, lora.rank trains none of "
                        "them: take 'adamw'.")
    for pattern in self.frozen:
      try:
        re.compile(pattern)
      except re.error as error:
        raise ConfigError(f"frozen has {pattern!r}, which is no regular expression: {error}.") from error
