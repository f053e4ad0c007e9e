"""Rollouts: what an epoch's attempts teach, from rewards to packed rows with an advantage at every sampled token."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import grain
import jax
import numpy as np

from eft_jax.core import Attempt, Outcome
from eft_jax.rl import advantages, rewards
from eft_jax.rl.objective import RolloutBatch
from eft_jax.rl.settings import RlSettings
from eft_jax.train import batches

FIELDS = ("advantage", "behaviour_logp")  # of RolloutBatch, [B, T]


@dataclasses.dataclass(frozen=True)
class Rollout:
  """One attempt as the update sees it, n tokens of prompt and reply.

  Attributes:
    tokens: [n] int32. sampled: [n] bool, tokens that the policy drew.
    behaviour: [n] float32, log p of each sampled token when it was drawn, 0 elsewhere.
    advantage: of the reply within its group.
  """

  tokens: np.ndarray
  sampled: np.ndarray
  behaviour: np.ndarray
  advantage: float

  def __len__(self) -> int:
    return len(self.tokens)


@dataclasses.dataclass(frozen=True)
class Epoch:
  """What came out of one batch of attempts.

  Attributes:
    rollouts: of the groups whose rewards differ.
    rewards: of all attempts that count; [N] float64.
    left_out: reason -> how many attempts teach nothing.
    outcomes: outcome -> how many.
    groups, silent: groups in all, and those with nothing to learn from.
  """

  rollouts: list[Rollout]
  rewards: np.ndarray
  left_out: collections.Counter
  outcomes: collections.Counter
  groups: int
  silent: int

  @property
  def mean(self) -> float:
    return float(self.rewards.mean()) if len(self.rewards) else math.nan

  @property
  def best(self) -> float:
    return float(self.rewards.max(initial=-math.inf))

  def metrics(self) -> dict[str, float]:
    """Numbers for the record."""
    found = {"rollouts": len(self.rewards), "groups": self.groups, "silent_groups": self.silent,
             "left_out": sum(self.left_out.values())}
    if len(self.rewards):
      quantiles = np.quantile(self.rewards, (0.1, 0.5, 0.9))
      found |= {"reward_mean": self.rewards.mean(), "reward_best": self.rewards.max(),
                **{f"reward_q{q}": value for q, value in zip((10, 50, 90), quantiles, strict=True)}}
    total = max(sum(self.outcomes.values()), 1)
    found |= {f"share_{name}": self.outcomes[name] / total for name in ("ok", "duplicate", "truncated")}
    return {name: float(value) for name, value in found.items()}

  def why_silent(self) -> str:
    """In words, for an epoch without rollouts to learn from."""
    common = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common(3))
    reward = f"reward {self.rewards.min():.4g} to {self.rewards.max():.4g}" if len(self.rewards) else "no rewards"
    return f"in each of {self.groups} groups all rewards are the same ({common}; {reward})"


def read(attempts: Sequence[Attempt], settings: RlSettings, task: Any, earlier: Callable[[int], Attempt]) -> Epoch:
  """The epoch of a batch's attempts.

  A program that was tried before earns what it earned then, unless the ladder of failures has a place for it.

  Args:
    attempts: of one batch, `infra` ones left out.
    earlier: the attempt of a step.
  """
  groups: dict[int, list[tuple[Attempt, float]]] = {}
  left_out: collections.Counter = collections.Counter()
  outcomes: collections.Counter = collections.Counter(attempt.outcome.value for attempt in attempts)
  for attempt in attempts:
    judged = attempt
    if attempt.outcome is Outcome.DUPLICATE and not settings.reward.ladder:
      judged = earlier(int(attempt.metrics["earlier_step"]))
    reward = rewards.reward(judged.outcome, judged.value, judged.score, task, settings.reward)
    if reward is None:
      left_out[judged.outcome.value] += 1
    else:
      groups.setdefault(attempt.group, []).append((attempt, reward))
  found, silent = [], 0
  for members in groups.values():
    worth = advantages.advantages(np.array([reward for _, reward in members]), settings.advantage)
    if worth is None:
      silent += 1
      continue
    for (attempt, _), advantage in zip(members, worth, strict=True):
      rollout = _rollout(attempt, float(advantage))
      reason = ("no_tokens" if rollout is None else
                "too_long" if len(rollout) > settings.row_length else "")
      if reason:
        left_out[reason] += 1
      else:
        found.append(rollout)
  everything = np.array([reward for members in groups.values() for _, reward in members], np.float64)
  return Epoch(found, everything, left_out, outcomes, len(groups), silent)


def _rollout(attempt: Attempt, advantage: float) -> Rollout | None:
  """None where the tokens or their log-probs are not known: a prompt that was too long, a server that tells none."""
  response = attempt.response
  if not response.token_ids or not response.logprobs:
    return None
  before = len(response.prompt_ids)
  behaviour = np.zeros(before + len(response.token_ids), np.float32)
  behaviour[before:] = response.logprobs
  sampled = np.arange(len(behaviour)) >= before
  for start, end in response.forced:
    sampled[before + start:before + end] = False
  return Rollout(np.array([*response.prompt_ids, *response.token_ids], np.int32), sampled, behaviour, advantage)


def pack(found: Sequence[Rollout], settings: RlSettings, seed: int) -> RolloutBatch:
  """Packed rows [A * part, T]. A is a power of two, so that few shapes are compiled; rows that are left are empty."""
  items = [{"tokens": rollout.tokens, "loss_mask": rollout.sampled, "examples": np.array([index + 1], np.int32),
            "advantage": np.where(rollout.sampled, np.float32(rollout.advantage), np.float32(0)),
            "behaviour_logp": rollout.behaviour} for index, rollout in enumerate(found)]
  rows = list(batches.packed(grain.MapDataset.source(items), settings.train.data, 1, seed,
                             features=("tokens", "loss_mask", *FIELDS), make=_batch))
  parts = -(-len(rows) // settings.part)
  missing = (1 << (parts - 1).bit_length()) * settings.part - len(rows)
  joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)
  return jax.tree.map(lambda x: np.pad(x, [(0, missing), (0, 0)]), joined)


def _batch(columns: dict[str, np.ndarray]) -> RolloutBatch:
  return RolloutBatch(batches.batch(columns), *(columns[name] for name in FIELDS))


def fold_kl(batch: RolloutBatch, reference: np.ndarray, coefficient: float) -> RolloutBatch:
  """The batch with advantages that hold the KL to a reference, of which log p [A * part, T] are given."""
  advantage = advantages.fold_kl(batch.advantage, batch.behaviour_logp, reference, batch.rows.loss_mask, coefficient)
  return dataclasses.replace(batch, advantage=advantage.astype(np.float32), reference_logp=reference)
