"""Published recipes of test-time RL as settings: what the configs of all tasks share."""

from __future__ import annotations

from typing import Any, Literal

from eft_jax.rl.advantages import AdvantageSettings
from eft_jax.rl.objective import PolicySettings
from eft_jax.rl.rewards import RewardSettings
from eft_jax.rl.settings import RlSettings, RolloutSettings
from eft_jax.search.archives import ArchiveSettings
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import Sampling
from eft_jax.train.settings import LoraSettings, OptimizerSettings

CONTEXT = 32768  # tokens of prompt and reply
PROMPT = 8192    # of them for the prompt at most


def ttt_discover(task: str, reward: Literal["value", "inverse"], **changes: Any) -> RlSettings:
  """TTT-Discover as nanodiscover runs it with Qwen3 8B: 50 epochs of 8 x 64 rollouts, LoRA of rank 32, KL 0.1.

  PUCT over states with their constructions, entropic advantages whose beta is fitted to each group, importance-weighted
  policy gradient as a plain sum over tokens, one update of Adam per epoch at 4e-5. Published: n = 26 circles 2.635983,
  n = 32 circles 2.939573, Erdos 0.380956 from Qwen3 8B and 0.380948 from Finch 8B.

  Args:
    reward: RewardSettings.kind.
    changes: other fields of RlSettings.
  """
  return RlSettings(**({
      "task": task, "model": "qwen3_8b", "epochs": 50, "groups": 8, "group_size": 64, "fidelity": "full",
      "reward": RewardSettings(kind=reward), "advantage": AdvantageSettings(kind="entropic_adaptive", kl=0.1),
      "policy": PolicySettings(kind="importance", ratio_cap=0.0, normalize="token_sum"),
      "archive": ArchiveSettings(kind="puct", population=1000), "prompt": PromptSettings(profile="full", budget=PROMPT),
      "sampling": Sampling(temperature=1.0, top_p=1.0, max_new_tokens=CONTEXT - PROMPT - 50),
      "rollout": RolloutSettings(slots=64, max_length=CONTEXT), "row_length": CONTEXT, "part": 8,
      "lora": LoraSettings(rank=32), "compute_dtype": "bfloat16",
      "optimizer": OptimizerSettings(learning_rate=4e-5, schedule="constant", warmup_steps=0, b1=0.9, b2=0.95,
                                     epsilon=1e-8, clip_norm=0.0)} | changes))


def theta_evolve(task: str, lower: float, upper: float, alpha: float = 3.0, scale: float = 5.0,
                 **changes: Any) -> RlSettings:
  """ThetaEvolve: GRPO over islands, 32 parents x 16 replies, all parameters at 1e-6, no KL, failures by a ladder.

  Diffs only, prompts with the parent alone, rewards of valid programs ((value - worst) / (best - worst)) ** alpha x
  scale. With one update per batch the clipped ratio of its scripts (0.2, 0.28) is always 1; what corrects for the
  server's log-probs is truncated importance sampling, up to 2.

  Args:
    lower, upper: range of raw values, whatever the direction: 0 to 2.635 for 26 circles.
    alpha, scale: of the reward: 3 and 5 for circles, 1 and 3 for the autocorrelation inequalities.
    changes: other fields of RlSettings.

  Source: ThetaEvolve, scripts_evolve/*/general.sh and openevolve/modular_utils/score_transform.py.
  """
  return RlSettings(**({
      "task": task, "model": "qwen3_8b", "epochs": 100, "groups": 32, "group_size": 16, "fidelity": "full",
      "reward": RewardSettings(kind="power", lower=lower, upper=upper, alpha=alpha, scale=scale, ladder=True),
      "advantage": AdvantageSettings(kind="grpo"),
      "policy": PolicySettings(kind="importance", ratio_cap=2.0, normalize="reply_mean"),
      "archive": ArchiveSettings(kind="islands", population=10_000, elites=1000, islands=10, exploitation=0.6, top=0,
                                 diverse=0),
      "prompt": PromptSettings(profile="full", budget=PROMPT),
      "sampling": Sampling(temperature=1.0, top_p=1.0, max_new_tokens=16384),
      "rollout": RolloutSettings(slots=64, max_length=CONTEXT), "row_length": CONTEXT, "part": 8,
      "lora": LoraSettings(), "compute_dtype": "bfloat16",
      "optimizer": OptimizerSettings(learning_rate=1e-6, schedule="constant", warmup_steps=0, b1=0.9, b2=0.98,
                                     weight_decay=0.1, clip_norm=1.0)} | changes))
