"""The common score is 0 at the baseline, 1 at the best known value, in both directions; NaN never passes."""

import math

import pytest

from eft_jax import core


@pytest.mark.parametrize("baseline, best", [(1.0, 2.5), (60.0, 49.165)])
def test_common_score_anchors(baseline, best):
  assert core.common_score(baseline, baseline, best) == 0.0
  assert core.common_score(best, baseline, best) == 1.0
  assert core.common_score(best + (best - baseline) / 2, baseline, best) == pytest.approx(1.5)
  assert core.common_score(baseline - (best - baseline), baseline, best) == pytest.approx(-1.0)
  assert core.common_score(None, baseline, best) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_are_finite(bad):
  with pytest.raises(ValueError, match="finite"):
    core.Score(bad)
  with pytest.raises(ValueError, match="finite"):
    core.Score(1.0, {"m": bad})
  with pytest.raises(ValueError, match="instances\\[1\\] must be finite"):
    core.Score(1.0, instances=(0.0, bad))


def test_wrong_is_a_kind_of_invalid():
  assert issubclass(core.Wrong, core.Invalid)
  assert core.Outcome.INFRA in core.NEVER_TRAINED_ON and core.Outcome.NO_MATCH not in core.APPLIED


def test_a_score_of_instances_is_the_mean_of_the_hidden_ones():
  score = core.Score.of_instances([0.5, 1.0, 2.0, 3.0, 7.0], 2)
  assert score.value == 4.0 and score.instances == (0.5, 1.0)
  assert score.metrics == {"public": 0.75, "gap": 3.25}
  assert score.artifacts == {"instances": "public values: 0.500 1.000 2.000 3.000 7.000"}
