"""The paper's recipe of mid-training as settings: what the configs of all models share."""

from __future__ import annotations

from typing import Any

from eft_jax.train.settings import CheckpointSettings, DataSettings, OptimizerSettings, TrainSettings


def full_sft(model: str, accelerator: str, row_length: int = 32768, **changes: Any) -> TrainSettings:
  """All parameters on improved rows: learning rate 1e-5, 128 packed rows a step, one epoch, bf16 compute.

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
