"""The store: what is appended is read back, whole or not at all, through kills, damage and a full disk."""

import errno
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from eft_jax import store as store_lib
from eft_jax.core import Outcome
from eft_jax.core.settings import ConfigError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _path(tmp_path):
  return tmp_path / store_lib.FILE_NAME


def test_attempts_and_info_come_back_equal(tmp_path, make_attempt):
  attempts = [make_attempt(i) for i in range(5)] + [make_attempt(5, Outcome.CRASH, message="boom")]
  with store_lib.Store(_path(tmp_path), run_info={"seed": 7, "config": {"a": [1]}}) as store:
    store.append(attempts[:1])
    store.append(attempts[1:])
  with store_lib.Store(_path(tmp_path), run_info={"seed": 8}) as store:
    assert store.info() == {"seed": 7, "config": {"a": [1]}}
    assert list(store.read()) == attempts
    assert list(store.read(4)) == attempts[4:]
    assert store.count() == 6
    assert store.last_batch() == 5


def test_retries_of_a_step_come_in_order_and_the_last_one_last(tmp_path, make_attempt):
  infra = [make_attempt(2, Outcome.INFRA, retry=i, message="server gone") for i in range(2)]
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([infra[0]])
    store.append([infra[1]])
    assert store.last_batch() == -1
    store.append([make_attempt(1)])
    store.append([make_attempt(2, retry=2)])
    assert [(a.step, a.retry, a.outcome.value) for a in store.read()] == [
        (1, 0, "ok"), (2, 0, "infra"), (2, 1, "infra"), (2, 2, "ok")]
    assert store.retries() == {2: 2}
    assert store.last_batch() == 2


def test_append_is_one_transaction(tmp_path, make_attempt):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(0)])
    with pytest.raises(ValueError, match="there already"):
      store.append([make_attempt(1), make_attempt(0)])
    assert [a.step for a in store.read()] == [0]
    store.append([make_attempt(1)])
    assert store.count() == 2


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3)[:, ::2], np.array([True, False]), np.full((), 3.5, np.float32),
    np.zeros((0, 3), np.int64)])
def test_constructions_are_content_addressed(tmp_path, make_attempt, array):
  key = store_lib.construction_hash(array)
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(0, construction=key)], {key: array})
    store.append([make_attempt(1, construction=key)], {key: array})
    back = store.construction(key)
    assert back.dtype == array.dtype and back.shape == array.shape
    np.testing.assert_array_equal(back, array)
    with pytest.raises(KeyError, match="no construction"):
      store.construction("0" * 16)
  assert sqlite3.connect(_path(tmp_path)).execute("SELECT COUNT(*) FROM constructions").fetchone() == (1,)


def test_construction_hash_tells_dtype_shape_and_order():
  base = np.arange(6, dtype=np.int64)
  others = [base.astype(np.float64), base.reshape(2, 3), base[::-1], np.asfortranarray(base.reshape(2, 3))]
  assert len({store_lib.construction_hash(a) for a in [base, *others[:3]]}) == 4
  assert store_lib.construction_hash(others[3]) == store_lib.construction_hash(others[1])


def test_construction_above_the_limit_is_refused_and_nothing_written(tmp_path, make_attempt):
  big = np.zeros(store_lib.CONSTRUCTION_LIMIT + 1, np.uint8)
  with store_lib.Store(_path(tmp_path)) as store:
    with pytest.raises(ValueError, match="limit is 8388608"):
      store.append([make_attempt(0)], {"k": big})
    assert store.count() == 0
    store.append([make_attempt(0)], {"k": big[1:]})
    assert store.construction("k").nbytes == store_lib.CONSTRUCTION_LIMIT


def test_columns_answer_queries(tmp_path, make_attempt):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(0), make_attempt(1, Outcome.TIMEOUT), make_attempt(2)])
    rows = sqlite3.connect(_path(tmp_path)).execute(
        "SELECT outcome, COUNT(*), MAX(value) FROM attempts GROUP BY outcome ORDER BY outcome").fetchall()
  assert rows == [("ok", 2, 0.2), ("timeout", 1, None)]


def test_a_second_writer_is_told_and_a_reader_is_not_disturbed(tmp_path, make_attempt):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(0)])
    with pytest.raises(ConfigError, match="in use by another process"):
      store_lib.Store(_path(tmp_path))
    with store_lib.Store(_path(tmp_path), read_only=True) as reader:
      assert reader.count() == 1
      store.append([make_attempt(1)])
      assert reader.count() == 2
      with pytest.raises(OSError, match="readonly"):
        reader.append([make_attempt(2)])


@pytest.mark.parametrize("damage", ["empty", "half", "page", "text", "header"])
def test_damage_is_one_clear_line(tmp_path, make_attempt, damage):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(i, message="m" * 500) for i in range(200)])
  data = _path(tmp_path).read_bytes()
  middle = len(data) // 2 // 4096 * 4096
  _path(tmp_path).write_bytes({
      "empty": b"", "half": data[:len(data) // 2], "page": data[:middle] + b"\x07" * 4096 + data[middle + 4096:],
      "text": b"this is not a database\n" * 100, "header": b"\0" * 100 + data[100:]}[damage])
  for read_only in (False, True):
    with pytest.raises(ConfigError, match="damaged") as error:
      store_lib.Store(_path(tmp_path), read_only=read_only)
    assert "\n" not in str(error.value) and str(_path(tmp_path)) in str(error.value)


def test_a_record_that_is_no_attempt_is_named(tmp_path, make_attempt):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(0), make_attempt(1)])
  connection = sqlite3.connect(_path(tmp_path))
  connection.execute("UPDATE attempts SET json = substr(json, 1, 100) WHERE step = 1")
  connection.commit()
  with store_lib.Store(_path(tmp_path)) as store:
    with pytest.raises(ConfigError, match="record of step 1 is not an attempt"):
      list(store.read())


def test_another_database_is_refused(tmp_path):
  sqlite3.connect(_path(tmp_path)).execute("CREATE TABLE other (x)").connection.commit()
  with pytest.raises(ConfigError, match="not a store"):
    store_lib.Store(_path(tmp_path))


def test_full_disk_is_an_oserror_and_the_store_goes_on(tmp_path, make_attempt):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(0)])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OSError) as error:
      store.append([make_attempt(1, message="m" * 100_000)])
    assert error.value.errno == errno.ENOSPC and error.value.filename == str(_path(tmp_path))
    assert [a.step for a in store.read()] == [0]
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.append([make_attempt(1)])
    assert store.count() == 2


_LIMITED_WRITER = """
import resource, sys
sys.path.insert(0, {root!r})
from eft_jax import core, store as store_lib
store = store_lib.Store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for step in range(1000):
  try:
    store.append([core.Attempt(run="r", step=step, batch=step, group=0, member=0, task="t_1", family="t",
                               task_version="v", outcome=core.Outcome.CRASH, message="m" * 2000)])
  except OSError as error:
    print(step, error.errno)
    break
"""


def test_a_file_size_limit_is_an_oserror_and_keeps_what_was_stored(tmp_path):
  code = _LIMITED_WRITER.format(root=str(ROOT))
  out = subprocess.run([sys.executable, "-c", code, str(_path(tmp_path))], capture_output=True, text=True, check=True)
  appended = int(out.stdout.split()[0])
  assert 10 < appended < 1000
  with store_lib.Store(_path(tmp_path)) as store:
    assert [a.step for a in store.read()] == list(range(appended))


def test_missing_folder_is_an_oserror(tmp_path):
  with pytest.raises(FileNotFoundError):
    store_lib.Store(tmp_path / "none" / "attempts.db")


def test_open_all_walks_folders(tmp_path, make_attempt):
  for name in ("b", "a/c"):
    folder = tmp_path / name
    folder.mkdir(parents=True)
    with store_lib.Store(folder / "attempts.db", run_info={"run": name}) as store:
      store.append([make_attempt(0)])
  assert [store.info()["run"] for store in store_lib.open_all(tmp_path)] == ["a/c", "b"]
  assert [store.count() for store in store_lib.open_all(tmp_path / "b" / "attempts.db")] == [1]
  with pytest.raises(ConfigError, match="no such file"):
    list(store_lib.open_all(tmp_path / "b" / "nothing.db"))
  (tmp_path / "empty").mkdir()
  with pytest.raises(ConfigError, match="holds no attempts.db"):
    list(store_lib.open_all(tmp_path / "empty"))


def test_trace_is_in_step_order_without_times(tmp_path, make_attempt):
  with store_lib.Store(_path(tmp_path)) as store:
    store.append([make_attempt(1, cpu_seconds=1.0)])
    store.append([make_attempt(0, wall_seconds=2.0)])
    assert store_lib.export_trace(store, tmp_path / "trace.jsonl") == 2
  lines = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
  assert [line["step"] for line in lines] == [0, 1]
  assert not any("seconds" in key or "memory" in key for line in lines for key in line)


_WRITER = """
import sys
sys.path.insert(0, {root!r})
import numpy as np
from eft_jax import core, store as store_lib
store = store_lib.Store(sys.argv[1], run_info={{"run": "r"}})
batch = store.last_batch() + 1
while True:
  arrays = {{}}
  attempts = []
  for member in range(3):
    array = np.full(200, 3 * batch + member)
    arrays[store_lib.construction_hash(array)] = array
    attempts.append(core.Attempt(
        run="r", step=3 * batch + member, batch=batch, group=0, member=member, task="t_1", family="t", task_version="v",
        outcome=core.Outcome.CRASH, message="m" * 300, construction=store_lib.construction_hash(array)))
  store.append(attempts, arrays)
  print(batch, flush=True)
  batch += 1
"""


def _kill_while_writing(path: pathlib.Path, delay: float) -> int:
  """Starts a writer, kills it `delay` seconds after its first batch, returns the last batch it had reported."""
  process = subprocess.Popen([sys.executable, "-c", _WRITER.format(root=str(ROOT)), str(path)], stdout=subprocess.PIPE)
  first = process.stdout.readline()
  time.sleep(delay)
  os.kill(process.pid, signal.SIGKILL)
  rest = process.stdout.read().split(b"\n")
  process.wait()
  reported = [int(line) for line in [first, *rest[:-1]] if line.strip()]
  return max(reported)


def test_kill_at_any_instant_keeps_every_reported_batch_whole(tmp_path):
  for delay in (0.0, 0.013, 0.031, 0.07):
    reported = _kill_while_writing(_path(tmp_path), delay)
    with store_lib.Store(_path(tmp_path)) as store:
      steps = [a.step for a in store.read()]
      assert steps == list(range(len(steps))) and len(steps) % 3 == 0
      assert reported <= store.last_batch() <= reported + 1
      for attempt in store.read(max(0, len(steps) - 6)):
        np.testing.assert_array_equal(store.construction(attempt.construction), np.full(200, attempt.step))
