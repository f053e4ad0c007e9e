"""Mid-training: packed batches, a compiled step on a mesh, checkpoints that resume to the bit, one readable loop."""

from eft_jax.train.loop import NonFiniteLoss, run_train
from eft_jax.train.settings import (
    CheckpointSettings,
    DataSettings,
    KtoSettings,
    LoraSettings,
    MeshSettings,
    OptimizerSettings,
    TrainSettings,
    WandbSettings,
)

__all__ = ["CheckpointSettings", "DataSettings", "KtoSettings", "LoraSettings", "MeshSettings", "NonFiniteLoss",
           "OptimizerSettings", "TrainSettings", "WandbSettings", "run_train"]
