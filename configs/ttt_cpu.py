"""Test-time RL that learns on a CPU: SmolLM2-135M after its EFT, LoRA, compact prompts, groups of 8.

On: 2 CPU cores, a task that the model was not trained on. `--config.learn=False` is its control: the same rollouts
from a policy that stays as it is.
Command: python launch/rl.py --config=configs/ttt_cpu.py --config.model=runs/quickstart/train/export --workdir=DIR
"""

import ml_collections

from eft_jax import rl
from eft_jax.core import settings


def get_config() -> ml_collections.ConfigDict:
  return ml_collections.ConfigDict(settings.to_dict(rl.RlSettings(
      task="erdos_min_overlap", model="smollm2_135m", epochs=12, groups=2, group_size=8,
      advantage=rl.AdvantageSettings(kind="grpo"),
      sampling=rl.Sampling(temperature=1.0, top_p=1.0, max_new_tokens=96),
      rollout=rl.RolloutSettings(slots=32, max_length=512), row_length=448, packing="none", part=4,
      remat="none",
      optimizer=rl.OptimizerSettings(learning_rate=3e-4, schedule="constant", warmup_steps=0, clip_norm=1.0),
      lora=rl.LoraSettings(rank=32))))
