"""RL against a server over HTTP: weights or adapters of every epoch reach it, and its death in between is survived."""

import threading

import pytest

from eft_jax import rl, store, text
from eft_jax.core import Outcome
from eft_jax.models import load
from eft_jax.rl import loop, publishing
from eft_jax.serve import Engine, server
from eft_jax.serve.service import Service
from eft_jax.train import metrics


def serve(folder, port=0):
  loaded = load(str(folder))
  engine = Engine(loaded.config, loaded.params, text.Tokenizer.load(str(folder)), slots=16, max_length=512)
  return engine, server.HttpServer(Service(engine, str(folder)), server.listen("127.0.0.1", port))


@pytest.mark.parametrize("sync", ["weights", "adapter"])
def test_every_epoch_is_written_by_the_newest_weights(sync, settings, practised, pool, tasks_root, tmp_path, quiet):
  engine, http = serve(practised)
  with engine, http:
    chosen = settings(rollout=rl.RolloutSettings(url=http.url, sync=sync),
                      lora=rl.LoraSettings(rank=8) if sync == "adapter" else rl.LoraSettings())
    results = loop.run_rl(chosen, tmp_path, quiet, evaluate_pool=pool, tasks_root=tasks_root)
  assert results["epochs"] == 3
  for event in metrics.read(tmp_path):
    assert event["staleness"] == 0 and event.get("logp_gap_max", 0) < 1e-3
  with store.Store(tmp_path / "attempts.db", read_only=True) as found:
    for attempt in found.read(1):
      assert attempt.response.weight_version == publishing.name_of(attempt.batch - 1)
  assert len(list((tmp_path / "weights").iterdir())) == 2


def test_a_server_that_dies_and_comes_back_costs_retries_alone(settings, practised, pool, tasks_root, tmp_path, quiet,
                                                               monkeypatch):
  engine, http = serve(practised)
  http.start()
  port, ask, asked = int(http.url.rsplit(":", 1)[1]), publishing.Rollouts.propose, []
  answered, alive = threading.Event(), [engine, http]

  def propose(self, requests):
    asked.append(1)
    if len(asked) != 4:
      try:
        return ask(self, requests)
      finally:
        answered.set() if len(asked) >= 3 else None
    answered.wait(60)  # the second group of epoch 2: the first one has its replies
    alive[0].close()
    alive[1].stop()
    alive[:] = serve(practised, port)  # with the first weights
    alive[1].start()
    return ask(self, requests)

  monkeypatch.setattr(publishing.Rollouts, "propose", propose)
  try:
    chosen = settings(rollout=rl.RolloutSettings(url=http.url))
    assert loop.run_rl(chosen, tmp_path, quiet, evaluate_pool=pool, tasks_root=tasks_root)["epochs"] == 3
  finally:
    alive[0].close()
    alive[1].stop()
  assert all(event["staleness"] == 0 for event in metrics.read(tmp_path))
  with store.Store(tmp_path / "attempts.db", read_only=True) as found:
    outcomes = [attempt.outcome for attempt in found.read()]
  assert outcomes.count(Outcome.INFRA) >= 8 and len(outcomes) - outcomes.count(Outcome.INFRA) == 3 * 16 + 1
