"""Gemma 2 2B, all parameters, on improved transitions: the paper's recipe on 64 TPU v5e chips.

On: v5e-64, 128 rows of 8,192 tokens a step, in two parts: one row is on each chip at a time.
Expected memory: 11.8 of 16 GB per chip at the peak.
Expected time: at best 2.5 s a step, 0.42 million tokens a second, 60 % MFU.
Both are the plan's of 2026-11-23, libtpu 0.0.42.1, not measured.

  python launch/train.py --config=configs/gemma2b.py --config.plan_only=True --workdir=PLAN
  python launch/train.py --config=configs/gemma2b.py --config.model=FOLDER --config.data.path=DATASET --workdir=DIR

The first needs no TPU, no weights and no data (extra `test` brings the compiler); the second runs on every host of the
pod, with the model's Hugging Face folder.
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.train import MeshSettings, recipe


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(recipe.full_sft(
      "gemma2_2b", "v5e-64", row_length=8192, accumulate=2, mesh=MeshSettings(fsdp=64))))
