"""Test-time RL on 26 circles with the published settings of ThetaEvolve: GRPO over islands, all parameters.

On: Qwen3 8B; eight GPUs of 80 GB. ThetaEvolve's own models are DeepSeek-R1-0528-Qwen3-8B, which is of this shape, and
a 1.5B one.
Expected: published 2.635983 from R1-Qwen3 8B. Not run here: this project has had no such machine.
Command: python launch/rl.py --config=configs/grpo_theta.py --config.model=FOLDER --workdir=DIR
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.rl import recipe


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(recipe.theta_evolve("circle_packing_26", lower=0.0, upper=2.635)))
