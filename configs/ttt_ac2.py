"""Test-time RL on the second autocorrelation inequality, with the published settings of TTT-Discover.

On: Qwen3 8B; one host with eight GPUs of 80 GB, or fewer with a smaller --config.part and rows. Rollouts are written by
the engine in this process, or, to share them out, by a SGLang server on the same host:
  python launch/serve.py --config.engine=sglang --config.model=FOLDER --config.port=30000 --workdir=SERVER
  python launch/rl.py --config=configs/ttt_ac2.py --config.model=FOLDER --config.rollout.url=http://127.0.0.1:30000 \
    --config.rollout.sync=adapter --workdir=DIR
Expected: published 0.9591 (TTT-Discover, GPT-OSS 120B). Not run here: this project has had no such machine.
Command: python launch/rl.py --config=configs/ttt_ac2.py --config.model=FOLDER --workdir=DIR
"""

import ml_collections

from eft_jax.core import settings
from eft_jax.rl import recipe


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(recipe.ttt_discover("second_autocorrelation", reward="value")))
