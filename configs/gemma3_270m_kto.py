"""Gemma 3 270M after its SFT: KTO on improved against regressed transitions.

On: the devices of configs/gemma3_270m.py. A step costs about 4/3 of one of SFT: the mismatched pairs run forward only.
Before the first, the reference scores every example that the run will see.

  python launch/train.py --config=configs/gemma3_270m_kto.py --config.plan_only=True --workdir=PLAN
  python launch/train.py --config=configs/gemma3_270m_kto.py --config.model=SFT/export --config.data.path=DATA \
    --workdir=DIR
"""

import ml_collections

from configs import gemma3_270m
from eft_jax.train import recipe


def get_config() -> ml_collections.ConfigDict:
  return recipe.kto(gemma3_270m.get_config())
