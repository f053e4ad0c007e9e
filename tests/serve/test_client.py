"""The client: one set of methods for both transports, its checks, its retries, and the traps of real servers."""

import http.server
import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import safetensors.numpy

from eft_jax.serve import server
from eft_jax.serve.client import Client, Embedded, ServerError

IDS = [5, 6, 7, 8]
GREEDY = {"temperature": 0, "max_new_tokens": 6, "ignore_eos": True}


@pytest.fixture(params=["http", "embedded"])
def client(request, engine):
  if request.param == "embedded":
    yield Embedded(engine, "tiny")
  else:
    with Client(request.getfixturevalue("http")) as client:
      yield client


def timeless(value):
  """Without what differs from call to call, and the name of the model, which updates of other tests change."""
  varying = ("id", "e2e_latency", "created", "cached_tokens", "cached_tokens_details", "internal_states", "model_path",
             "served_model_name", "tokenizer_path", "model")
  if isinstance(value, dict):
    return {k: timeless(v) for k, v in value.items() if k not in varying}
  return [timeless(item) for item in value] if isinstance(value, list) else value


def test_both_transports_give_the_same_json(http, engine):
  requests = [{"input_ids": IDS, "sampling_params": GREEDY, "return_logprob": True, "logprob_start_len": 0},
              {"input_ids": IDS[:2], "sampling_params": {"sampling_seed": 1, "max_new_tokens": 9, "n": 2}},
              {"input_ids": IDS[:3], "sampling_params": GREEDY | {"top_p": 0.5}}]
  with Client(http) as client:
    over_http = [client.generate(requests), client.model_info(), client.server_info(),
                 client.chat([{"role": "user", "content": "a"}], max_tokens=3, seed=1)]
  inside = Embedded(engine, "tiny")
  embedded = [inside.generate(requests), inside.model_info(), inside.server_info(),
              inside.chat([{"role": "user", "content": "a"}], max_tokens=3, seed=1)]
  assert timeless(over_http) == timeless(json.loads(json.dumps(embedded)))
  assert len(over_http[0]) == 4  # in the order of the requests, each with its samples
  assert [len(answer["output_ids"]) for answer in over_http[0]][::3] == [6, 6]
  assert over_http[0][1]["meta_info"]["prompt_tokens"] == 2


def test_generate_checks_before_it_sends(client):
  for bad, reason in (({"input_ids": [5, 300]}, "outside the vocabulary of 259"), ({"input_ids": [-1]}, "holds -1"),
                      ({"input_ids": []}, "cannot be empty"), ({"sampling_params": {}}, "exactly one"),
                      ({"input_ids": [5], "smapling_params": {}}, "smapling_params")):
    with pytest.raises(ValueError, match=reason):
      client.generate([{"input_ids": [5], "sampling_params": GREEDY}, bad])


def test_refusals_carry_the_servers_words(client):
  with pytest.raises(ServerError, match="temperature must be") as error:
    client.generate([{"input_ids": [5], "sampling_params": {"temperature": -1}}])
  assert error.value.status == 400
  with pytest.raises(ServerError, match="one of abort, retract, in_place"):
    client.pause_generation("stop")


def test_control_calls(client, engine):
  assert client.health()
  client.pause_generation("retract")
  assert engine.paused
  client.continue_generation()
  assert not engine.paused
  client.abort_request("nobody")
  client.abort_request(abort_all=True)
  for neither in ({}, {"rid": ""}, {"rid": "a", "abort_all": True}):  # an empty rid would end them all
    with pytest.raises(ValueError, match="either rid or abort_all"):
      client.abort_request(**neither)
  client.flush_cache()
  assert client.update_weight_version("default")["success"]


def test_no_server_is_one_clear_line():
  with Client("http://127.0.0.1:9", connect_seconds=0.3) as client:
    start = time.monotonic()
    with pytest.raises(ServerError, match=r"no server at http://127.0.0.1:9") as error:
      client.generate([{"input_ids": [5], "sampling_params": {}}])
    assert error.value.status is None and time.monotonic() - start < 5
    assert not client.health()
  with pytest.raises(ValueError, match="expected for example"):
    Client("127.0.0.1:30000")


def test_waits_for_a_server_that_starts(engine):
  from eft_jax.serve.service import Service
  sock = server.listen("127.0.0.1", 0)
  running = server.HttpServer(Service(engine, "tiny"), sock)
  timer = threading.Timer(0.5, running.start)
  with Client(running.url, connect_seconds=20) as client:
    timer.start()
    try:
      assert client.generate([{"input_ids": [5], "sampling_params": GREEDY}])[0]["output_ids"]
    finally:
      timer.join()
      running.stop()


def test_importing_the_client_does_not_import_jax():
  code = "import sys, eft_jax.serve.client; assert 'jax' not in sys.modules, 'jax'"
  subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class Fake(http.server.BaseHTTPRequestHandler):
  """A server that answers as the real one was seen to, where it misleads."""

  flushes = 0

  def do_GET(self):
    self.answer(200, {"model_path": self.server.model_path, "weight_version": "default"})

  def do_POST(self):
    body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
    if self.path == "/update_weights_from_disk":
      self.answer(400, {"success": False, "num_paused_requests": 0, "message": (
          "Weights were updated, but the cache was not flushed because requests are still running or queued")})
    elif self.path == "/flush_cache":
      Fake.flushes += 1
      self.answer(400 if Fake.flushes < 3 else 200, "text")
    elif self.path == "/load_lora_adapter":
      self.answer(200, {"success": True, "error_message": "", "loaded_adapters": {"other": "/x"}})
    elif self.path == "/unload_lora_adapter":
      self.answer(400, {"success": False, "error_message": "LoRA with name a does not exist", "loaded_adapters": None})
    elif self.path == "/generate" and body.get("input_ids") == [[1]]:
      self.connection.close()
    else:
      self.answer(200, [{"output_ids": [], "meta_info": {"weight_version": "old"}}])

  def answer(self, status, value):
    data = json.dumps(value).encode()
    self.send_response(status)
    self.send_header("content-length", str(len(data)))
    self.end_headers()
    self.wfile.write(data)

  def log_message(self, *_):
    pass


def checkpoint(folder, vocab_size=50):
  folder.mkdir()
  (folder / "config.json").write_text(json.dumps({"vocab_size": vocab_size, "hidden_size": 8}))
  safetensors.numpy.save_file({"model.embed_tokens.weight": np.zeros((vocab_size, 8), np.float32)},
                              folder / "model.safetensors")


@pytest.fixture()
def fake(tmp_path):
  checkpoint(tmp_path / "served")
  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake) as running:
    running.model_path = str(tmp_path / "served")
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    with Client(f"http://127.0.0.1:{running.server_port}", connect_seconds=0.3) as client:
      yield client
    running.shutdown()
    thread.join()


def test_updated_but_not_flushed_is_updated(fake, tmp_path):
  Fake.flushes = 0
  assert "Weights were updated" in fake.update_weights_from_disk(tmp_path / "served", "v1")["message"]
  assert Fake.flushes == 3


def test_a_checkpoint_of_another_shape_is_not_sent(fake, tmp_path):
  checkpoint(tmp_path / "other", 60)
  with pytest.raises(ServerError, match="vocab_size is 60, served 50"):
    fake.update_weights_from_disk(tmp_path / "other", "v1")
  with pytest.raises(ServerError, match="does not exist"):
    fake.update_weights_from_disk(tmp_path / "nothing", "v1")


def test_adapters_are_there_when_the_server_lists_them(fake, tmp_path):
  with pytest.raises(ServerError, match="does not exist"):
    fake.load_lora_adapter("a", tmp_path / "nothing")
  with pytest.raises(ServerError, match="said to have worked, but loaded are .*other"):
    fake.load_lora_adapter("a", "a_folder_of_the_servers_machine")
  with pytest.raises(ServerError, match="'a': LoRA with name a does not exist") as error:
    fake.unload_lora_adapter("a")
  assert error.value.status == 400


def test_vocabulary_of_a_server_that_does_not_tell_it(fake):
  with pytest.raises(ValueError, match="outside the vocabulary of 50"):
    fake.generate([{"input_ids": [50]}])


def test_a_version_that_never_arrives(fake, tmp_path):
  Fake.flushes = 9
  with pytest.raises(ServerError, match="answers with 'old'"):
    fake.sync_weights(tmp_path / "served", "v1")


def test_a_server_that_dies_in_mid_request(fake):
  with pytest.raises(ServerError, match="went away during /generate"):
    fake.generate([{"input_ids": [1]}])
