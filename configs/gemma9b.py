"""Gemma 2 9B, all parameters, on improved transitions: the paper's recipe on 256 TPU v5e chips.

On: v5e-256, 128 rows of 8,192 tokens a step, all positions that the model has; a row is on two chips (mesh.tensor=2),
which also halves the head of 256,000 tokens and its gradient.
Expected memory: 9.1 of 16 GB per chip at the peak: 0.4 parameters and optimizer state, 8.4 temporaries.
Expected time: at best 2.1 s a step, half a million tokens a second, 62 % MFU. Both are the plan's of 2026-11-23, libtpu
0.0.42.1, not measured.

  python launch/train.py --config=configs/gemma9b.py --config.plan_only=True --workdir=PLAN
  python launch/train.py --config=configs/gemma9b.py --config.model=FOLDER --config.data.path=DATASET --workdir=DIR

The first needs no TPU, no weights and no data (extra `test` brings the compiler); the second runs on every host of the
pod, with the model's Hugging Face folder.
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.train import MeshSettings, recipe


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(recipe.full_sft(
      "gemma2_9b", "v5e-256", row_length=8192, mesh=MeshSettings(fsdp=128, tensor=2))))
