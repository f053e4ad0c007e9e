"""SmolLM2-135M after its SFT, KTO on improved against regressed transitions, for a CPU with 2 cores.

On: rows of launch/build_dataset.py with all labels, and the export of configs/smollm2_cpu.py. A step costs about 4/3 of
one of SFT: the mismatched pairs run forward only. Before the first step the reference scores every example that the run
will see, once: reference_*.npz.
Memory: 4 GB.

  python launch/train.py --config=configs/smollm2_kto.py --config.model=SFT/export --config.data.path=DATASET \
    --workdir=DIR
"""

import ml_collections

from eft_jax import train
from eft_jax.core import settings


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(train.TrainSettings(
      model="smollm2_135m",
      objective="kto",
      data=train.DataSettings(labels=("improved", "regressed"), row_length=448, batch_size=8, packing="none",
                              validation_rows=16),
      kto=train.KtoSettings(beta=0.1),
      optimizer=train.OptimizerSettings(learning_rate=2e-5, schedule="cosine", warmup_steps=4),
      checkpoint=train.CheckpointSettings(every=8, keep=1),
      accumulate=2,
      steps=24,
  )))
