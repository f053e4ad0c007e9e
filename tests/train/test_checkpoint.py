"""A checkpoint gives back every bit, is complete or absent, and a damaged one is said and the one before taken."""

import asyncio
import errno
import gc
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax.core.settings import ConfigError
from eft_jax.train import checkpoint

ROOT = pathlib.Path(__file__).resolve().parents[2]


def state(seed):
  rng = np.random.default_rng(seed)
  return {"params": {"a": jnp.array(rng.normal(size=(300, 7)), jnp.float32), "frozen": None},
          "moments": (jnp.array(rng.integers(0, 9, 5)), jnp.array(rng.normal(size=3), jnp.bfloat16)),
          "step": jnp.array(seed, jnp.int32)}


def assert_equal(a, b):
  assert jax.tree.structure(a) == jax.tree.structure(b)
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    assert x.dtype == y.dtype and np.asarray(x).tobytes() == np.asarray(y).tobytes()


@pytest.fixture
def saved(tmp_path):
  checkpoints = checkpoint.Checkpoints(tmp_path / "c", keep=2)
  for number in (1, 2, 3):
    checkpoints.save(number, state(number), {"step": number, "stream": {"next": [number, {"x": None}]}})
  checkpoints.close()
  return tmp_path / "c"


def test_newest_comes_back_to_the_bit_and_old_ones_go(saved):
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  assert checkpoints.latest == 3 and sorted(int(p.name) for p in saved.iterdir()) == [2, 3]
  said = []
  found, extra = checkpoints.restore(state(0), said.append)
  assert_equal(found, state(3))
  assert extra == {"step": 3, "stream": {"next": [3, {"x": None}]}} and not said
  checkpoints.save(3, state(9), {"step": 3})  # stands already
  checkpoints.wait()
  assert_equal(checkpoints.restore(state(0), said.append)[0], state(3))
  checkpoints.close()


def test_no_checkpoint_is_none(tmp_path):
  checkpoints = checkpoint.Checkpoints(tmp_path / "none", keep=1)
  assert checkpoints.latest is None and checkpoints.restore(state(0), print) is None
  checkpoints.close()


def truncate(folder):
  """Cuts every file that holds arrays."""
  for file in folder.rglob("*"):
    if file.is_file() and "d" in file.parent.name and file.stat().st_size > 100:
      file.write_bytes(file.read_bytes()[:50])


def test_damaged_newest_is_said_and_the_one_before_is_taken(saved):
  truncate(saved / "3" / "state")
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  said = []
  found, extra = checkpoints.restore(state(0), said.append)
  assert_equal(found, state(2))
  assert extra["step"] == 2 and len(said) == 1 and "checkpoint step 3" in said[0] and "the one before" in said[0]
  checkpoints.save(3, state(7), {"step": 3})  # and can be made again
  checkpoints.wait()
  assert_equal(checkpoints.restore(state(0), said.append)[0], state(7))
  truncate(saved / "3" / "state")
  truncate(saved / "2" / "state")
  with pytest.raises(ConfigError, match="No checkpoint in .* can be read"):
    checkpoints.restore(state(0), said.append)
  checkpoints.close()


def test_what_an_interrupted_save_left_is_no_checkpoint(saved):
  (saved / "4.orbax-checkpoint-tmp").mkdir()
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  assert checkpoints.latest == 3
  checkpoints.save(4, state(4), {"step": 4})
  checkpoints.wait()
  assert_equal(checkpoints.restore(state(0), print)[0], state(4))
  checkpoints.close()


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path):
  """The saved arrays are those of the call, though later steps take their memory, and `extra` is too."""
  update = jax.jit(lambda tree: jax.tree.map(lambda x: x + 1, tree), donate_argnums=0)
  checkpoints, extra = checkpoint.Checkpoints(tmp_path / "c", keep=3), {"step": 0}
  tree = {"w": jnp.zeros(4_000_000), "step": jnp.zeros((), jnp.int32)}
  for step in (1, 2):
    tree, extra["step"] = update(tree), step
    checkpoints.save(step, tree, extra)
    assert not (tmp_path / "c" / str(step)).exists()  # 16 MB take longer than the way here
    extra["step"] = -1
  for _ in range(3):
    tree = update(tree)
  checkpoints.wait()
  for step in (2, 1):
    found, extra = checkpoints.restore(tree, print)
    assert extra == {"step": step} and found["step"] == step
    assert np.asarray(found["w"]).tobytes() == np.full(4_000_000, step, np.float32).tobytes()
    shutil.rmtree(tmp_path / "c" / str(step))
    checkpoints.close()
    checkpoints = checkpoint.Checkpoints(tmp_path / "c", keep=3)
  checkpoints.close()


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_save_leaves_the_one_before(tmp_path):
  code = f"""
import os, pathlib, signal, sys
import jax.numpy as jnp
from eft_jax.train import checkpoint
checkpoints = checkpoint.Checkpoints(pathlib.Path({str(tmp_path / "c")!r}), keep=1)
tree = {{"w": jnp.ones(20_000_000)}}
checkpoints.save(1, tree, {{"step": 1}})
checkpoints.wait()
checkpoints.save(2, {{"w": tree["w"] * 2}}, {{"step": 2}})
while not list(pathlib.Path({str(tmp_path / "c")!r}).glob("*/state.orbax-checkpoint-tmp")):
  pass
os.kill(os.getpid(), signal.SIGKILL)
"""
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
  assert done.returncode == -signal.SIGKILL, done.stderr
  assert len(list((tmp_path / "c").iterdir())) == 2  # it was under way
  checkpoints = checkpoint.Checkpoints(tmp_path / "c", keep=1)
  found, extra = checkpoints.restore({"w": jnp.zeros(20_000_000)}, print)
  assert extra == {"step": 1} and (np.asarray(found["w"]) == 1).all()
  assert [path.name for path in (tmp_path / "c").iterdir()] == ["1"]
  checkpoints.close()


def test_what_cannot_be_written_is_an_oserror_and_the_older_ones_stand(saved):
  """Files of at most 20 kB, which stops the arrays but not the small files: like a disk that runs full."""
  big = state(0) | {"moments": jnp.array(np.random.default_rng(0).normal(size=100_000), jnp.float32)}
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    checkpoints.save(4, big, {"step": 4})
    with pytest.raises(OSError, match="Checkpoint of step 4 could not be written, File too large") as error:
      while True:
        checkpoints.check()  # does not wait, and yet it will tell
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)
  assert error.value.errno == errno.EFBIG and error.value.filename == str(saved / "4")
  assert_equal(checkpoints.restore(state(0), print)[0], state(3))
  checkpoints.save(4, state(4), {"step": 4})
  checkpoints.close()
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  assert_equal(checkpoints.restore(state(0), print)[0], state(4))
  checkpoints.close()


@pytest.mark.parametrize("file, shown", [("site-packages/orbax/checkpoint/_src/serialization.py", 0), ("user.py", 1)])
def test_asyncio_is_silent_about_errors_of_orbax_alone(file, shown, caplog):
  """Such errors are collected with the array that failed first; asyncio would print the others when the run ends."""
  async def fails():
    exec(compile("raise ValueError('No space left on device')", file, "exec"))

  async def main():
    tasks = asyncio.gather(fails())
    await asyncio.sleep(0.01)  # nobody asks `tasks` how it went
    del tasks

  asyncio.run(main())
  gc.collect()
  assert len([record for record in caplog.records if "never retrieved" in record.getMessage()]) == shown


def test_a_checkpoint_of_another_state_or_without_its_place_in_the_data_is_said(saved):
  checkpoints = checkpoint.Checkpoints(saved, keep=2)
  other = state(0)
  with pytest.raises(ConfigError, match=r"another model .* params.a has shape \(300, 7\), expected \(300, 8\)"):
    checkpoints.restore(other | {"params": {"a": jnp.zeros((300, 8)), "frozen": None}}, print)
  with pytest.raises(ConfigError, match="it has no params.b .1 differences"):
    checkpoints.restore(other | {"params": {"a": other["params"]["a"], "b": jnp.zeros(2)}}, print)
  with pytest.raises(ConfigError, match="step is not of this model"):
    checkpoints.restore({name: other[name] for name in ("params", "moments")}, print)
  with pytest.raises(ConfigError, match="c/3 has no 'place' in extra"):
    checkpoints.restore(other, print, needed=("step", "place"))
  shutil.rmtree(saved / "3" / "extra")
  with pytest.raises(ConfigError, match="c/3 has no iterator state"):
    checkpoints.restore(other, print)
  assert checkpoints.latest == 3
  checkpoints.close()
