"""Rows keep every bit through TFDS features, examples and the public columns."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eft_jax.finch import schema

TEXT = st.text(st.characters(), max_size=30)  # lone surrogates and NUL included
FLOAT = st.none() | st.floats(allow_nan=False)


def rows():
  """Any row."""
  fields = {name: TEXT for name in schema.FIELDS}
  integers = [name for name in schema.FIELDS if schema._HINTS[name] is int]
  fields.update(dict.fromkeys(integers, st.integers(-2**63, 2**63 - 1)))
  fields.update(dict.fromkeys(("value", "parent_value", "score", "parent_score"), FLOAT))
  fields["reasoning"] = st.none() | TEXT
  fields["improvement_label"] = st.sampled_from(schema.LABELS)
  fields["trajectory"] = st.lists(st.builds(schema.Message, TEXT, TEXT), max_size=3).map(tuple)
  return st.builds(schema.Row, **fields)


def test_public_columns_are_the_25_of_the_collection():
  expected = """domain task trajectory improvement_label improvement_delta global_uid instance_uid iteration island_id
  generation parent_id child_id parent_metrics child_metrics parent_code child_code metadata system_prompt user_prompt
  reasoning response system_token_length user_token_length reasoning_token_length response_token_length"""
  assert list(schema.PUBLIC) == expected.split() and len(schema.PUBLIC) == 25


@settings(max_examples=60, deadline=None)
@given(rows())
def test_example_and_public_conversions_are_exact(row):
  example = schema.to_example(row)
  # TFDS hands a sequence of dicts back as a dict of sequences.
  stored = {**example, "trajectory": {key: [turn[key] for turn in example["trajectory"]]
                                      for key in ("role", "content")}}
  assert schema.from_example(stored) == row
  public = json.loads(json.dumps(schema.to_public(row)))
  ours = {name: getattr(row, name) for name in schema.FIELDS[25:]}
  assert schema.from_public(public, **ours) == row


def test_a_public_row_needs_exactly_its_columns():
  with pytest.raises(ValueError, match="missing: .*domain.*unknown: .*colour"):
    schema.from_public({"colour": "red"})


def test_features_have_one_column_per_field_and_no_floating_point():
  features = schema.features()
  assert set(features) == set(schema.FIELDS)
  for spec in features.get_serialized_info().values():
    for leaf in (spec.values() if isinstance(spec, dict) else [spec]):
      assert np.dtype(leaf.np_dtype).kind in "Oi"


def test_a_label_outside_the_list_is_refused():
  values = dict.fromkeys(schema.PUBLIC, "") | {"trajectory": (), "improvement_label": "better"}
  with pytest.raises(ValueError, match="'better', expected one of improved, no_change, regressed"):
    schema.Row(**values)


def test_reasoning_is_rendered_in_think_tags_only_where_there_is_some():
  reply = lambda reasoning: schema.trajectory("s", "u", reasoning, "how")[2]
  assert reply("why") == schema.Message("assistant", "<think>\nwhy\n</think>\nhow")
  assert reply(None) == reply("") == schema.Message("assistant", "how")


def test_infinite_values_survive_as_json_text():
  values = dict.fromkeys(schema.PUBLIC, "") | {"trajectory": (), "improvement_label": "improved"}
  integers = {name: 0 for name in schema.PUBLIC if schema._HINTS[name] is int}
  row = schema.Row(**(values | integers), value=math.inf, score=0.1 + 0.2)
  example = schema.to_example(row)
  assert example["value"] == b"Infinity" and example["score"] == b"0.30000000000000004"
  assert dataclasses.asdict(row)["value"] == math.inf
