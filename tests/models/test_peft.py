"""PEFT folders: the real library gives our logits over transformers' models; in and out again to the bit."""

import dataclasses
import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from eft_jax import models, text
from eft_jax.core.settings import ConfigError

small = lambda preset, **changes: models.tiny(models.PRESETS[preset], vocab_size=131, **changes)
CONFIGS = {
    "llama": small("smollm2_135m", tie_embeddings=False), "gemma2": small("gemma2_2b"),
    "gemma3": small("gemma3_4b", pattern=("local", "global"), num_layers=3), "qwen3": small("qwen3_8b", num_layers=2),
    "qwen3_5": small("qwen3_5_4b", pattern=("delta", "global"), num_layers=3)}


def randomised(config, params, rank=4, targets=models.lora.TARGETS, alpha=6.5):
  """Adapters with both factors random."""
  adapters = models.lora.init(config, params, rank, jax.random.key(1), alpha, targets=targets)
  leaves, treedef = jax.tree.flatten(adapters)
  keys = jax.random.split(jax.random.key(2), len(leaves))
  return jax.tree.unflatten(treedef, [0.2 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)])


@jax.jit(static_argnums=0)
def logits(config, params, tokens):
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  return models.logits(config, params, models.hidden(config, params, tokens, positions, jnp.ones_like(tokens)))


def same(a, b):
  assert jax.tree.structure(a) == jax.tree.structure(b)
  jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(CONFIGS))
def test_the_library_gives_our_logits(family, tmp_path, assert_close):
  torch, transformers, peft = map(pytest.importorskip, ("torch", "transformers", "peft"))
  config = CONFIGS[family]
  params = models.init(config, jax.random.key(0))
  adapters = randomised(config, params)
  base = models.export_hf(config, params, tmp_path / "base")
  folder = models.export_peft(config, adapters, tmp_path / "adapter", str(base))
  with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
    theirs = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), folder).eval()
  tokens = jax.random.randint(jax.random.key(3), (2, 24), 0, config.vocab_size)
  with torch.no_grad():
    expected = theirs(torch.tensor(np.asarray(tokens))).logits.numpy()
  ours = logits(config, models.lora.apply(params, adapters), tokens)
  assert_close(ours, expected, 1e-5)
  assert np.max(np.abs(ours - logits(config, params, tokens))) > 0.1 * np.max(np.abs(expected))
  # Every matmul of theirs took its adapter, and none of ours is left over.
  wrapped = {name for name, module in theirs.named_modules() if hasattr(module, "lora_A")}
  assert wrapped == {name for layers in models.peft.modules(config).values() for name, _ in layers}
  theirs.save_pretrained(tmp_path / "saved")
  same(models.peft.read(config, tmp_path / "saved"), adapters)


@pytest.mark.parametrize("family", ["gemma2", "qwen3_5"])
@pytest.mark.parametrize("targets", [models.lora.TARGETS, ("q", "down"), ("head",)])
def test_reimport_is_bit_exact(family, targets, tmp_path):
  config = CONFIGS[family]
  adapters = randomised(config, models.init(config, jax.random.key(0)), targets=targets)
  models.export_peft(config, adapters, tmp_path / "out", "base")
  same(models.peft.read(config, tmp_path / "out"), adapters)
  assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_adapters_loads_merged(tmp_path):
  """With its tokenizer; an adapted tied head is a head of its own then."""
  config = models.tiny(models.PRESETS["gemma2_2b"])
  params, tokenizer = models.init(config, jax.random.key(0)), text.Tokenizer.bytes()
  base, adapters = models.export_hf(config, params, tmp_path / "base", tokenizer), randomised(config, params)
  folder = models.export_peft(config, adapters, tmp_path / "adapter", str(base), tokenizer)
  loaded = models.load(folder)
  assert loaded.config == dataclasses.replace(config, tie_embeddings=False)
  same(loaded.params, models.lora.merge(params, adapters))
  assert text.Tokenizer.load(loaded.path).encode("abc") == tokenizer.encode("abc")


def test_what_is_not_plain_lora_of_this_model_is_refused(tiny, tmp_path):
  config = tiny.config
  folder = models.export_peft(config, randomised(config, tiny.params, targets=("q", "head")), tmp_path / "out", "base")
  values, tensors = json.loads((folder / "adapter_config.json").read_text()), folder / "adapter_model.safetensors"
  arrays = safetensors.numpy.load_file(tensors)
  first = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"

  def refused(message, values=values, arrays=arrays, read=lambda: models.peft.read(config, folder)):
    (folder / "adapter_config.json").write_text(json.dumps(values))
    safetensors.numpy.save_file(arrays, tensors)
    with pytest.raises(ConfigError, match=message):
      read()

  refused("use_rslora True, only False", values | {"use_rslora": True})
  refused("peft_type 'LOHA', only 'LORA'", values | {"peft_type": "LOHA"})
  refused("adapts? nothing in this model, .*q_bias", arrays=arrays | {"base_model.model.q_bias": arrays[first]})
  refused(f"no tensor '{first}'", arrays={name: array for name, array in arrays.items() if name != first})
  refused(r"q_proj.lora_A.weight' or its like has shape \(3, 4\), expected \(4, 48\)",
          arrays=arrays | {first: np.zeros((3, 4), np.float32)})
  refused("no base_model_name_or_path", values | {"base_model_name_or_path": None}, read=lambda: models.load(folder))
  tensors.write_bytes(b"short")
  with pytest.raises(ConfigError, match="adapter_model.safetensors cannot be read"):
    models.peft.read(config, folder)
