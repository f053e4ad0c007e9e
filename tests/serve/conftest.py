"""A tiny random model, one engine over it for the whole session, and an HTTP server over that engine.

Also the servers of the conformance tests: ours over a checkpoint that any server can load, and the real SGLang of
EFT_SGLANG_URL over the same one, where launch/test_sglang.sh has started it. EFT_SGLANG_MODELS is the folder that
tests/serve/checkpoints.py has written for both.
"""

import os
import pathlib

import httpx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models, text
from eft_jax.serve import server
from eft_jax.serve.engine import Engine
from eft_jax.serve.service import Service
from eft_jax.serve.settings import ServeSettings, load_engine
from tests.serve import checkpoints

REAL = os.environ.get("EFT_SGLANG_URL")


class Tiny:
  """A tiny model with the byte tokenizer, and the slow reference that the engine must agree with."""

  def __init__(self, seed=0, config=None):
    # 48: transformers wants a multiple of the 6 heads.
    self.config = config or models.tiny(models.PRESETS["smollm2_135m"], model_dim=48)
    self.params = jax.tree.map(lambda x: x * 1.5, models.init(self.config, jax.random.key(seed)))
    self.tokenizer = text.Tokenizer.bytes()
    self._logits = jax.jit(self._forward)

  def _forward(self, params, tokens):
    positions = jnp.arange(tokens.shape[1])[None]
    hidden = models.hidden(self.config, params, tokens, positions, jnp.ones_like(tokens))
    return models.logits(self.config, params, hidden)[0]

  def logits(self, ids, params=None):
    """[len(ids), V]; behind padding to one shape, which a causal model does not see."""
    padded = np.zeros((1, 128), np.int32)
    padded[0, :len(ids)] = ids
    return np.asarray(self._logits(self.params if params is None else params, jnp.asarray(padded)))[:len(ids)]

  def logprobs(self, ids, temperature=1.0, params=None):
    """Log-probs of ids[1:]."""
    rows = jax.nn.log_softmax(jnp.asarray(self.logits(ids, params)[:-1] / temperature))
    return np.asarray(rows)[np.arange(len(ids) - 1), np.asarray(ids[1:])]

  def greedy(self, ids, count, params=None):
    """`count` tokens, each by a full forward pass."""
    ids, start = list(ids), len(ids)
    for _ in range(count):
      ids.append(int(self.logits(ids, params)[-1].argmax()))
    return ids[start:]


@pytest.fixture(scope="session")
def tiny():
  return Tiny()


@pytest.fixture(scope="session")
def recurrent():
  """Gated-delta layers before attention: a state that cannot be rewound."""
  return Tiny(config=models.tiny(models.PRESETS["qwen3_5_2b"], pattern=("delta", "global"), num_layers=2))


@pytest.fixture(scope="session")
def engine(tiny):
  with Engine(tiny.config, tiny.params, tiny.tokenizer, slots=4, max_length=256) as engine:
    yield engine


@pytest.fixture(scope="session")
def http(engine):
  """The URL of a server over the session's engine."""
  with server.HttpServer(Service(engine, "tiny"), server.listen("127.0.0.1", 0)) as running:
    yield running.url


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
  """The checkpoints and adapters that the servers of the conformance tests load."""
  given = os.environ.get("EFT_SGLANG_MODELS")
  return pathlib.Path(given) if given else checkpoints.write(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def ours(folders):
  """The URL of our engine over the checkpoint `first`."""
  settings = ServeSettings(model=str(folders / "first"), slots=8, max_length=1024)
  with load_engine(settings) as engine, server.HttpServer(
      Service(engine, settings.model), server.listen("127.0.0.1", 0)) as running:
    yield running.url


@pytest.fixture(scope="session", params=["jax", "sglang"] if REAL else ["jax"])
def url(request):
  """Each server that must answer as SGLang does, with max_length 1024."""
  return REAL if request.param == "sglang" else request.getfixturevalue("ours")


@pytest.fixture(scope="session")
def post(url):
  with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
    yield lambda path, body: client.post(path, json=body)


@pytest.fixture(scope="session")
def get(url):
  with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
    yield client.get
