"""SmolLM2-135M-Instruct on improved transitions, for a CPU with 2 cores.

  python launch/train.py --config=configs/smollm2_cpu.py --config.data.path=DATASET --workdir=DIR
"""

import ml_collections

from eft_jax import train
from eft_jax.core import settings


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(train.TrainSettings(
      model="smollm2_135m",
      data=train.DataSettings(row_length=512, batch_size=4, packing="none"),
      optimizer=train.OptimizerSettings(learning_rate=1e-4, schedule="constant", warmup_steps=10),
      steps=100,
  )))
