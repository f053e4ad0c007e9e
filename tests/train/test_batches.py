"""Packing keeps every example whole and apart; the stream is a function of seed and position."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eft_jax import finch
from eft_jax.core.settings import ConfigError
from eft_jax.text import render
from eft_jax.train import DataSettings, batches


def numbered(lengths):
  """Example i is i + 1 repeated; its last token is to be learnt."""
  return batches.Examples([np.full(n, i + 1, np.int32) for i, n in enumerate(lengths)],
                          [np.arange(n) == n - 1 for n in lengths])


def segments(batch):
  """(tokens, positions, mask) of every document in a batch."""
  for row in range(len(batch.tokens)):
    count = batch.segment_ids[row].max()
    assert not batch.examples[row][count:].any()
    for segment in range(1, count + 1):
      where = batch.segment_ids[row] == segment
      assert (batch.tokens[row][where] == batch.examples[row][segment - 1]).all()
      yield batch.tokens[row][where], batch.positions[row][where], batch.loss_mask[row][where]


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 32), min_size=1, max_size=40), st.integers(1, 5),
       st.sampled_from(["first_fit", "best_fit", "none"]), st.integers(1, 9), st.integers(1, 9))
def test_every_example_stands_whole_in_one_segment(lengths, rows, packing, bins, most):
  examples = numbered(lengths)
  data = DataSettings(row_length=32, packing=packing, packing_bins=bins, segments=most)
  found = list(batches.in_order(examples, data, rows))
  assert all(batch.tokens.shape == (rows, 32) for batch in found)
  seen = []
  for tokens, positions, mask in itertools.chain.from_iterable(map(segments, found)):
    assert len(set(tokens)) == 1 and len(tokens) == lengths[tokens[0] - 1]
    assert positions.tolist() == list(range(len(tokens))) and mask.tolist() == [False] * (len(tokens) - 1) + [True]
    seen.append(tokens[0])
  assert sorted(seen) == list(range(1, len(lengths) + 1))
  for batch in found:
    assert batch.examples.shape == (rows, 1 if packing == "none" else most)
    padding = batch.segment_ids == 0
    assert not batch.tokens[padding].any() and not batch.loss_mask[padding].any()
    assert batch.tokens.dtype == batch.positions.dtype == batch.segment_ids.dtype == np.int32
    if packing == "none":
      assert batch.segment_ids.max() == 1


@hypothesis_settings(max_examples=8, deadline=None)
@given(st.integers(0, 30), st.sampled_from(["first_fit", "best_fit", "none"]), st.integers(0, 3))
def test_stream_continues_at_any_batch(stop, packing, seed):
  examples = numbered([3 + i % 17 for i in range(23)])
  data = DataSettings(row_length=32, batch_size=3, packing=packing, packing_bins=5)
  stream = batches.stream(examples, data, seed)
  for _ in range(stop):
    next(stream)
  state = json.loads(json.dumps(stream.get_state()))
  again = batches.stream(examples, data, seed)
  again.set_state(state)
  for _ in range(8):
    a, b = next(stream), next(again)
    assert a.tokens.tobytes() == b.tokens.tobytes() and a.segment_ids.tobytes() == b.segment_ids.tobytes()


def order(examples, data, seed, count):
  stream = batches.stream(examples, data, seed)
  taken = itertools.chain.from_iterable(segments(next(stream)) for _ in range(count))
  return [int(tokens[0]) for tokens, _, _ in taken]


def test_every_epoch_has_all_examples_in_a_new_order():
  examples, data = numbered([5] * 12), DataSettings(row_length=5, batch_size=4, packing="none", packing_bins=4)
  taken = order(examples, data, 0, 9)
  epochs = [taken[i:i + 12] for i in (0, 12, 24)]
  assert all(sorted(epoch) == list(range(1, 13)) for epoch in epochs)
  assert epochs[0] != epochs[1] != epochs[2]
  assert taken == order(examples, data, 0, 9) != order(examples, data, 1, 9)


def test_rows_are_nearly_full_at_realistic_lengths():
  """Default packing; the median transition of an LLM's search has about 700 tokens, a few have thousands."""
  lengths = np.clip(np.random.default_rng(0).lognormal(np.log(700), 0.8, 2000).astype(int), 30, 8192)
  data = DataSettings(row_length=8192, batch_size=16)
  stream = batches.stream(numbered(lengths.tolist()), data, 0)
  used = [np.mean(next(stream).segment_ids > 0) for _ in range(12)]
  assert np.mean(used) >= 0.98, used


def test_too_long_rows_are_counted_or_refused_never_cut(folder, tiny):
  rows = finch.read(folder / "dataset", "train")
  whole = batches.tokenize(rows, tiny[2], DataSettings(row_length=512))
  assert len(whole) == 64 and whole.dropped == {"label": 8}
  longest = max(map(len, whole.tokens))
  cut = batches.tokenize(rows, tiny[2], DataSettings(row_length=longest - 1))
  too_long = sum(len(tokens) == longest for tokens in whole.tokens)
  assert cut.dropped == {"label": 8, "too_long": too_long} and len(cut) == 64 - too_long > 0
  with pytest.raises(ConfigError, match=f"has {longest} tokens, data.row_length is {longest - 1}"):
    batches.tokenize(rows, tiny[2], DataSettings(row_length=longest - 1, too_long="refuse"))


def test_examples_are_what_search_renders(folder, tiny):
  rows = finch.read(folder / "dataset", "validation")
  examples = batches.tokenize(rows, tiny[2], DataSettings(row_length=512, labels=("improved", "no_change")))
  for item, row, source in zip(examples, rows, examples.sources, strict=True):
    assert source == (row.instance_uid, row.improvement_label)
    prompt = render.prompt_ids(tiny[2], row.prompt)
    assert item["tokens"][:len(prompt)].tolist() == prompt and not item["loss_mask"][:len(prompt)].any()
    assert item["loss_mask"][len(prompt):].all() and item["tokens"][-1] == tiny[2].eos_id


@pytest.mark.parametrize("packing, steps", [("none", 3), ("best_fit", 2), ("first_fit", 99)])
def test_visited_is_what_the_stream_holds(packing, steps):
  examples = numbered([3 + i % 17 for i in range(40)])
  data = DataSettings(row_length=32, batch_size=2, packing=packing, packing_bins=3)
  held = {int(t[0]) - 1 for _, batch in zip(range(steps), batches.stream(examples, data, 5), strict=False)
          for t, _, _ in segments(batch)}
  found = batches.visited(examples, data, 5, steps)
  assert found == sorted(held) and (len(found) == 40) == (steps == 99)
  again = {int(t[0]) - 1 for batch in batches.in_order(examples, data, 2, found) for t, _, _ in segments(batch)}
  assert again == held


def test_count_rows_is_what_the_first_epoch_takes():
  examples = numbered([3 + i % 17 for i in range(50)])
  data = DataSettings(row_length=32, batch_size=4, packing_bins=64)
  rows = batches.count_rows(examples, data, 0)
  assert examples.total_tokens / 32 <= rows <= examples.total_tokens / 32 * 1.15


def test_nothing_to_learn_is_said():
  with pytest.raises(ConfigError, match="0 examples with 0 tokens to learn .left out: {'label': 3}"):
    batches.stream(batches.Examples([], [], {"label": 3}), DataSettings(), 0)
  masked = batches.Examples([np.ones(4, np.int32)], [np.zeros(4, bool)], {})
  with pytest.raises(ConfigError, match="1 examples with 0 tokens"):
    batches.stream(masked, DataSettings(), 0)
  assert list(batches.in_order(batches.Examples([], []), DataSettings(), 4)) == []
