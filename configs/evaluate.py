"""Base against EFT on three held-out families, the same budget for each: 32 replies per task.

On: a CPU with 2 cores, SmolLM2-135M, about three minutes per model. Expected: a table with the share of replies that
are valid edits, the share that beats its parent, best scores with intervals, and DIR/curves.png.

  python launch/evaluate.py --config=configs/evaluate.py \\
    --config.models=base=smollm2_135m,eft=runs/train/export --workdir=DIR
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.evaluate import EvaluateSettings


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(EvaluateSettings()))
