"""Test-time RL that learns on a CPU: SmolLM2-135M after its EFT, LoRA, compact prompts, groups of 8.

On: 2 CPU cores, a held-out task; 12 epochs of 16 rollouts, 10 minutes and 5 GB on a machine busy with other work.
`--config.learn=False` is its control: the same rollouts from a policy that stays as it is. launch/bench_rl.py runs
both.
Expected: the mean reward of an epoch rises from 0.1 to about 0.45, that of the control to about 0.27 (three seeds:
0.44, 0.29 and 0.60 against 0.26, 0.28 and 0.26; 2026-11-23, x86-64).
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
