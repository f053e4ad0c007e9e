"""A Finch data set on disk: TFDS in array_record files, written beside its place and renamed, checked when opened.

array_record only: TFDS 4.9.10 loses rows in its parquet writer without an error, and tfrecord needs tensorflow.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from eft_jax.core.settings import ConfigError
from eft_jax.finch import schema

VERSION = 2                  # of the schema; another version is refused
MANIFEST = "finch.json"      # rows per split, size and SHA-256 of every file, how the data set was made
SORTED_IN_MEMORY = 256 << 20  # bytes of a split that are sorted without files
BUCKETS = 128                 # files that a larger one is sorted in
_NAME = "finch"


def _builder_class():
  """The TFDS builder; made late because importing tensorflow_datasets takes a third of a second."""
  import tensorflow_datasets as tfds

  with tfds.core.registered.skip_registration():
    class Finch(tfds.core.GeneratorBasedBuilder):
      """Evolutionary-search transitions."""

      VERSION = tfds.core.Version(f"{VERSION}.0.0")
      name = _NAME
      code_path = None  # only finds checksums of downloads; looking it up wants the package importlib_resources

      def __init__(self, rows: Mapping[str, Callable[[], Iterable[schema.Row]]], **kwargs):
        self._rows = rows
        super().__init__(**kwargs)

      def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=schema.features(),
                                     description="Parent -> child transitions of evolutionary search.")

      def _split_generators(self, dl_manager):
        del dl_manager
        return {split: self._generate_examples(open_rows) for split, open_rows in self._rows.items()}

      def _generate_examples(self, open_rows):
        for row in open_rows():
          yield row.instance_uid, schema.to_example(row)

  return Finch


@contextlib.contextmanager
def _sorting_on_disk() -> Iterator[None]:
  """TFDS sorts large splits in files, which it opens with TensorFlow, a thousand at a time: here with Python's own."""
  from tensorflow_datasets.core import shuffle
  files = types.SimpleNamespace(GFile=open, exists=os.path.exists, remove=os.remove)
  changes = {"tf": types.SimpleNamespace(io=types.SimpleNamespace(gfile=files),
                                         errors=types.SimpleNamespace(ResourceExhaustedError=())),
             "BUCKETS_NUMBER": BUCKETS, "MAX_MEM_BUFFER_SIZE": SORTED_IN_MEMORY}
  before = {name: getattr(shuffle, name) for name in changes}
  try:
    vars(shuffle).update(changes)
    yield
  finally:
    vars(shuffle).update(before)


def write(rows: Mapping[str, Callable[[], Iterable[schema.Row]]], path: pathlib.Path,
          info: Mapping[str, Any] | None = None) -> None:
  """Writes a data set and puts it in place of an older one at `path` in one rename.

  Args:
    rows: split -> opens its rows; every split has at least one. Rows are stored in the order of a hash of their uid.
    path: folder of the data set.
    info: how it was made; kept in the manifest.
  """
  import tensorflow_datasets as tfds
  tfds.disable_progress_bar()
  temporary = path.with_name(f".{path.name}.incomplete")
  shutil.rmtree(temporary, ignore_errors=True)
  try:
    builder = _builder_class()(rows, data_dir=str(temporary), file_format="array_record")
    config = tfds.download.DownloadConfig(try_download_gcs=False, compute_stats=tfds.download.ComputeStatsMode.SKIP)
    with _sorting_on_disk(), contextlib.redirect_stdout(io.StringIO()):  # announces a download that there is none of
      builder.download_and_prepare(download_config=config, download_dir=str(temporary / "downloads"))
    made = pathlib.Path(builder.data_dir)
    splits = {name: split.num_examples for name, split in builder.info.splits.items()}
    files = {file.name: {"bytes": file.stat().st_size, "sha256": _digest(file)} for file in sorted(made.iterdir())}
    manifest = {"version": VERSION, "splits": splits, "files": files, "info": dict(info or {})}
    (made / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for file in [*made.iterdir(), made]:
      _sync(file)
    _replace(made, path)
  finally:
    shutil.rmtree(temporary, ignore_errors=True)


def _replace(new: pathlib.Path, path: pathlib.Path) -> None:
  """Renames `new` to `path`; what stood there is moved away first, because rename needs an empty place."""
  old = path.with_name(f".{path.name}.old")
  shutil.rmtree(old, ignore_errors=True)
  if path.exists():
    path.rename(old)
  new.rename(path)
  _sync(path.parent)
  shutil.rmtree(old, ignore_errors=True)


def _sync(path: pathlib.Path) -> None:
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)


def _digest(path: pathlib.Path) -> str:
  with path.open("rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


class Rows(Sequence):
  """Random access to the rows of one split: the data source that grain maps over."""

  def __init__(self, source: Any, path: pathlib.Path):
    self._source, self._path = source, path

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> schema.Row:
    if not -len(self) <= index < len(self):
      raise IndexError(index)
    try:
      return schema.from_example(self._source[index % len(self)])
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
      raise ConfigError(f"Data set {self._path} is damaged at row {index}: {error}") from error

  def __repr__(self) -> str:
    return f"Rows({str(self._path)!r}, {len(self)} rows)"


def find(path: str | os.PathLike) -> pathlib.Path:
  """The data set's folder: `path` itself, or its `dataset` subfolder (a work directory of launch/build_dataset.py).

  Raises:
    ConfigError: neither is one.
  """
  path = pathlib.Path(path)
  for folder in (path, path / "dataset"):
    if (folder / MANIFEST).is_file():
      return folder
  what = "is no data set (it holds no finch.json)" if path.exists() else "does not exist"
  raise ConfigError(f"Data set {path} {what}; make one with launch/build_dataset.py.")


def manifest(path: str | os.PathLike) -> dict[str, Any]:
  """The manifest of a data set, after checking that every file is what was written.

  Raises:
    ConfigError: no data set, another schema version, or a file that is missing, truncated or changed.
  """
  folder = find(path)
  try:
    found = json.loads((folder / MANIFEST).read_text())
    version, files = found["version"], found["files"]
  except (ValueError, KeyError, TypeError) as error:
    raise ConfigError(f"Data set {folder} is damaged: {MANIFEST} cannot be read ({error}). Build it again.") from error
  if version != VERSION:
    raise ConfigError(f"Data set {folder} has schema version {version}, expected {VERSION}. Build it again.")
  for name, expected in files.items():
    file = folder / name
    size = file.stat().st_size if file.is_file() else None
    if size != expected["bytes"]:
      raise ConfigError(f"Data set {folder} is damaged: {name} has {size} bytes, expected {expected['bytes']}. "
                        "Build it again.")
    if _digest(file) != expected["sha256"]:
      raise ConfigError(f"Data set {folder} is damaged: the content of {name} has changed. Build it again.")
  return found


def read(path: str | os.PathLike, split: str) -> Rows:
  """The rows of one split.

  Raises:
    ConfigError: no data set there, no such split, or a damaged one.
  """
  found = manifest(path)
  folder = find(path)
  if split not in found["splits"]:
    raise ConfigError(f"Data set {folder} has no split {split!r}; it has {', '.join(found['splits'])}.")
  import tensorflow_datasets as tfds
  rows = Rows(tfds.builder_from_directory(str(folder)).as_data_source(split), folder)
  if len(rows) != found["splits"][split]:
    raise ConfigError(f"Data set {folder} is damaged: split {split} has {len(rows)} rows, "
                      f"expected {found['splits'][split]}. Build it again.")
  return rows
