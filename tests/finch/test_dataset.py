"""A data set gives back every row, replaces an older one whole, and says in one line when a file is damaged."""

import json
import subprocess
import sys

import pytest

from eft_jax import finch
from eft_jax.core.settings import ConfigError
from eft_jax.finch import schema


def make_rows(count, split="train"):
  base = dict.fromkeys(schema.PUBLIC, "") | {name: 0 for name in schema.PUBLIC if schema._HINTS[name] is int}
  return [schema.Row(**(base | {
      "instance_uid": f"{split}-{i}", "improvement_label": schema.LABELS[i % 3], "iteration": i,
      "reasoning": (None, "", "because \ud800\x00")[i % 3], "response": f"é{i}" * (i % 50),
      "trajectory": schema.trajectory("s", f"u{i}", None, "r"),
      "value": 0.1 * i, "score": None if i % 2 else 1e-300 * i, "split": split})) for i in range(count)]


@pytest.fixture
def written(tmp_path):
  rows = {"train": make_rows(300), "validation": make_rows(7, "validation")}
  finch.write({split: (lambda r=r: iter(r)) for split, r in rows.items()}, tmp_path / "dataset", {"made": "here"})
  return tmp_path / "dataset", rows


def test_every_row_comes_back_exactly(written):
  path, rows = written
  for split, expected in rows.items():
    read = finch.read(path, split)
    assert len(read) == len(expected)
    assert sorted(read, key=lambda row: row.iteration) == expected
  assert read[-1] == read[len(read) - 1]
  assert finch.manifest(path)["info"] == {"made": "here"}
  assert finch.read(path.parent, "train")[0] == finch.read(path, "train")[0]  # a work directory will do
  assert [p.name for p in path.parent.iterdir()] == ["dataset"]              # nothing is left beside it


def test_reading_and_writing_import_neither_tensorflow_nor_jax(tmp_path):
  code = ("import sys; from eft_jax import finch; from eft_jax.finch import schema; "
          "base = dict.fromkeys(schema.PUBLIC, '') | {n: 0 for n in schema.PUBLIC if schema._HINTS[n] is int}; "
          "row = schema.Row(**(base | {'trajectory': (), 'improvement_label': 'improved'})); "
          f"finch.write({{'train': lambda: [row]}}, __import__('pathlib').Path({str(tmp_path)!r}) / 'd'); "
          f"assert list(finch.read({str(tmp_path)!r} + '/d', 'train')) == [row]; "
          "sys.exit(any(m in sys.modules for m in ('tensorflow', 'jax', 'torch')))")
  assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_a_split_that_is_sorted_on_disk_is_the_same(written, tmp_path, monkeypatch):
  """No TensorFlow, few open files, and the very files that sorting in memory gives."""
  from eft_jax.finch import dataset
  path, rows = written
  monkeypatch.setattr(dataset, "SORTED_IN_MEMORY", 1000)
  again = tmp_path / "again"
  finch.write({split: (lambda r=r: iter(r)) for split, r in rows.items()}, again, {"made": "here"})
  assert finch.manifest(again) == finch.manifest(path)
  assert "tensorflow" not in sys.modules
  assert [p.name for p in again.parent.iterdir() if p.name.startswith(".")] == []


def test_a_new_data_set_replaces_the_old_one_whole(written):
  path, _ = written
  finch.write({"train": lambda: iter(make_rows(5))}, path)
  assert len(finch.read(path, "train")) == 5
  with pytest.raises(ConfigError, match="no split 'validation'; it has train"):
    finch.read(path, "validation")


def test_a_failed_write_leaves_the_old_one(written):
  path, _ = written
  def failing():
    yield from make_rows(3)
    raise OSError(28, "No space left on device")
  with pytest.raises(OSError):
    finch.write({"train": failing}, path)
  assert len(finch.read(path, "train")) == 300
  assert [p.name for p in path.parent.iterdir()] == ["dataset"]


def test_damage_is_one_clear_line(written):
  path, _ = written
  shard = next(path.glob("finch-train.array_record*"))
  whole = shard.read_bytes()
  shard.write_bytes(whole[:-100])
  with pytest.raises(ConfigError, match=f"damaged: {shard.name} has {len(whole) - 100} bytes, expected {len(whole)}"):
    finch.read(path, "train")
  shard.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
  with pytest.raises(ConfigError, match=f"the content of {shard.name} has changed"):
    finch.read(path, "train")
  shard.unlink()
  with pytest.raises(ConfigError, match="has None bytes"):
    finch.read(path, "train")
  (path / finch.dataset.MANIFEST).write_text("{")
  with pytest.raises(ConfigError, match="finch.json cannot be read"):
    finch.read(path, "train")


def test_missing_and_foreign_folders(tmp_path, written):
  with pytest.raises(ConfigError, match="does not exist"):
    finch.read(tmp_path / "nowhere", "train")
  (tmp_path / "empty").mkdir()
  with pytest.raises(ConfigError, match="is no data set"):
    finch.read(tmp_path / "empty", "train")
  path, _ = written
  manifest = json.loads((path / "finch.json").read_text())
  (path / "finch.json").write_text(json.dumps(manifest | {"version": 99}))
  with pytest.raises(ConfigError, match="schema version 99, expected 2"):
    finch.read(path, "train")
