"""A checkpoint gives back every bit; a damaged one is said, and the one before is taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax.core.settings import ConfigError
from eft_jax.train import checkpoint


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
  assert_equal(checkpoints.restore(state(0), print)[0], state(4))
  checkpoints.close()
