"""Advantages: what each reply's reward is worth beside the others of its group. numpy in float64: groups are small.

Every kind takes the rewards [G] of one group and returns [G] float64, or None where the group has nothing to teach:
fewer than two members, or the same reward for all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from eft_jax.core.settings import ConfigError

LARGEST_BETA = 1e6        # TTT-Discover's, tinker_cookbook/rl/train.py
TARGET_KL = math.log(2)   # likewise
BISECTIONS = 60
LARGEST_REWARD = 1e300    # so that no difference or sum of a group overflows
LOG_LIMIT = 20.0          # of the logarithm of a weight over the mean of the others: at most 4.9e8 times


@dataclasses.dataclass(frozen=True)
class AdvantageSettings:
  """What a reward is worth within its group.

  Attributes:
    kind: 'entropic' and 'entropic_adaptive' (TTT-Discover) seek the best reply of a group rather than a better mean;
      'grpo', 'rloo' and 'mean' compare with the mean.
    beta: of 'entropic': how sharply; per unit of reward.
    kl: coefficient of the KL to the model that training began with, folded into the advantage of every token; 0 for
      none.
  """

  kind: Literal["entropic", "entropic_adaptive", "grpo", "rloo", "mean"] = "entropic_adaptive"
  beta: float = 2.0
  kl: float = 0.0

  def __post_init__(self):
    if not 0 < self.beta <= LARGEST_BETA:
      raise ConfigError(f"advantage.beta is {self.beta}, expected a number above 0 and up to {LARGEST_BETA:g}.")
    if not 0 <= self.kl < math.inf:
      raise ConfigError(f"advantage.kl is {self.kl}, expected a number of at least 0.")
    if self.kind != "entropic" and self.beta != type(self).beta:
      raise ConfigError(f"advantage.beta is {self.beta}, but advantage.kind is {self.kind!r}, which does not read it: "
                        "leave it out or take 'entropic'.")


def advantages(rewards: ArrayLike, settings: AdvantageSettings) -> np.ndarray | None:
  """Advantages [G] of one group by settings.kind; None where it has nothing to teach."""
  kinds: dict[str, Callable[[ArrayLike], np.ndarray | None]] = {
      "entropic": lambda rewards: entropic(rewards, settings.beta), "entropic_adaptive": entropic_adaptive,
      "grpo": grpo, "rloo": rloo, "mean": mean_baseline}
  return kinds[settings.kind](rewards)


def entropic(rewards: ArrayLike, beta: float) -> np.ndarray | None:
  """exp(beta r_i) / mean over j != i of exp(beta r_j), minus 1.

  The gradient of log E[exp(beta r)] with the normaliser of a reply taken from the others. With p = softmax(beta r) it
  is (G - 1) p_i / (1 - p_i) - 1, so that the sum of (1 + A) / (G + A) is 1, and the mean of A at least 0. Shifting all
  rewards changes nothing. Where one reply outweighs all others beyond measure, 1 + A stops at exp(20).

  Source: TTT-Discover, tinker_cookbook/rl/train.py (entropic).
  """
  group = _group(rewards)
  if group is None:
    return None
  logits = _logits(group, beta)
  size = len(group)
  others = np.where(np.eye(size, dtype=bool), -np.inf, logits)  # [G, G]: row i without i
  top = others.max(axis=1)
  with np.errstate(invalid="ignore"):  # all others may weigh exactly nothing: -inf - -inf
    shifted = np.where(np.isneginf(top)[:, None], -np.inf, others - top[:, None])
    total = np.exp(shifted).sum(axis=1)
  with np.errstate(divide="ignore"):
    log_mean = np.where(np.isneginf(top), -np.inf, top + np.log(total)) - math.log(size - 1)
  return np.expm1(np.minimum(logits - log_mean, LOG_LIMIT))


def adaptive_beta(rewards: ArrayLike) -> float:
  """beta at which KL(softmax(beta r) || uniform) is ln 2: half of a large group's mass is on its winners.

  By bisection, to 1e-6 in KL. Not reachable where at least half of the group shares the best reward (with k of G the KL
  stays below ln(G / k), which is all of ln 2 for G = 2), or where rewards differ by so little that it takes more than
  LARGEST_BETA: then that is the answer, as in TTT-Discover.

  Source: TTT-Discover, tinker_cookbook/rl/train.py (entropic_adaptive_beta).
  """
  group = _group(rewards)
  if group is None:
    return LARGEST_BETA
  # KL is at most (beta spread)^2 / 8, the bound of Hoeffding's lemma on its derivative: below ln 2 at the lower end.
  with np.errstate(over="ignore"):
    low, high = float(1 / (group.max() - group.min())), LARGEST_BETA
  if low >= high or kl_to_uniform(_logits(group, high)) <= TARGET_KL:
    return high
  for _ in range(BISECTIONS):  # of the logarithm, because rewards come in all sizes
    middle = math.sqrt(low) * math.sqrt(high)
    low, high = (middle, high) if kl_to_uniform(_logits(group, middle)) < TARGET_KL else (low, middle)
  return high


def entropic_adaptive(rewards: ArrayLike) -> np.ndarray | None:
  """`entropic` with the group's own beta, so that scaling all rewards changes nothing either.

  None for two replies, too: no beta suits them. Where k >= G / 2 replies share the best reward, these get
  (G - k) / (k - 1) and the others -1.

  Source: TTT-Discover, tinker_cookbook/rl/train.py (entropic_adaptive_beta).
  """
  group = _group(rewards)
  return None if group is None or len(group) < 3 else entropic(group, adaptive_beta(group))


def grpo(rewards: ArrayLike) -> np.ndarray | None:
  """(r - mean) / standard deviation, of the sample (G - 1), as GRPO's implementations take it.

  Source: DeepSeekMath (arXiv:2402.03300), section 4.1.2.
  """
  centred = mean_baseline(rewards)
  if centred is None:
    return None
  scaled = centred / np.abs(centred).max()
  return scaled / math.sqrt((scaled ** 2).sum() / (len(scaled) - 1))


def rloo(rewards: ArrayLike) -> np.ndarray | None:
  """r_i - mean over j != i of r_j.

  Source: Kool et al. 2019 (Buy 4 REINFORCE samples, get a baseline for free); Ahmadian et al. 2024 (arXiv:2402.14740).
  """
  centred = mean_baseline(rewards)
  return None if centred is None else centred * (len(centred) / (len(centred) - 1))


def mean_baseline(rewards: ArrayLike) -> np.ndarray | None:
  """r - mean: REINFORCE with the group's mean as its baseline; GRPO without the deviation (arXiv:2503.20783)."""
  group = _group(rewards)
  if group is None:
    return None
  centred = group - group.mean()
  return centred - centred.mean()  # again, for rewards that are far from 0 beside their differences


def fold_kl(advantage: np.ndarray, rollout_logp: np.ndarray, reference_logp: np.ndarray, mask: np.ndarray,
            coefficient: float) -> np.ndarray:
  """Advantages of tokens with the KL to a reference in them: A + c (mean of (log p - log ref) - (log p - log ref)).

  The mean is over the sampled tokens of the whole batch, so that what is added sums to 0: tokens that the policy likes
  more than the reference did, beyond the usual, lose.

  Args:
    advantage, rollout_logp, reference_logp: of every token of a batch, of one shape; anything where it was not sampled.
    mask: tokens that were sampled.

  Returns:
    float64 of that shape, 0 where nothing was sampled.

  Source: TTT-Discover, tinker_cookbook (incorporate_kl_penalty); nanodiscover has c = 0.1.
  """
  mask = np.asarray(mask, bool)
  ratio = np.where(mask, np.asarray(rollout_logp, np.float64), 0) - np.where(mask, reference_logp, 0)
  mean = ratio.sum() / max(mask.sum(), 1)
  return np.where(mask, np.where(mask, advantage, 0) + coefficient * (mean - ratio), 0.0)


def kl_to_uniform(logits: np.ndarray) -> float:
  """KL(softmax(logits) || uniform), in nats; logits [G] whose largest is 0."""
  weights = np.exp(logits)
  total = weights.sum()
  mean = (np.where(weights > 0, logits, 0.0) * weights).sum() / total  # weights of 0 times logits of -inf are 0
  return float(mean - math.log(total) + math.log(len(logits)))


def _logits(group: np.ndarray, beta: float) -> np.ndarray:
  """beta (r - max r)."""
  with np.errstate(over="ignore"):
    return beta * (group - group.max())


def _group(rewards: ArrayLike) -> np.ndarray | None:
  """Rewards in float64; None where they say nothing.

  Raises:
    ValueError: not one row of finite numbers.
  """
  group = np.asarray(rewards, np.float64)
  if group.ndim != 1 or not np.all(np.abs(group) <= LARGEST_REWARD):
    raise ValueError(f"Rewards of a group are {group.tolist()}, expected a list of finite numbers of at most "
                     f"{LARGEST_REWARD:g} in size.")
  return None if len(group) < 2 or np.all(group == group[0]) else group
