"""Qwen3.5 4B, all parameters, on improved transitions: the paper's recipe on 128 TPU v5p chips.

On: v5p-128 (128 chips; sold as v5p-256 by its cores), 128 rows of 32,768 tokens a step, one on each chip.
Expected memory: 30.5 of 95 GB per chip at the peak.
Expected time: at best 4.7 s a step, 0.89 million tokens a second, 48 % MFU.
Both are the plan's of 2026-11-23, libtpu 0.0.42.1, not measured.

  python launch/train.py --config=configs/qwen35_4b.py --config.plan_only=True --workdir=PLAN
  python launch/train.py --config=configs/qwen35_4b.py --config.model=FOLDER --config.data.path=DATASET --workdir=DIR

The first needs no TPU, no weights and no data (extra `test` brings the compiler); the second runs on every host of the
pod, with the model's Hugging Face folder.
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.train import MeshSettings, recipe


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(recipe.full_sft(
      "qwen3_5_4b", "v5p-128", mesh=MeshSettings(fsdp=128))))
