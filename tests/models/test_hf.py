"""Hugging Face folders: re-import is bit-exact, shards and index, refusals, replacement in one rename."""

import errno
import json
import resource
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from eft_jax import models, text
from eft_jax.core.settings import ConfigError


def same(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shard_bytes", [4 << 30, 20_000])
@pytest.mark.parametrize("preset", ["smollm2_135m", "gemma3_4b", "qwen3_5_4b"])
def test_reimport_is_bit_exact(tmp_path, dtype, tied, shard_bytes, preset):
  config = models.tiny(models.PRESETS[preset], tie_embeddings=tied)
  params = models.init(config, jax.random.key(0), dtype)
  folder = models.export_hf(config, params, tmp_path / "out", shard_bytes=shard_bytes)
  loaded = models.load(folder, dtype)
  assert loaded.config == config
  same(loaded.params, params)
  alive = len(jax.live_arrays())
  on_host = models.load(folder, dtype, host=True).params
  assert len(jax.live_arrays()) == alive
  same(on_host, params)
  shards = sorted(file.name for file in folder.glob("*.safetensors"))
  if shard_bytes < 1 << 30:
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert len(shards) > 3 and sorted(set(index["weight_map"].values())) == shards
    assert index["metadata"]["total_size"] == sum(x.nbytes for x in jax.tree.leaves(params))
  else:
    assert shards == ["model.safetensors"]
  assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_unstacked_params_export_alike(tiny, tmp_path):
  models.export_hf(tiny.config, models.unstack(tiny.config, tiny.params), tmp_path / "out")
  same(models.load(tmp_path / "out").params, tiny.params)


def test_a_head_of_its_own_is_exported_as_untied(tiny, tmp_path):
  params = tiny.params | {"head": {"kernel": tiny.params["embed"]["table"].T + 1}}
  loaded = models.load(models.export_hf(tiny.config, params, tmp_path / "out"))
  assert not loaded.config.tie_embeddings
  same(loaded.params, params)


def test_tokenizer_and_special_ids_go_along(tmp_path):
  config = models.tiny(models.PRESETS["smollm2_135m"])
  tokenizer = text.Tokenizer.bytes()
  folder = models.export_hf(config, models.init(config, jax.random.key(0)), tmp_path / "out", tokenizer)
  assert text.Tokenizer.load(folder).encode("abc") == tokenizer.encode("abc")
  for file in ("config.json", "generation_config.json"):
    values = json.loads((folder / file).read_text())
    assert (values["eos_token_id"], values["pad_token_id"], values["bos_token_id"]) == ([2, 0], 0, 1)


def test_export_replaces_the_old_folder(tiny, tmp_path):
  (tmp_path / "out").mkdir()
  (tmp_path / "out" / "stale").write_text("x")
  models.export_hf(tiny.config, tiny.params, tmp_path / "out")
  assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]
  assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_export_leaves_the_old_folder(tiny, tmp_path):
  models.export_hf(tiny.config, tiny.params, tmp_path / "out")
  broken = text.Tokenizer.bytes()
  object.__setattr__(broken, "pad_id", object())  # json cannot write this
  with pytest.raises(Exception):  # noqa: B017 the kind does not matter, what is left does
    models.export_hf(tiny.config, tiny.params, tmp_path / "out", broken)
  assert [path.name for path in tmp_path.iterdir()] == ["out"]
  same(models.load(tmp_path / "out").params, tiny.params)


def test_adapters_must_be_merged_first(tiny, tmp_path):
  adapters = models.lora.init(tiny.config, tiny.params, 2, jax.random.key(0))
  with pytest.raises(ConfigError, match="merge first"):
    models.export_hf(tiny.config, models.lora.apply(tiny.params, adapters), tmp_path / "out")


@pytest.mark.parametrize("damage, message", [
    ("no config", "cannot be read as JSON"), ("no weights", "missing, truncated or another format"),
    ("truncated weights", "missing, truncated or another format"), ("another shape", "has shape"),
    ("another family", "model_type 'gpt2'"), ("bias", "attention_bias True"),
    ("missing key", "lacks the key 'vocab_size'"),
    ("more layers", "has no tensor 'model.layers.2"), ("rope", "rope type 'llama3'")])
def test_bad_folders_are_refused(tiny, tmp_path, damage, message):
  folder = models.export_hf(tiny.config, tiny.params, tmp_path / "out")
  config, weights = folder / "config.json", folder / "model.safetensors"
  values = json.loads(config.read_text())
  changes = {"another shape": {"hidden_size": 30}, "another family": {"model_type": "gpt2"},
             "bias": {"attention_bias": True}, "more layers": {"num_hidden_layers": 3},
             "rope": {"rope_parameters": {"rope_type": "llama3"}}}
  if damage == "no config":
    config.unlink()
  elif damage == "no weights":
    weights.unlink()
  elif damage == "truncated weights":
    weights.write_bytes(weights.read_bytes()[:-100])
  else:
    values |= changes.get(damage, {})
    if damage == "missing key":
      del values["vocab_size"]
    config.write_text(json.dumps(values))
  with pytest.raises(ConfigError, match=message) as error:
    models.load(folder)
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("prefix", ["model.language_model.", "language_model.model."])
def test_the_text_of_a_model_with_images_is_read(tmp_path, caplog, prefix):
  """Published Gemma 3 and Qwen3.5 keep the decoder under a prefix, beside a tower that is left out aloud."""
  config = models.tiny(models.PRESETS["qwen3_5_2b"], num_layers=4)
  params = models.init(config, jax.random.key(0))
  folder = models.export_hf(config, params, tmp_path / "out")
  file = folder / "model.safetensors"
  tensors = {name.replace("model.", prefix, 1): value for name, value in safetensors.numpy.load_file(file).items()}
  safetensors.numpy.save_file(tensors | {"model.visual.patch": np.zeros(3, np.float32)}, file)
  values = json.loads((folder / "config.json").read_text())
  (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_5", "text_config": values, "vision_config": {}}))
  loaded = models.load(folder)
  assert loaded.config == config
  same(loaded.params, params)
  assert "1 tensors are not of the text decoder and are left out, model.visual.patch first" in caplog.text


def test_an_export_that_does_not_fit_is_an_oserror_and_leaves_the_old_one(tiny, tmp_path):
  config, params = tiny.config, tiny.params
  folder = models.export_hf(config, params, tmp_path / "out")
  before = (folder / "model.safetensors").read_bytes()
  limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    with pytest.raises(OSError, match="File too large") as error:
      models.export_hf(config, jax.tree.map(lambda x: x + 1, params), tmp_path / "out")
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)
  assert error.value.errno == errno.EFBIG and error.value.filename == str(folder)
  assert (folder / "model.safetensors").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
