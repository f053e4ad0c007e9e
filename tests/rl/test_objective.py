"""The policy gradient is its formula on packed rows, in parts and on any mesh; a few steps teach a policy what pays."""

import dataclasses
import json
import math
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models, train
from eft_jax.core.settings import ConfigError
from eft_jax.rl import advantages, objective
from eft_jax.rl.advantages import AdvantageSettings
from eft_jax.rl.objective import PolicyGradient, PolicySettings, RolloutBatch
from eft_jax.train import batches, mesh, objectives, step

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {
    "importance": PolicySettings(), "uncapped": PolicySettings(ratio_cap=0.0),
    "clip": PolicySettings("clip"), "reinforce": PolicySettings("reinforce"),
    "banded": PolicySettings(ratio_cap=0.0, band=(0.6, 1.5)), "banded clip": PolicySettings("clip", band=(0.6, 1.5)),
    "sum": PolicySettings(normalize="token_sum"),
    "sum over": PolicySettings("clip", normalize="token_sum", divisor=7.0)}
KIND = pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)


# --- the loss of tokens -----------------------------------------------------------------------------------------------


def token_loss(settings, logp, behaviour, advantage, held):
  """-what one token adds to the objective; `held` is its log p for weights that have no gradient."""
  ratio = math.exp(min(max(logp - behaviour, -20), 20))
  weight = math.exp(min(max(held - behaviour, -20), 20))
  if settings.band and not settings.band[0] <= weight <= settings.band[1]:
    return 0.0
  if settings.kind == "importance":
    return -min(weight, settings.ratio_cap or math.inf) * advantage * logp
  if settings.kind == "clip":
    clipped = min(max(ratio, 1 - settings.clip_low), 1 + settings.clip_high)
    return -min(ratio * advantage, clipped * advantage)
  return -advantage * logp


def loss_of_logits(settings, logits, targets, behaviour, advantage, mask, held):
  """The whole loss in numpy and float64."""
  total = 0.0
  for b, t in np.argwhere(mask):
    row = logits[b, t]
    logp = row[targets[b, t]] - row.max() - math.log(np.exp(row - row.max()).sum())
    total += token_loss(settings, logp, behaviour[b, t], advantage[b, t], held[b, t])
  return total / (settings.divisor if settings.normalize == "token_sum" else mask.sum())


def log_softmax(logits, targets):
  logits = logits - logits.max(-1, keepdims=True)
  return np.take_along_axis(logits - np.log(np.exp(logits).sum(-1, keepdims=True)), targets[..., None], -1)[..., 0]


@KIND
def test_gradient_on_logits_is_that_of_finite_differences(settings):
  rng = np.random.default_rng(0)
  logits, targets = rng.normal(size=(3, 8, 5)), rng.integers(0, 5, (3, 8))
  mask, advantage = rng.random((3, 8)) < 0.8, rng.normal(size=(3, 8))
  held = log_softmax(logits, targets)
  behaviour = held - rng.normal(size=held.shape) * 0.6
  ratio = np.exp(held - behaviour)[mask]
  for kink in (0.6, 0.8, 1.28, 1.5, 2.0):
    assert np.abs(ratio - kink).min() > 1e-3 and (ratio < kink).any() and (ratio > kink).any()

  def loss(logits):
    logp = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], axis=-1)[..., 0]
    at = lambda x: jnp.where(mask, x, 0.0)
    divisor = settings.divisor if settings.normalize == "token_sum" else None
    total, count = objective.policy_sums(settings, at(logp), at(behaviour), at(advantage), mask, divisor)["loss"]
    return total / count

  plain = lambda x: loss_of_logits(settings, x, targets, behaviour, advantage, mask, held)
  value, slope = jax.value_and_grad(loss)(jnp.array(logits))
  np.testing.assert_allclose(value, plain(logits), rtol=1e-5)
  measured = np.zeros_like(logits)
  for place in np.ndindex(*logits.shape):
    moved = np.zeros_like(logits)
    moved[place] = 1e-5
    measured[place] = (plain(logits + moved) - plain(logits - moved)) / 2e-5
  np.testing.assert_allclose(slope, measured, atol=2e-6 * np.abs(measured).max())
  assert not np.asarray(slope)[~mask].any(), "what was not sampled has a gradient"


@pytest.mark.parametrize("name, ratio, advantage, slope", [
    ("importance", 3.0, 1.0, -2.0), ("importance", 3.0, -1.0, 2.0), ("importance", 0.5, 2.0, -1.0),
    ("uncapped", 3.0, 1.0, -3.0), ("uncapped", math.exp(30), 1.0, -math.exp(20)),
    ("uncapped", math.exp(-30), 1.0, -math.exp(-20)),
    ("clip", 1.5, 1.0, 0.0), ("clip", 1.5, -1.0, 1.5), ("clip", 0.5, -1.0, 0.0), ("clip", 0.5, 1.0, -0.5),
    ("clip", 1.1, 2.0, -2.2), ("clip", 1.0, 1.0, -1.0), ("reinforce", 3.0, 2.0, -2.0),
    ("banded", 1.6, 1.0, 0.0), ("banded", 0.5, 1.0, 0.0), ("banded", 1.4, 1.0, -1.4), ("banded clip", 1.6, -1.0, 0.0),
    ("banded clip", 1.4, -1.0, 1.4)])
def test_slope_of_one_token(name, ratio, advantage, slope):
  def loss(logp):
    sums = objective.policy_sums(KINDS[name], logp, -2.0 * jnp.ones((1, 1)), jnp.full((1, 1), advantage),
                                 jnp.ones((1, 1), bool))
    return sums["loss"][0]
  found = jax.grad(loss)(jnp.full((1, 1), math.log(ratio) - 2))
  np.testing.assert_allclose(found, slope, rtol=1e-5)


@pytest.mark.parametrize("name", ["importance", "uncapped", "clip", "banded", "banded clip"])
def test_on_policy_every_correction_is_reinforce(name):
  rng = np.random.default_rng(2)
  logits, advantage = jnp.array(rng.normal(size=(3, 8, 5))), rng.normal(size=(3, 8))
  targets = rng.integers(0, 5, (3, 8))
  logp = lambda logits: jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], axis=-1)[..., 0]

  def run(settings):
    def loss(logits):
      sums = objective.policy_sums(settings, logp(logits), held, jnp.array(advantage), jnp.ones((3, 8), bool))
      return objectives.means(sums)["loss"], objectives.means(sums)
    return jax.grad(loss, has_aux=True)(logits)

  held = logp(logits)
  (slope, found), (expected, _) = run(KINDS[name]), run(KINDS["reinforce"])
  np.testing.assert_allclose(slope, expected, atol=1e-7)
  assert found["logp_gap_max"] == found["kl_rollout"] == found.get("truncated", 0) == found.get("clipped", 0) == 0


def test_metrics_are_their_formulas():
  rng = np.random.default_rng(1)
  logp, behaviour, reference = (-rng.random((2, 9)) - 0.1 for _ in range(3))
  mask = rng.random((2, 9)) < 0.7
  at = lambda x: jnp.where(mask, x, 0.0)
  advantage = rng.normal(size=(2, 9))
  for settings, held in ((PolicySettings(ratio_cap=1.1, band=(0.7, 1.5)), lambda r, a: r > 1.1),
                         (PolicySettings("clip", band=(0.7, 1.5)), lambda r, a: np.where(a > 0, r > 1.28, r < 0.8))):
    sums = objective.policy_sums(settings, at(logp), at(behaviour), at(advantage), jnp.array(mask), None, at(reference))
    found = objectives.means(sums)
    assert float(sums["loss"][1]) == mask.sum()
    p, q, f, a = logp[mask], behaviour[mask], reference[mask], advantage[mask]
    r, s = np.exp(p - q), np.exp(f - p)
    expected = {
        "logp_gap": np.abs(p - q).mean(), "logp_gap_max": np.abs(p - q).max(),
        "probability_gap": np.abs(np.exp(p) - np.exp(q)).mean(), "entropy": -p.mean(),
        "kl_rollout": (r - 1 - np.log(r)).mean(), "kl_reference": (s - 1 - np.log(s)).mean(),
        "masked": ((r < 0.7) | (r > 1.5)).mean(),
        "truncated" if settings.kind == "importance" else "clipped": held(r, a).mean()}
    assert set(found) == set(expected) | {"loss"} and 0 < expected["masked"] < 1
    for name, value in expected.items():
      np.testing.assert_allclose(found[name], value, rtol=1e-4, err_msg=name)
  assert set(objective.policy_sums(PolicySettings("reinforce"), at(logp), at(behaviour), at(advantage), mask)) == {
      "loss", "logp_gap", "logp_gap_max", "probability_gap", "kl_rollout", "entropy"}


def test_the_kl_of_log_probs_that_almost_agree_is_no_noise():
  logp = jnp.full((1, 100), -2.0)
  sums = objective.policy_sums(PolicySettings(), logp, logp + 1e-3, logp, jnp.ones((1, 100), bool))
  np.testing.assert_allclose(objectives.means(sums)["kl_rollout"], 0.5e-6, rtol=1e-2)


@pytest.mark.parametrize("changes, message", [
    ({"kind": "clip", "ratio_cap": 3.0}, "policy.ratio_cap is 3.0, but policy.kind is 'clip'.* take 'importance'"),
    ({"clip_low": 0.1}, "policy.clip_low is 0.1, but policy.kind is 'importance'"),
    ({"kind": "reinforce", "band": (0.5, 5.0)}, "policy.band .* 'reinforce'.* take 'importance' or 'clip'"),
    ({"ratio_cap": 0.5}, "policy.ratio_cap is 0.5"), ({"ratio_cap": math.nan}, "policy.ratio_cap is nan"),
    ({"kind": "clip", "clip_low": 1.5}, "policy.clip_low is 1.5"), ({"band": (0.5,)}, "policy.band is"),
    ({"band": (1.5, 2.0)}, "two numbers with 1 between them"), ({"divisor": 8.0}, "policy.divisor is 8.0, but"),
    ({"normalize": "token_sum", "divisor": 0.5}, "policy.divisor is 0.5, expected at least 1")])
def test_settings_that_make_no_sense_are_refused(changes, message):
  with pytest.raises(ConfigError, match=message):
    PolicySettings(**changes)


# --- on a model -------------------------------------------------------------------------------------------------------

LENGTHS = (31, 3, 17, 9)


@pytest.fixture(scope="module")
def tiny():
  """(config, params). The vocabulary divides by 8."""
  config = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=264)
  return config, jax.tree.map(lambda x: 1.4 * x, models.init(config, jax.random.key(0)))


@pytest.fixture(scope="module")
def forward(tiny):
  return objectives.Forward(tiny[0], jnp.float32, "none", 16)


def rollouts(packing):
  """Documents of LENGTHS packed in rows, with values that depend on the document and the place in it alone."""
  rng = np.random.default_rng(0)
  tokens = [rng.integers(1, 264, n).astype(np.int32) for n in LENGTHS]
  sampled = [(np.arange(n) >= 2) & (rng.random(n) < 0.8) for n in LENGTHS]  # a prompt of two, and forced tokens
  values = [[rng.normal(size=n), -4.5 - rng.random(n) * 2, -5 - rng.random(n)] for n in LENGTHS]
  data = train.DataSettings(row_length=32 if packing == "none" else 64, packing=packing, packing_bins=1)
  rows = next(batches.in_order(batches.Examples(tokens, sampled), data, 4 if packing == "none" else 1))
  spread = np.zeros((3, *rows.tokens.shape), np.float32)
  for row, place in np.argwhere(rows.examples > 0):
    where = rows.segment_ids[row] == place + 1
    spread[:, row, where] = np.where(rows.loss_mask[row, where], values[rows.examples[row, place] - 1], np.nan)
  return RolloutBatch(rows, *spread)


def parts(batch, count):
  return jax.tree.map(lambda x: jnp.array(x).reshape(count, len(x) // count, *x.shape[1:]), batch)


def value_and_grad(settings, forward, params, batch):
  run = jax.jit(lambda params, batch: objectives.value_and_grad(PolicyGradient(settings, True), forward, params,
                                                                lambda t: t, batch))
  sums, grads = run(params, batch)
  return objectives.means(sums), grads


def assert_same(found, expected, rtol=2e-5):
  for name, value in expected[0].items():
    np.testing.assert_allclose(found[0][name], value, rtol=1e-4, atol=1e-6, err_msg=name)
  for a, b in zip(jax.tree.leaves(found[1]), jax.tree.leaves(expected[1]), strict=True):
    np.testing.assert_allclose(a, b, atol=rtol * float(jnp.abs(b).max()) + 1e-8)


def from_full_logits(settings, config, temperature):
  """The loss of rows of one document each, from whole logits, as a function of params."""
  batch = rollouts("none")
  wanted = batch.rows.loss_mask[:, 1:] & (batch.rows.segment_ids[:, 1:] == 1)

  def loss(params):
    hidden = models.hidden(config, params, *map(jnp.array, (batch.rows.tokens, batch.rows.positions,
                                                            batch.rows.segment_ids)))
    logits = jax.nn.log_softmax(models.logits(config, params, hidden)[:, :-1] / temperature)
    logp = jnp.take_along_axis(logits, batch.rows.tokens[:, 1:, None], axis=-1)[..., 0]
    ratio = jnp.exp(logp - jnp.where(wanted, batch.behaviour_logp[:, 1:], 0))
    worth = jnp.where(wanted, batch.advantage[:, 1:], 0)
    if settings.kind == "clip":
      losses = -jnp.minimum(ratio * worth, jnp.clip(ratio, 0.8, 1.28) * worth)
    else:
      losses = -jax.lax.stop_gradient(jnp.minimum(ratio, settings.ratio_cap)) * worth * logp
    total = jnp.sum(losses, where=wanted)
    return total / (settings.divisor if settings.normalize == "token_sum" else wanted.sum())
  return loss


@pytest.mark.slow
@pytest.mark.parametrize("name, counts, temperature", [("importance", (1, 4), 1.0), ("sum over", (2,), 0.7)])
def test_packed_rows_and_parts_give_the_loss_of_whole_logits(name, counts, temperature, tiny, forward):
  """Also that prompts, forced tokens and padding teach nothing: their values are NaN."""
  settings, (config, params), forward = KINDS[name], tiny, forward._replace(temperature=temperature)
  loss, grads = jax.jit(jax.value_and_grad(from_full_logits(settings, config, temperature)))(params)
  packed = value_and_grad(settings, forward, params, parts(rollouts("best_fit"), 1))
  assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(packed)) and packed[0]["logp_gap"] > 0.2
  assert_same(packed, ({"loss": loss}, grads))
  for count in counts:
    assert_same(value_and_grad(settings, forward, params, parts(rollouts("none"), count)), packed)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_mean_over_replies_is_the_mean_of_their_means(count, forward, monkeypatch):
  """On rows of one reply or several, which add up from parts; with the log-probs in place of a model."""
  rng = np.random.default_rng(3)
  table = rng.normal(size=300) - 5.5  # log p of each token

  def scores(forward, params, rows):
    targets, mask = objectives.targets_of(rows)
    return jnp.where(mask, jnp.array(table)[targets], 0.0), None, mask
  monkeypatch.setattr(objectives, "scores_of", scores)
  batch = rollouts("none")
  terms = []
  for row, own in enumerate(batch.rows.loss_mask & (batch.rows.segment_ids == 1)):
    ratio = np.exp(table[batch.rows.tokens[row, own]] - batch.behaviour_logp[row, own])
    losses = -np.minimum(ratio, 2.0) * batch.advantage[row, own] * table[batch.rows.tokens[row, own]]
    terms.append(losses.mean() if own.any() else None)
  expected = np.mean([term for term in terms if term is not None])
  mean = PolicyGradient(PolicySettings(normalize="reply_mean"))
  for given, parted in ((batch, count), (rollouts("best_fit"), 1)):
    sums = [mean.sums(forward, None, jax.tree.map(lambda x, i=i: x[i], parts(given, parted)), None)["loss"]
            for i in range(parted)]
    np.testing.assert_allclose(sum(s[0] for s in sums) / sum(s[1] for s in sums), expected, rtol=1e-4)
    assert sum(s[1] for s in sums) == sum(term is not None for term in terms)


@pytest.mark.slow
def test_with_an_advantage_of_one_it_is_the_gradient_of_sft(tiny, forward):
  batch = rollouts("none")
  batch = parts(dataclasses.replace(batch, advantage=np.ones_like(batch.advantage)), 2)
  found = value_and_grad(KINDS["reinforce"], forward, tiny[1], batch)
  sums, grads = jax.jit(lambda params: objectives.value_and_grad(objectives.Sft(), forward, params, lambda t: t,
                                                                 batch.rows))(tiny[1])
  assert_same(found, ({"loss": objectives.means(sums)["loss"]}, grads))


@pytest.mark.slow
def test_gradient_on_parameters_is_that_of_finite_differences(tiny, forward):
  settings, params, batch = KINDS["clip"], tiny[1], parts(rollouts("none"), 2)
  _, grads = value_and_grad(settings, forward, params, batch)
  clip = PolicyGradient(settings, True)

  @jax.jit
  def loss(size, direction):
    moved = jax.tree.map(lambda p, d: p + size * d, params, direction)
    sums = [clip.sums(forward, moved, jax.tree.map(lambda x, i=i: x[i], batch), None)["loss"] for i in range(2)]
    return sum(s[0] for s in sums) / sum(s[1] for s in sums)

  norm = float(jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads))))
  along = jax.tree.map(lambda g: g / norm, grads)
  measured = (loss(3e-3, along) - loss(-3e-3, along)) / 6e-3
  np.testing.assert_allclose(measured, norm, rtol=2e-2)


def test_log_probs_stand_at_their_tokens(tiny, forward):
  config, params = tiny
  batch = rollouts("best_fit")
  rows = jax.tree.map(jnp.array, batch.rows)
  found = np.asarray(jax.jit(lambda rows: objectives.token_logprobs(forward, params, rows))(rows))
  hidden = models.hidden(config, params, rows.tokens, rows.positions, rows.segment_ids)
  logits = np.asarray(models.logits(config, params, hidden), np.float64)
  for t in range(64):
    sampled = batch.rows.loss_mask[0, t] and batch.rows.segment_ids[0, t]
    expected = log_softmax(logits[:, t - 1], batch.rows.tokens[:, t])[0] if sampled else 0.0
    np.testing.assert_allclose(found[0, t], expected, rtol=1e-4)


# --- steps ------------------------------------------------------------------------------------------------------------

PROMPT, REPLIES, REPLY = 4, 16, 3


def settings_of(**changes):
  return train.TrainSettings(**({
      "data": train.DataSettings("x", row_length=8, batch_size=REPLIES, packing="none"), "accumulate": 2,
      "optimizer": train.OptimizerSettings(1e-2, "constant", 0), "steps": 10} | changes))


class Bandit:
  """One prompt; a reply of three tokens earns the share of them that are even. Rollouts come from the policy itself."""

  def __init__(self, tiny, lora=0, policy=KINDS["importance"]):  # noqa: B008  frozen
    self.config, params = tiny
    self.mesh = mesh.make(train.MeshSettings(), jax.devices()[:1])
    self.trainer = step.design(settings_of(lora=train.LoraSettings(lora)), self.config, 10, self.mesh,
                               objective=PolicyGradient(policy))
    self.state, self.frozen = self.trainer.start(jax.tree.map(jnp.array, params))
    self.rng = np.random.default_rng(0)

    @jax.jit
    def next_logits(trainable, frozen, tokens):
      params = self.trainer.assemble(trainable, frozen)
      places = jnp.broadcast_to(jnp.arange(8), tokens.shape)
      return models.logits(self.config, params, models.hidden(self.config, params, tokens, places,
                                                              jnp.ones_like(tokens)))
    self.logits = lambda tokens: np.asarray(next_logits(self.state.trainable, self.frozen, tokens), np.float64)

  def sample(self):
    """Rollouts [REPLIES, T] with the log-probs that they were sampled by, and their rewards."""
    tokens = np.zeros((REPLIES, 8), np.int32)
    tokens[:, :PROMPT] = [5, 6, 7, 8]
    logp = np.zeros((REPLIES, 8), np.float32)
    for t in range(PROMPT, PROMPT + REPLY):
      logits = self.logits(tokens)[:, t - 1]
      tokens[:, t] = np.argmax(logits + self.rng.gumbel(size=logits.shape), axis=-1)
      logp[:, t] = log_softmax(logits, tokens[:, t])
    place = np.broadcast_to(np.arange(8, dtype=np.int32), tokens.shape)
    there = place < PROMPT + REPLY
    rows = batches.Batch(tokens, place * there, there.astype(np.int32), there & (place >= PROMPT),
                         np.arange(1, REPLIES + 1, dtype=np.int32)[:, None])
    return rows, logp, (tokens[:, PROMPT:PROMPT + REPLY] % 2 == 0).mean(1)

  def learn(self, steps, settings):
    """Mean rewards of the steps, and the last metrics."""
    means = []
    with jax.set_mesh(self.mesh):
      for _ in range(steps):
        rows, logp, rewards = self.sample()
        worth = advantages.advantages(rewards, settings) if settings else np.zeros(REPLIES)
        worth = np.zeros(REPLIES) if worth is None else worth
        batch = RolloutBatch(rows, np.broadcast_to(worth[:, None], logp.shape).astype(np.float32), logp)
        placed = mesh.place(self.mesh, batch, 2)
        described = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype, x.sharding), tree)
        assert described(placed) == described(self.trainer.batch)
        self.state, out = self.trainer.train(self.state, self.frozen, placed)
        np.testing.assert_allclose(out["logp_gap_max"], 0, atol=1e-4)
        means.append(rewards.mean())
    return means


@pytest.mark.slow
@pytest.mark.parametrize("lora, policy, kind", [
    (0, "importance", "grpo"), (0, "clip", "rloo"), (4, "sum", "entropic_adaptive")])
def test_a_few_steps_raise_what_pays(tiny, lora, policy, kind):
  bandit = Bandit(tiny, lora, KINDS[policy])
  means = bandit.learn(14, AdvantageSettings(kind))
  assert means[0] < 0.65 and np.mean(means[-3:]) > 0.85, means
  assert bandit.trainer.train._cache_size() == 1


@pytest.mark.slow
def test_without_advantages_nothing_moves(tiny):
  bandit = Bandit(tiny)
  before = jax.tree.map(np.array, bandit.state.trainable)
  bandit.learn(2, None)
  assert int(bandit.state.step) == 2
  jax.tree.map(np.testing.assert_array_equal, before, jax.tree.map(np.array, bandit.state.trainable))


def steps_on(sizes):
  """Losses, gaps and gradient norms of three steps on a mesh."""
  config = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=264)
  where = mesh.make(train.MeshSettings(*sizes), jax.devices()[:math.prod(sizes)])
  rng = np.random.default_rng(0)
  shape = (16, 32)
  place = np.broadcast_to(np.arange(32, dtype=np.int32), shape)
  rows = batches.Batch(rng.integers(1, 264, shape).astype(np.int32), place % 16, place // 16 + 1, place % 16 > 5,
                       np.arange(1, 33, dtype=np.int32).reshape(16, 2))
  batch = RolloutBatch(rows, *(rng.normal(size=shape).astype(np.float32) - shift for shift in (0, 5.6, 5.6)))
  settings = settings_of(data=train.DataSettings("x", row_length=32, batch_size=16, segments=2),
                         lora=train.LoraSettings(4))
  with jax.set_mesh(where):
    trainer = step.design(settings, config, 3, where, objective=PolicyGradient(PolicySettings(), True))
    state, frozen = trainer.start(models.init(config, jax.random.key(0)))
    placed, found = mesh.place(where, batch, 2), []
    for _ in range(3):
      state, out = trainer.train(state, frozen, placed)
      found.append([float(out[name]) for name in ("loss", "logp_gap_max", "kl_reference", "grad_norm")])
    one = trainer.logprobs(state.trainable, frozen, mesh.place(where, rows))
  return [*found, [float(x) for x in np.asarray(one).sum(1)]]


@pytest.mark.slow
def test_a_mesh_of_eight_devices_gives_what_one_gives(tmp_path):
  code = f"""
import json, sys
sys.path[:0] = [{str(ROOT)!r}, {str(pathlib.Path(__file__).parent)!r}]
import test_objective
print(json.dumps([test_objective.steps_on(sizes) for sizes in ((1, 1, 1, 1), (1, 2, 2, 2))]))
"""
  environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=600)
  assert done.returncode == 0, done.stderr[-3000:]
  for one, eight in zip(*json.loads(done.stdout.splitlines()[-1]), strict=True):
    np.testing.assert_allclose(eight, one, rtol=1e-4, atol=1e-6)
