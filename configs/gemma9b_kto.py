"""Gemma 2 9B after its SFT: KTO on improved against regressed transitions.

On: the devices of configs/gemma9b.py. A step costs about 4/3 of one of SFT: the mismatched pairs run forward only.
Before the first, the reference scores every example that the run will see.

  python launch/train.py --config=configs/gemma9b_kto.py --config.plan_only=True --workdir=PLAN
  python launch/train.py --config=configs/gemma9b_kto.py --config.model=SFT/export --config.data.path=DATA \
    --workdir=DIR
"""

import ml_collections

from configs import gemma9b
from eft_jax.train import recipe


def get_config() -> ml_collections.ConfigDict:
  return recipe.kto(gemma9b.get_config())
