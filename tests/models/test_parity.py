"""Parity with transformers in fp32: logits, gradients, greedy continuations, folders; tiny models, SmolLM2."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models, text
from eft_jax.core import assets
from eft_jax.models import names

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY = models.tiny(models.PRESETS["smollm2_135m"], vocab_size=131, num_layers=3)
CONFIGS = {
    "tied": TINY,
    "untied": models.tiny(TINY, vocab_size=131, tie_embeddings=False),
    "one kv head, wide heads": models.tiny(TINY, num_heads=4, num_kv_heads=1, head_dim=24, rope_base=1e4),
    "no grouping": models.tiny(TINY, num_heads=4, num_kv_heads=4, norm_eps=1e-3),
}


def export(config, params, path):
  """Their model, loaded from our export."""
  models.export_hf(config, params, path)
  return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def our_logits(config, params, tokens):
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  return models.logits(config, params, models.hidden(config, params, tokens, positions, jnp.ones_like(tokens)))


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


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def pair(request, tmp_path_factory):
  """(config, our params, their model); weights are scaled up so that attention is far from uniform."""
  config = CONFIGS[request.param]
  params = models.init(config, jax.random.key(1))
  params["layers"] = jax.tree.map(lambda x: 1.5 * x, params["layers"])
  return config, params, export(config, params, tmp_path_factory.mktemp("hf") / "out")


def test_logits(pair, assert_close):
  config, params, theirs = pair
  tokens = jax.random.randint(jax.random.key(2), (2, 40), 0, config.vocab_size)
  with torch.no_grad():
    expected = theirs(torch.tensor(np.asarray(tokens))).logits.numpy()
  assert_close(our_logits(config, params, tokens), expected, 1e-5)


def test_gradients(pair, assert_close):
  config, params, theirs = pair
  tokens = jax.random.randint(jax.random.key(3), (2, 30), 0, config.vocab_size)

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
  for entry in names.entries(config):
    ours = names.pick(config, grads, entry)
    assert_close(ours.T if entry.transposed else ours, their_grads.pop(entry.hf), 1e-3)
  assert not their_grads


def test_greedy_continuations(pair):
  config, params, theirs = pair
  prompt = jax.random.randint(jax.random.key(4), (1, 11), 0, config.vocab_size)
  assert our_greedy(config, params, prompt, 40) == their_greedy(theirs, prompt, 40)


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
def test_smollm2_logits_and_continuations(smollm2, assert_close):
  loaded, theirs, tokenizer = smollm2
  for question in ("What is the capital of France?", "Write a Python function that adds two numbers."):
    prompt = np.asarray([tokenizer.chat([{"role": "user", "content": question}])])
    with torch.no_grad():
      expected = theirs(torch.tensor(prompt)).logits.numpy()
    assert_close(our_logits(loaded.config, loaded.params, jnp.asarray(prompt)), expected, 1e-5)
    assert our_greedy(loaded.config, loaded.params, prompt, 32) == their_greedy(theirs, prompt, 32)


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
