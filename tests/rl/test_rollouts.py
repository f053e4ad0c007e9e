"""From attempts to packed rows: who earns what, who is left out and why, and that no token is lost or learnt twice."""

import dataclasses

import jax
import numpy as np
import pytest

from eft_jax import core, rl
from eft_jax.core import Attempt, Outcome, Response
from eft_jax.rl import rollouts

TASK = core.load("thomson_energy_12")
REPLY = Response("r", prompt_ids=(1, 2, 3), token_ids=(4, 5), logprobs=(-0.5, -0.25))


def attempt(step, score=None, outcome=None, group=0, response=REPLY, **fields):
  outcome = outcome or (Outcome.OK if score is not None else Outcome.NO_EDIT)
  return Attempt("r", step, 1, group, step, TASK.name, TASK.family, TASK.version, outcome, parent=0, edit="diff",
                 value=score if outcome is Outcome.OK else None, score=score if outcome is Outcome.OK else 0.0,
                 response=response, **fields)


def settings(**changes):
  return rl.RlSettings(**(dict(task=TASK.name, group_size=4, row_length=16, part=2,
                               advantage=rl.AdvantageSettings(kind="mean")) | changes))


def read(attempts, chosen=None, earlier=None):
  return rollouts.read(attempts, chosen or settings(), TASK, earlier or {}.__getitem__)


def test_groups_are_judged_by_themselves():
  epoch = read([attempt(1, 1.0), attempt(2, 0.0), attempt(3, 5.0, group=1), attempt(4, 5.0, group=1),
                attempt(5, 3.0, group=2), attempt(6, group=2)])
  assert [rollout.advantage for rollout in epoch.rollouts] == [0.5, -0.5, 1.5, -1.5]
  assert (epoch.groups, epoch.silent) == (3, 1)
  assert sorted(epoch.rewards) == [0, 0, 1, 3, 5, 5]
  found = epoch.metrics()
  assert found["reward_mean"] == pytest.approx(14 / 6) and found["reward_best"] == 5 and found["silent_groups"] == 1
  assert found["share_ok"] == pytest.approx(5 / 6)


def test_a_rollout_is_prompt_and_reply_with_what_was_sampled():
  rollout = read([attempt(1, 1.0), attempt(2, 0.0)]).rollouts[0]
  assert rollout.tokens.tolist() == [1, 2, 3, 4, 5] and rollout.sampled.tolist() == [False] * 3 + [True] * 2
  assert rollout.behaviour.tolist() == [0, 0, 0, -0.5, -0.25]
  forced = dataclasses.replace(REPLY, forced=((0, 1),))
  assert read([attempt(1, 1.0, response=forced), attempt(2, 0.0)]).rollouts[0].sampled.tolist() == [False] * 4 + [True]


def test_what_teaches_nothing_is_counted_by_its_reason():
  silent = dataclasses.replace(REPLY, logprobs=())
  long = dataclasses.replace(REPLY, prompt_ids=tuple(range(15)))
  epoch = read([attempt(1, 1.0), attempt(2, 0.0, response=silent), attempt(3, 0.5, response=long),
                attempt(4, outcome=Outcome.TASK_BUG)])
  assert epoch.left_out == {"no_tokens": 1, "too_long": 1, "task_bug": 1} and len(epoch.rollouts) == 1
  assert epoch.rollouts[0].advantage == pytest.approx(0.5)  # of the three that have a reward


def test_a_program_tried_before_earns_what_it_earned_then_but_on_the_ladder():
  again = attempt(2, outcome=Outcome.DUPLICATE, metrics={"earlier_step": 9.0, "earlier_score": 0.75})
  earlier = {9: attempt(9, 0.75), 8: attempt(8, outcome=Outcome.CRASH)}.__getitem__
  failed = attempt(3, outcome=Outcome.DUPLICATE, metrics={"earlier_step": 8.0, "earlier_score": 0.0})
  assert sorted(read([attempt(1, 0.25), again, failed], earlier=earlier).rewards) == [0, 0.25, 0.75]
  ladder = settings(reward=rl.RewardSettings(ladder=True))
  assert sorted(read([attempt(1, 0.25), again, failed], ladder, earlier).rewards) == [-0.3, -0.3, 0.25]


def test_an_epoch_without_differences_says_why():
  epoch = read([attempt(1), attempt(2), attempt(3, group=1), attempt(4, outcome=Outcome.TIMEOUT, group=1)])
  assert not epoch.rollouts
  assert epoch.why_silent() == ("in each of 2 groups all rewards are the same (3 no_edit, 1 timeout; reward 0 to 0)")
  assert "no rewards" in read([attempt(1, outcome=Outcome.TASK_BUG)]).why_silent()


@pytest.mark.parametrize("packing", ["none", "best_fit"])
def test_packing_keeps_every_token_once(packing):
  rng = np.random.default_rng(0)
  made = []
  for index in range(11):
    length = int(rng.integers(2, 17))
    sampled = np.arange(length) >= length // 2
    made.append(rollouts.Rollout(rng.integers(1, 99, length).astype(np.int32), sampled,
                                 np.where(sampled, -rng.random(length), 0).astype(np.float32), float(index)))
  batch = rollouts.pack(made, settings(packing=packing), 0)
  shapes = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
  assert len(shapes) == 1 and shapes <= {2, 4, 8, 16}  # parts of 2 rows, a power of two of them
  seen = {}
  for row, examples in enumerate(batch.rows.examples):
    for segment, example in enumerate(examples[examples > 0], 1):
      where = batch.rows.segment_ids[row] == segment
      seen[int(example) - 1] = [np.asarray(field[row])[where] for field in (
          batch.rows.tokens, batch.rows.loss_mask, batch.behaviour_logp, batch.advantage)]
  assert sorted(seen) == list(range(11))
  for index, (tokens, mask, behaviour, advantage) in seen.items():
    assert tokens.tolist() == made[index].tokens.tolist() and mask.tolist() == made[index].sampled.tolist()
    assert behaviour.tolist() == made[index].behaviour.tolist()
    assert advantage.tolist() == np.where(mask, index, 0).tolist()
  assert int((batch.rows.segment_ids > 0).sum()) == sum(map(len, made))


def test_the_kl_is_folded_in_where_tokens_were_sampled():
  made = [rollouts.Rollout(np.arange(1, 6, dtype=np.int32), np.arange(5) >= 3,
                           np.array([0, 0, 0, -1.0, -2.0], np.float32), 1.0)]
  batch = rollouts.pack(made, settings(), 0)
  reference = np.where(batch.rows.loss_mask, -3.0, 0.0).astype(np.float32)
  folded = rollouts.fold_kl(batch, reference, 0.5)
  # Log-ratios 2 and 1, mean 1.5.
  assert folded.advantage[batch.rows.loss_mask].tolist() == [0.75, 1.25]
  assert not folded.advantage[~batch.rows.loss_mask].any() and folded.reference_logp is reference
