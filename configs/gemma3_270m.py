"""Gemma 3 270M, all parameters, on improved transitions: the paper's recipe on 8 TPU v5e chips.

On: v5e-8, 128 rows of 32,768 tokens a step, in 16 parts: one row is on each chip at a time.
Expected memory: 5.1 of 16 GB per chip at the peak.
Expected time: at best 13.3 s a step, 0.31 million tokens a second, 46 % MFU.
Both are the plan's of 2026-11-23, libtpu 0.0.42.1, not measured.

  python launch/train.py --config=configs/gemma3_270m.py --config.plan_only=True --workdir=PLAN
  python launch/train.py --config=configs/gemma3_270m.py --config.model=FOLDER --config.data.path=DATASET --workdir=DIR

The first needs no TPU, no weights and no data (extra `test` brings the compiler); the second runs on every host of the
pod, with the model's Hugging Face folder.
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.train import MeshSettings, recipe


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(recipe.full_sft(
      "gemma3_270m", "v5e-8", accumulate=16, mesh=MeshSettings(fsdp=8))))
