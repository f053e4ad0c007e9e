"""The paper's recipe of mid-training as settings: what the configs of all models share."""

from __future__ import annotations

from typing import Any

import ml_collections

from eft_jax.train.settings import CheckpointSettings, DataSettings, OptimizerSettings, TrainSettings


def full_sft(model: str, accelerator: str, row_length: int = 32768, **changes: Any) -> TrainSettings:
  """All parameters on improved rows: learning rate 1e-5, 128 packed rows a step, one epoch, bf16 compute.

  The paper's 128 are examples, of which a packed row holds several: data.packing='none' is the paper to the letter.

  Args:
    row_length: 32,768 tokens, or as many as the model has positions.
    changes: other fields of TrainSettings.
  """
  return TrainSettings(**({
      "model": model, "accelerator": accelerator,
      "data": DataSettings(row_length=row_length, batch_size=128, labels=("improved",)),
      "optimizer": OptimizerSettings(learning_rate=1e-5, schedule="cosine", warmup_steps=10),
      "checkpoint": CheckpointSettings(every=100), "epochs": 1.0, "compute_dtype": "bfloat16", "remat": "full",
      "logprob_chunk": 512} | changes))


def kto(sft: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """The second stage of a config, from the export of its first: improved against regressed rows.

  The paper publishes no numbers for it: learning rate 5e-7 and beta 0.1 are what preference training mostly takes.
  """
  config = sft.copy_and_resolve_references()
  config.objective = "kto"
  config.data.labels = ("improved", "regressed")
  config.optimizer.learning_rate = 5e-7
  return config
