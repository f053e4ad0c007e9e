"""The HTTP server beyond the shared contract: weight updates, hostile and dying clients, many at once."""

import concurrent.futures
import json
import socket
import threading
import time

import httpx
import jax
import numpy as np
import pytest

from eft_jax import models
from eft_jax.serve import server
from eft_jax.serve.client import Client, Embedded, ServerError
from eft_jax.serve.engine import Engine
from eft_jax.serve.service import Service

IDS = [5, 6, 7, 8]
GREEDY = {"temperature": 0, "max_new_tokens": 6, "ignore_eos": True}


def post(url, path, body, **options):
  return httpx.post(url + path, json=body, timeout=60, trust_env=False, **options)


def address(url):
  return "127.0.0.1", int(url.rsplit(":", 1)[1])


def raw(url, data):
  """A connection that has sent `data`."""
  connection = socket.create_connection(address(url), timeout=30)
  connection.sendall(data)
  return connection


def healthy(url):
  return post(url, "/generate", {"input_ids": IDS, "sampling_params": GREEDY}).status_code == 200


def test_ids_outside_the_vocabulary_are_refused(http):
  response = post(http, "/generate", {"input_ids": [5, 259], "sampling_params": GREEDY})
  assert response.status_code == 400 and "259" in response.json()["error"]["message"]
  assert healthy(http)


def test_seed_gives_the_same_tokens_again(http):
  body = {"input_ids": IDS, "sampling_params": {"max_new_tokens": 12, "sampling_seed": 7, "ignore_eos": True}}
  first, again, other = (post(http, "/generate", {**body, "sampling_params": body["sampling_params"] | more}).json()
                         for more in ({}, {}, {"sampling_seed": 8}))
  assert first["output_ids"] == again["output_ids"] != other["output_ids"]
  samples = post(http, "/generate", {**body, "sampling_params": body["sampling_params"] | {"n": 3}}).json()
  assert samples[0]["output_ids"] == first["output_ids"]
  assert len({tuple(sample["output_ids"]) for sample in samples}) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null", b'"text"', b"[" * 100_000,
                                     b'{"input_ids": {"a": 1}}', b'{"text": 3}', b'{"input_ids": [[1], "a"]}',
                                     b'{"input_ids": [1e400]}', b'{"input_ids":[3],"sampling_params":{"stop":[1]}}'])
@pytest.mark.parametrize("path", ["/generate", "/v1/chat/completions", "/update_weights_from_disk"])
def test_malformed_bodies_are_400(http, path, content):
  response = httpx.post(http + path, content=content, headers={"content-type": "application/json"}, trust_env=False)
  assert response.status_code == 400, response.text
  assert "error" in response.json() or response.json()["object"] == "error"


def test_unknown_routes_and_methods(http):
  assert httpx.get(http + "/nothing", trust_env=False).status_code == 404
  assert httpx.get(http + "/generate", trust_env=False).status_code == 405
  response = post(http, "/update_weights_from_tensor", {})
  assert response.status_code == 400 and "update_weights_from_disk" in response.json()["error"]["message"]


def test_garbage_half_requests_and_silence_harm_nobody(http):
  connections = [raw(http, data) for data in (
      b"\x16\x03\x01\x02\x00garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /generate HTTP/1.1\r\n",
      b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"input", b"")]
  assert healthy(http)
  for connection in connections:
    connection.close()
  assert healthy(http)


def test_a_client_that_goes_away_frees_its_slot(http, engine):
  body = json.dumps({"input_ids": IDS, "rid": "leaver", "sampling_params": {
      "max_new_tokens": 200, "temperature": 0, "ignore_eos": True}}).encode()
  head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
  engine.pause("in_place")  # it cannot finish before it leaves
  try:
    connection = raw(http, head + body)
    wait_for(lambda: engine.load()["waiting"] == 1)
    connection.close()
    wait_for(lambda: engine.load()["waiting"] == 0)
  finally:
    engine.resume()
  assert engine.load()["running"] == 0 and healthy(http)


def test_a_stream_that_is_not_read_to_its_end(http, engine):
  body = {"input_ids": [IDS] * 2, "stream": True, "sampling_params": {
      "max_new_tokens": 240, "temperature": 0, "ignore_eos": True}}
  with httpx.stream("POST", http + "/generate", json=body, timeout=60, trust_env=False) as response:
    assert next(response.iter_lines()).startswith("data: ")
  wait_for(lambda: engine.load()["running"] == 0 == engine.load()["waiting"])
  assert healthy(http)


def wait_for(condition, seconds=30):
  deadline = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < deadline, "it did not happen"
    time.sleep(0.01)


def test_fifty_clients_at_once(http, tiny):
  prompts = [[int(i) for i in np.random.default_rng(k).integers(3, 259, 2 + k % 7)] for k in range(50)]
  with concurrent.futures.ThreadPoolExecutor(50) as pool:
    bodies = [{"input_ids": ids, "sampling_params": GREEDY} for ids in prompts]
    answers = list(pool.map(lambda body: post(http, "/generate", body), bodies))
  assert [answer.json()["output_ids"] for answer in answers] == [tiny.greedy(ids, 6) for ids in prompts]


def test_a_full_queue_is_503(tiny):
  with Engine(tiny.config, tiny.params, tiny.tokenizer, slots=4, max_length=256, max_waiting=2) as engine:
    engine.pause("in_place")
    with server.HttpServer(Service(engine, "tiny"), server.listen("127.0.0.1", 0)) as running:
      body = {"input_ids": [IDS, IDS], "sampling_params": GREEDY}
      with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, running.url, "/generate", body)
        wait_for(lambda: engine.load()["waiting"] == 2)
        response = post(running.url, "/generate", body)
        assert response.status_code == 503 and "full" in response.json()["error"]["message"]
        assert httpx.get(running.url + "/health_generate", trust_env=False).status_code == 200
        engine.resume()
        assert first.result().status_code == 200


def test_abort_returns_the_partial_answer_with_200(http, engine):
  engine.pause("in_place")
  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    answer = pool.submit(post, http, "/generate", {"input_ids": IDS, "rid": "victim", "sampling_params": GREEDY})
    wait_for(lambda: engine.load()["waiting"] == 1)
    assert post(http, "/flush_cache", {}).status_code == 400
    response = post(http, "/abort_request", {"rid": "victim"})
    assert response.status_code == 200 and response.content == b""
    engine.resume()
    assert answer.result().status_code == 200
  meta = answer.result().json()["meta_info"]
  assert meta["finish_reason"] == {"type": "abort", "message": "Aborted", "status_code": None, "err_type": None}
  assert meta["id"] == "victim" and meta["completion_tokens"] == 0


@pytest.fixture(scope="module")
def checkpoints(tiny, tmp_path_factory):
  """Two sets of weights of the served shape, and three folders that are none."""
  root = tmp_path_factory.mktemp("checkpoints")
  other = jax.tree.map(lambda x: x * 1.5, models.init(tiny.config, jax.random.key(9)))
  models.export_hf(tiny.config, tiny.params, root / "same", tiny.tokenizer)
  models.export_hf(tiny.config, other, root / "other", tiny.tokenizer)
  wide = models.tiny(tiny.config, model_dim=48, hidden_dim=64)
  models.export_hf(wide, models.init(wide, jax.random.key(1)), root / "wide", tiny.tokenizer)
  models.export_hf(tiny.config, other, root / "cut", tiny.tokenizer)
  file = next((root / "cut").glob("*.safetensors"))
  file.write_bytes(file.read_bytes()[:-1000])
  (root / "empty").mkdir()
  return root, other


def test_update_over_http_changes_answers_and_version(http, tiny, checkpoints):
  root, other = checkpoints
  try:
    response = post(http, "/update_weights_from_disk", {"model_path": str(root / "other"), "weight_version": "step-8"})
    assert response.status_code == 200 and response.json() == {
        "success": True, "message": "Succeeded to update model weights. Weight version updated to step-8.",
        "num_paused_requests": 0}
    answer = post(http, "/generate", {"input_ids": IDS, "sampling_params": GREEDY}).json()
    assert answer["output_ids"] == tiny.greedy(IDS, 6, other) != tiny.greedy(IDS, 6)
    assert answer["meta_info"]["weight_version"] == "step-8"
    info = httpx.get(http + "/model_info", trust_env=False).json()
    assert info["weight_version"] == "step-8" and info["model_path"] == str(root / "other")
  finally:
    back = post(http, "/update_weights_from_disk", {"model_path": str(root / "same"), "weight_version": "default"})
  assert back.status_code == 200
  assert post(http, "/generate", {"input_ids": IDS, "sampling_params": GREEDY}).json()["output_ids"] == tiny.greedy(
      IDS, 6)


@pytest.mark.parametrize("name", ["wide", "cut", "empty", "missing"])
def test_a_bad_checkpoint_leaves_the_old_weights(http, tiny, checkpoints, name):
  before = httpx.get(http + "/model_info", trust_env=False).json()
  body = {"model_path": str(checkpoints[0] / name), "weight_version": "bad"}
  response = post(http, "/update_weights_from_disk", body)
  assert response.status_code == 400 and response.json()["success"] is False and response.json()["message"]
  assert httpx.get(http + "/model_info", trust_env=False).json() == before
  assert post(http, "/generate", {"input_ids": IDS, "sampling_params": GREEDY}).json()["output_ids"] == tiny.greedy(
      IDS, 6)


def test_update_weight_version(http):
  try:
    answer = post(http, "/update_weight_version", {"new_version": "v9"}).json()
    assert answer == {"success": True, "message": "Weight version updated to v9", "new_version": "v9"}
    assert httpx.get(http + "/model_info", trust_env=False).json()["weight_version"] == "v9"
  finally:
    post(http, "/update_weight_version", {"new_version": "default"})


@pytest.mark.parametrize("transport", ["http", "embedded"])
def test_sync_weights_with_a_request_in_flight(request, engine, tiny, checkpoints, transport):
  """Retract, update, continue, verify: the running request's tokens are accounted to both versions."""
  root, other = checkpoints
  client = Client(request.getfixturevalue("http")) if transport == "http" else Embedded(engine, str(root / "same"))
  begun, hold = threading.Event(), threading.Event()

  def on_tokens(result):
    begun.set()
    while not (engine._commands or hold.is_set()):
      time.sleep(0.001)
    hold.set()  # the pause is there, however long it took

  from eft_jax.serve.requests import GenerateRequest, SamplingParams
  future, = engine.submit([GenerateRequest(tuple(IDS), SamplingParams(max_new_tokens=100, temperature=0.0,
                                                                      ignore_eos=True), on_tokens=on_tokens)])
  assert begun.wait(60)
  probe = [3, 5, 7, 11, 13]
  try:
    logprobs = client.sync_weights(root / "other", "v1", probe_ids=probe,
                                   expected=tiny.logprobs(probe, params=other), tolerance=1e-3)
    assert logprobs == pytest.approx(tiny.logprobs(probe, params=other), abs=1e-4)
    assert [version for version, _, _ in future.result(60).weight_versions] == ["default", "v1"]
    with pytest.raises(ServerError, match="differ by"):
      client.sync_weights(root / "other", "v2", probe_ids=probe, expected=tiny.logprobs(probe))
    with pytest.raises(ServerError, match="another shape: intermediate_size is 64, served 48"):
      client.sync_weights(root / "wide", "v3")
    assert not engine.paused  # a failed update does not leave the server paused
  finally:
    hold.set()
    engine.update_weights(tiny.params, "default")
