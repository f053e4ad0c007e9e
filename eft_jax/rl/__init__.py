"""Test-time RL: rollouts of a search become policy-gradient updates of the model that writes them."""

from eft_jax.rl import recipe, settings
from eft_jax.rl.advantages import AdvantageSettings
from eft_jax.rl.objective import PolicySettings
from eft_jax.rl.rewards import RewardSettings
from eft_jax.rl.settings import RlSettings, RolloutSettings
from eft_jax.search.proposers import Sampling
from eft_jax.train.settings import LoraSettings, OptimizerSettings

__all__ = ["AdvantageSettings", "LoraSettings", "OptimizerSettings", "PolicySettings", "RewardSettings", "RlSettings",
           "RolloutSettings", "Sampling", "recipe", "settings"]
