"""An epoch holds each row as often as labels, caps and weights say, and says what was left out."""

import collections
import dataclasses

import pytest

from eft_jax import finch
from eft_jax.core.settings import ConfigError
from eft_jax.train import DataSettings, batches, mixture

KINDS = (("improved", "maths"), ("regressed", "maths"), ("improved", "systems"))


@pytest.fixture(scope="module")
def rows(make_row):
  return [dataclasses.replace(make_row(3 * i + place, label=label), task=f"task{i % 3}", domain=domain)
          for i in range(200) for place, (label, domain) in enumerate(KINDS)]


@pytest.fixture(scope="module")
def held(rows):
  """Settings to (copies per label and domain, what was dropped)."""
  def count(**changes):
    dropped, total = collections.Counter(), collections.Counter()
    for row, copies in zip(rows, mixture.copies(rows, DataSettings(**changes), dropped), strict=True):
      total[row.improvement_label, row.domain] += copies
    return +total, dict(dropped)
  return count


def test_labels_choose(held):
  assert held() == ({("improved", "maths"): 200, ("improved", "systems"): 200}, {"label": 200})


def test_whole_weights_are_copies_and_zero_leaves_out(held):
  assert held(domain_weights="maths=3, systems=0")[0] == {("improved", "maths"): 600}
  both = held(labels=("improved", "regressed"), label_weights="regressed=2", domain_weights="maths=2")[0]
  assert both == {("improved", "maths"): 400, ("regressed", "maths"): 800, ("improved", "systems"): 200}


def test_fractions_are_drawn_by_the_row_and_repeat(held, rows):
  found, dropped = held(domain_weights="maths=1.5,systems=0.25")
  assert abs(found["improved", "maths"] - 300) < 30 and abs(found["improved", "systems"] - 50) < 25
  assert dropped["weight"] == 200 - found["improved", "systems"]
  assert mixture.copies(rows, DataSettings(domain_weights="maths=1.5")) == mixture.copies(
      rows, DataSettings(domain_weights="maths=1.5"))


def test_caps_are_per_task_and_label_and_nested(rows):
  few = mixture.copies(rows, DataSettings(labels=("improved", "regressed"), per_task=5))
  groups = collections.Counter((row.task, row.improvement_label) for row, n in zip(rows, few, strict=True) if n)
  assert set(groups.values()) == {5} and len(groups) == 6
  more = mixture.copies(rows, DataSettings(labels=("improved", "regressed"), per_task=9))
  assert all(b >= a for a, b in zip(few, more, strict=True))


def test_copies_are_examples_of_their_own(folder, tiny):
  settings = DataSettings(row_length=512, labels=("improved", "regressed"), label_weights="regressed=3")
  examples = batches.tokenize(finch.read(folder / "dataset", "train"), tiny[2], settings)
  assert len(examples) == 64 + 3 * 8 == len(examples.sources)
  assert collections.Counter(source.label for source in examples.sources) == {"improved": 64, "regressed": 24}


@pytest.mark.parametrize("changes, words", [
    ({"label_weights": "improved"}, "data.label_weights: expected different NAME=WEIGHT entries .* got 'improved'"),
    ({"domain_weights": "a=1,a=2"}, "got 'a=2'"),
    ({"domain_weights": "a=-1"}, "at least 0, got 'a=-1'"),
    ({"domain_weights": "a=nan"}, "at least 0, got 'a=nan'"),
    ({"label_weights": "regressed=2"}, "names regressed, not among data.labels improved"),
])
def test_weights_without_effect_are_refused(changes, words):
  with pytest.raises(ConfigError, match=words):
    DataSettings(**changes)


def test_a_domain_without_rows_is_named(rows):
  with pytest.raises(ConfigError, match="data.domain_weights names math, .*there are maths, systems"):
    mixture.copies(rows, DataSettings(domain_weights="math=2"))
