"""Rollouts come from the policy's own weights or not at all: versions are checked, and handed over again where lost."""

import types

import pytest

from eft_jax import rl, text
from eft_jax.core import Prompt
from eft_jax.core.settings import ConfigError
from eft_jax.rl import loop, publishing
from eft_jax.search.proposers import ProposerError, Request, Sampling
from eft_jax.serve import ServerError

REQUEST = Request(Prompt("Pick.", "4"), 1, "diff", Sampling(1.0, 1.0, 8))


class Server:
  """Answers with the weights that it was given last; `restart` forgets them."""

  def __init__(self):
    self.version, self.published, self.logprobs, self.dead = "default", [], True, 0

  def generate(self, bodies):
    self.bodies = bodies
    meta = {"finish_reason": {"type": "stop"}, "weight_version": self.version}
    if self.logprobs:
      meta["output_token_logprobs"] = [[-1.0, 65, None]]
    return [{"text": "A", "output_ids": [65], "meta_info": meta} for _ in bodies]

  def publish(self, policy):
    if self.dead:
      self.dead -= 1
      raise ServerError("no server here")
    self.version = publishing.name_of(policy.version)
    self.published.append(self.version)

  adapter = ""


@pytest.fixture
def server():
  return Server()


@pytest.fixture
def policy():
  return types.SimpleNamespace(version=0, tokenizer=text.Tokenizer.bytes())


@pytest.fixture
def rollouts(server, policy):
  return publishing.Rollouts(server, policy, server, "rl:toy", 2, lambda: None)


def test_each_version_is_handed_over_once(rollouts, server, policy):
  for version in (0, 1):
    policy.version = version
    for _ in range(3):
      response, = rollouts.propose([REQUEST])
      assert response.weight_version == publishing.name_of(version) and response.logprobs == (-1.0,)
  assert server.published == ["epoch-00000", "epoch-00001"]


def test_a_server_that_was_started_again_gets_the_weights_again(rollouts, server):
  rollouts.propose([REQUEST])
  server.version = "default"
  with pytest.raises(ProposerError, match="answered with weights 'default' instead of 'epoch-00000'"):
    rollouts.propose([REQUEST])
  assert rollouts.propose([REQUEST])[0].weight_version == "epoch-00000"
  assert server.published == ["epoch-00000"] * 2


def test_weights_that_do_not_arrive_are_tried_again(rollouts, server):
  server.dead = 1
  with pytest.raises(ProposerError, match="Weights epoch-00000 did not reach the server: no server here"):
    rollouts.propose([REQUEST])
  assert rollouts.propose([REQUEST])


def test_a_server_without_logprobs_is_refused(rollouts, server):
  server.logprobs = False
  with pytest.raises(ConfigError, match="tells no log-probs"):
    rollouts.propose([REQUEST])


def test_requests_name_the_adapter(rollouts, server, monkeypatch):
  rollouts.propose([REQUEST])
  assert "lora_path" not in server.bodies[0]
  monkeypatch.setattr(Server, "adapter", "epoch-00000")
  server.version = "default"  # of the base model
  assert rollouts.propose([REQUEST])[0].weight_version == "epoch-00000"
  assert server.bodies[0]["lora_path"] == "epoch-00000"


def test_a_server_that_lost_the_adapter_gets_it_again_once(rollouts, server, monkeypatch):
  monkeypatch.setattr(Server, "adapter", "epoch-00000")

  def refuses(self, bodies):
    raise ServerError("no such adapter", 400)

  with monkeypatch.context() as patch:
    patch.setattr(Server, "generate", refuses)
    with pytest.raises(ProposerError, match="refuses adapter 'epoch-00000'"):
      rollouts.propose([REQUEST])
    with pytest.raises(ConfigError, match="no such adapter"):
      rollouts.propose([REQUEST])
  assert rollouts.propose([REQUEST]) and server.published == ["epoch-00000"] * 2


def test_only_the_newest_folders_stay(tmp_path):
  for version in (0, 1, 2, 10):
    (tmp_path / publishing.name_of(version)).mkdir()
  (tmp_path / "notes").mkdir()
  publishing.forget(tmp_path, 2)
  assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-00002", "epoch-00010", "notes"]


@pytest.mark.parametrize("name, version", [("epoch-00012", 12), ("default", None), ("", None), ("epoch-1x", None)])
def test_versions_of_names(name, version):
  assert publishing.version_of(name) == version


def test_no_server_and_one_of_another_vocabulary(policy, monkeypatch, tmp_path):
  settings = rl.RlSettings(rollout=rl.RolloutSettings(url="http://127.0.0.1:9"), model="smollm2_135m")
  with pytest.raises(ConfigError, match="No healthy server at http://127.0.0.1:9"):
    loop.connect(settings, policy, tmp_path)
  monkeypatch.setattr(loop.Client, "health", lambda self: True)
  monkeypatch.setattr(loop.Client, "vocabulary", lambda self: 512)
  policy.config = types.SimpleNamespace(vocab_size=264)
  with pytest.raises(ConfigError, match="vocabulary of 512 tokens, config.model smollm2_135m one of 264"):
    loop.connect(settings, policy, tmp_path)
