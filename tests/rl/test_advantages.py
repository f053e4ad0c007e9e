"""Advantages are their formulas, hold their invariances, reach ln 2, and never turn into NaN."""

import fractions
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from eft_jax.core.settings import ConfigError
from eft_jax.rl import advantages
from eft_jax.rl.advantages import AdvantageSettings

KINDS = {"entropic": lambda rewards: advantages.entropic(rewards, 2.0),
         "entropic_adaptive": advantages.entropic_adaptive, "grpo": advantages.grpo, "rloo": advantages.rloo,
         "mean": advantages.mean_baseline}
KIND = pytest.mark.parametrize("kind", KINDS)
# Multiples of 1/64, so that shifts and sums are exact.
REWARDS = st.lists(st.integers(-640, 640).map(lambda n: n / 64), min_size=3, max_size=40).filter(
    lambda rewards: len(set(rewards)) > 1)
CENTRED = ("grpo", "rloo", "mean")


def loops(kind, rewards):
  """Every kind again, one reply at a time and with sums over the others written out."""
  size, mean = len(rewards), math.fsum(rewards) / len(rewards)
  others = lambda i, values: math.fsum(values[:i] + values[i + 1:]) / (size - 1)
  if kind == "entropic":
    weights = [math.exp(2.0 * r) for r in rewards]
    return [weights[i] / others(i, weights) - 1 for i in range(size)]
  if kind == "grpo":
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in rewards) / (size - 1))
    return [(r - mean) / deviation for r in rewards]
  if kind == "rloo":
    return [r - others(i, rewards) for i, r in enumerate(rewards)]
  return [r - mean for r in rewards]


@pytest.mark.parametrize("kind", ["entropic", "grpo", "rloo", "mean"])
@hypothesis.given(rewards=REWARDS)
def test_each_is_its_formula(kind, rewards):
  expected = np.array(loops(kind, rewards))
  capped = np.minimum(expected, math.expm1(20)) if kind == "entropic" else expected
  np.testing.assert_allclose(KINDS[kind](rewards), capped, rtol=1e-9, atol=1e-9)


@KIND
@hypothesis.given(rewards=REWARDS, shift=st.integers(-100, 100))
def test_a_shift_of_all_rewards_changes_nothing(kind, rewards, shift):
  found, moved = KINDS[kind](rewards), KINDS[kind]([r + shift for r in rewards])
  np.testing.assert_allclose(moved, found, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["entropic_adaptive", "grpo"])
@hypothesis.given(rewards=REWARDS, power=st.integers(-15, 300))
def test_the_scale_of_rewards_does_not_matter(kind, rewards, power):
  """Down to where the largest beta is too small, which is said of it below."""
  found, scaled = KINDS[kind](rewards), KINDS[kind]([r * 2.0 ** power for r in rewards])
  np.testing.assert_allclose(scaled, found, rtol=1e-6, atol=1e-6)


@KIND
@hypothesis.given(rewards=REWARDS, seed=st.integers(0, 1000))
def test_the_order_of_replies_does_not_matter(kind, rewards, seed):
  order = np.random.default_rng(seed).permutation(len(rewards))
  found = KINDS[kind](rewards)[order]
  np.testing.assert_allclose(KINDS[kind](np.array(rewards)[order]), found, rtol=1e-9, atol=1e-12)


@KIND
@hypothesis.given(rewards=REWARDS)
def test_sums_and_order(kind, rewards):
  found = KINDS[kind](rewards)
  if kind in CENTRED:
    assert abs(found.sum()) <= 1e-12 * np.abs(found).sum()
  elif found.max() < math.expm1(20):
    np.testing.assert_allclose(((1 + found) / (len(found) + found)).sum(), 1, rtol=1e-9)
    assert found.mean() > -1e-12
  assert found.min() >= -1 or kind in CENTRED
  assert np.all(np.diff(found[np.argsort(rewards)]) >= -1e-12 * np.abs(found).max()), "a better reply is worth less"
  if kind == "grpo":
    np.testing.assert_allclose(found.std(ddof=1), 1, rtol=1e-9)


def test_rewards_far_from_zero_beside_their_differences_are_centred():
  rewards = [1e15, 1e15 + 1, 1e15 + 1]  # whose mean is no float64
  for kind in CENTRED:
    found = KINDS[kind](rewards)
    assert abs(found.sum()) <= 1e-12 * np.abs(found).sum()
  np.testing.assert_allclose(advantages.mean_baseline(rewards), [-2 / 3, 1 / 3, 1 / 3], rtol=1e-12)


@hypothesis.given(rewards=st.lists(st.one_of(
    st.floats(-1e300, 1e300, allow_nan=False), st.sampled_from([0.0, 1e300, -1e300, 1e-300, 5e-324, 1.0])),
    min_size=2, max_size=20))
@hypothesis.example([1e300, -1e300])
@hypothesis.example([0.0, 5e-324, 5e-324])
@hypothesis.example([1e300, -1e300, 1e300 * (1 - 1e-16)])
def test_no_rewards_make_nan_or_infinity(rewards):
  for beta in (1e-300, 2.0, 1e6):
    found = advantages.entropic(rewards, beta)
    assert found is None or np.isfinite(found).all()
  beta = advantages.adaptive_beta(rewards)
  assert 0 < beta <= 1e6
  for kind in KINDS.values():
    found = kind(rewards)
    assert found is None or np.isfinite(found).all()


# --- adaptive beta ----------------------------------------------------------------------------------------------------


def kl(rewards, beta):
  """KL(softmax(beta r) || uniform) with exactly rounded sums and differences."""
  top = max(rewards)
  x = [float(fractions.Fraction(r) * fractions.Fraction(beta) - fractions.Fraction(top) * fractions.Fraction(beta))
       for r in rewards]
  weights = [math.exp(value) for value in x]
  total = math.fsum(weights)
  mean = math.fsum(w / total * value for w, value in zip(weights, x, strict=True))
  return mean - math.log(total) + math.log(len(x))


@hypothesis.given(rewards=REWARDS, power=st.integers(-10, 300))
def test_beta_reaches_ln_2_where_it_can(rewards, power):
  rewards = [r * 2.0 ** power for r in rewards]
  winners = rewards.count(max(rewards))
  hypothesis.assume(2 * winners < len(rewards))
  assert abs(kl(rewards, advantages.adaptive_beta(rewards)) - math.log(2)) < 1e-6


@pytest.mark.parametrize("rewards", [
    list(np.random.default_rng(0).normal(size=64)), [0.0] * 63 + [1.0], [0, 0, 1e-5], [2.6359830849] * 2 + [2.63] * 62,
    list(1 / (1e-8 + 0.3809 + 1e-4 * np.random.default_rng(1).random(64))), [1, 1 + 1e-3, 5e8]])
def test_beta_reaches_ln_2_on_rewards_as_tasks_give_them(rewards):
  assert abs(kl(rewards, advantages.adaptive_beta(rewards)) - math.log(2)) < 1e-6


@pytest.mark.parametrize("rewards, worth", [
    ([0, 1, 1], [-1, 1, 1]), ([0, 0, 1, 1], [-1, -1, 2, 2]), ([0, 1, 1, 1], [-1, 0.5, 0.5, 0.5])])
def test_where_ln_2_is_out_of_reach_beta_is_the_largest(rewards, worth):
  assert advantages.adaptive_beta(rewards) == 1e6
  np.testing.assert_allclose(advantages.entropic_adaptive(rewards), worth, rtol=1e-12)


def test_rewards_too_close_for_the_largest_beta_weigh_almost_the_same():
  found = advantages.entropic_adaptive([0, 0, 1e-9])
  assert advantages.adaptive_beta([0, 0, 1e-9]) == 1e6
  np.testing.assert_allclose(found, [-5e-4, -5e-4, 1e-3], rtol=1e-2)


def test_two_replies_suit_no_beta():
  """Their KL is below ln 2 at any beta, and at the largest the winner would be worth 4.9e8."""
  assert advantages.adaptive_beta([0, 1]) == 1e6
  assert advantages.entropic_adaptive([0, 1]) is None
  np.testing.assert_allclose(advantages.entropic([0, 1], 1e6), [-1, math.expm1(20)])
  np.testing.assert_allclose(advantages.entropic([0, 1], 2.0), [math.expm1(-2), math.expm1(2)])


# --- what is dropped, what is refused ---------------------------------------------------------------------------------


@KIND
@pytest.mark.parametrize("rewards", [[], [1.0], [0.25] * 7, np.zeros(3)])
def test_a_group_that_says_nothing_is_dropped(kind, rewards):
  assert KINDS[kind](rewards) is None
  assert advantages.advantages(rewards, AdvantageSettings(kind)) is None


@KIND
@pytest.mark.parametrize("rewards", [[0, math.nan], [0, math.inf, 1], [0, 1e301], [[0.0, 1.0]], 3.0])
def test_rewards_that_are_no_numbers_are_refused(kind, rewards):
  with pytest.raises(ValueError, match="expected a list of finite numbers"):
    KINDS[kind](rewards)


@KIND
def test_settings_choose(kind):
  rewards = np.random.default_rng(0).random(8)
  np.testing.assert_array_equal(advantages.advantages(rewards, AdvantageSettings(kind)), KINDS[kind](rewards))


def test_settings_choose_beta():
  found = advantages.advantages([0, 1, 3], AdvantageSettings("entropic", beta=0.5))
  np.testing.assert_array_equal(found, advantages.entropic([0, 1, 3], 0.5))
  assert not np.allclose(found, advantages.entropic([0, 1, 3], 2.0))


@pytest.mark.parametrize("changes, message", [
    ({"kind": "grpo", "beta": 1.0}, "advantage.beta is 1.0, but advantage.kind is 'grpo'"),
    ({"beta": 3.0}, "advantage.kind is 'entropic_adaptive', which does not read it"),
    ({"kind": "entropic", "beta": 0.0}, "advantage.beta is 0.0, expected a number above 0"),
    ({"kind": "entropic", "beta": math.nan}, "advantage.beta is nan"), ({"kl": -0.1}, "advantage.kl is -0.1"),
    ({"kl": math.inf}, "advantage.kl is inf")])
def test_settings_that_make_no_sense_are_refused(changes, message):
  with pytest.raises(ConfigError, match=message):
    AdvantageSettings(**changes)


# --- KL in the advantage ----------------------------------------------------------------------------------------------


def test_folded_kl_sums_to_zero_and_pushes_back():
  rng = np.random.default_rng(0)
  shape = (5, 40)
  advantage, logp, reference = rng.normal(size=shape), -rng.random(shape), -rng.random(shape)
  mask = rng.random(shape) < 0.3
  for noise in (0.0, math.nan):
    spoil = lambda x, noise=noise: np.where(mask, x, noise).astype(np.float32)
    found = advantages.fold_kl(spoil(advantage), spoil(logp), spoil(reference), mask, 0.1)
    added = found[mask] - advantage.astype(np.float32)[mask]
    assert found.dtype == np.float64 and not found[~mask].any()
    assert abs(added.sum()) < 1e-12
    assert np.corrcoef(added, (logp - reference)[mask])[0, 1] < -0.999
    total, count = 0.0, 0
    for row, column in np.argwhere(mask):
      total, count = total + np.float32(logp[row, column]) - np.float32(reference[row, column]), count + 1
    row, column = np.argwhere(mask)[3]
    own = np.float32(logp[row, column]) - np.float32(reference[row, column])
    np.testing.assert_allclose(added[3], 0.1 * (total / count - own), rtol=1e-4)


def test_folding_with_a_coefficient_of_zero_or_nothing_sampled_adds_nothing():
  rng = np.random.default_rng(1)
  advantage, logp, reference = rng.normal(size=(3, 7))
  np.testing.assert_array_equal(advantages.fold_kl(advantage, logp, reference, np.ones(7, bool), 0.0), advantage)
  np.testing.assert_array_equal(advantages.fold_kl(advantage, logp, reference, np.zeros(7, bool), 0.1), np.zeros(7))
