"""What a server must do, ours and the real SGLang alike: the model's own numbers, updates in mid-request, adapters.

The reference is one full forward pass per token (checkpoints.py). Everything goes through our client where it has a
call, since the client is what guards against the ways to end a real server.
"""

import concurrent.futures
import contextlib
import shutil
import threading
import time
import uuid

import httpx
import numpy as np
import pytest
import safetensors.numpy

from eft_jax import models
from eft_jax.serve.client import PROBE_IDS, Client, ServerError
from tests.serve import checkpoints
from tests.serve.conftest import REAL

PROMPTS = [[5, 6, 7, 8, 9, 10], [11], [40, 41, 40, 41, 40], list(range(60, 100))]
# Few events: each holds all tokens so far, and what lags behind the model cannot tell when it may be interrupted.
LONG = {"temperature": 0, "max_new_tokens": 900, "ignore_eos": True, "stream_interval": 100}
TRIES = 5  # a request may be done before it is interrupted, on a machine with little time for those who watch


def greedy(count):
  return {"temperature": 0, "max_new_tokens": count, "ignore_eos": True}


@pytest.fixture(scope="module")
def client(url):
  with Client(url, timeout=180) as client:
    yield client


@pytest.fixture
def fresh(client, folders):
  """A client of a server that is put back afterwards: first's weights, no pause, no adapters."""
  yield client
  client.continue_generation()
  client.abort_request(abort_all=True)
  for card in client._get("/v1/models")["data"][1:]:
    client.unload_lora_adapter(card["id"])
  client.sync_weights(folders / "first", "default")


@pytest.fixture(scope="module")
def reference():
  """Reference weights by name."""
  base = checkpoints.params(0)
  over = lambda seed: models.lora.apply(base, checkpoints.adapters(seed, checkpoints.TARGETS))
  return {None: base, "second": checkpoints.params(1), "a": over(10), "b": over(20)}


def ask(ids, sampling, lora=None, **fields):
  return {"input_ids": ids, "sampling_params": sampling, "return_logprob": True, "lora_path": lora, **fields}


def output_logprobs(answer):
  return [entry[0] for entry in answer["meta_info"]["output_token_logprobs"]]


def scored(weights, ids):
  """Reference log-probs of ids[1:]."""
  return checkpoints.logprobs(weights, ids)[np.arange(len(ids) - 1), ids[1:]]


@contextlib.contextmanager
def running(client, ids, sampling, lora=None):
  """A request that has begun to write, and a future of its answer."""
  rid = uuid.uuid4().hex
  body = ask(ids, sampling, lora, rid=rid, stream=True)
  begun = threading.Event()

  def read():
    last = None
    with httpx.stream("POST", client.url + "/generate", json=body, timeout=180, trust_env=False) as response:
      for line in response.iter_lines():
        if line.startswith("data: {"):
          last = line
          begun.set()
    return httpx.Response(200, text=last[6:]).json()

  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    future = pool.submit(read)
    assert begun.wait(60)
    yield rid, future


# Numbers.

def test_greedy_tokens_and_logprobs_are_the_models(client, reference):
  answers = client.generate([ask(ids, greedy(12), logprob_start_len=0) for ids in PROMPTS])
  for ids, answer in zip(PROMPTS, answers, strict=True):
    tokens, logprobs = checkpoints.greedy(reference[None], ids, 12)
    assert answer["output_ids"] == tokens
    np.testing.assert_allclose(output_logprobs(answer), logprobs, atol=1e-3)
    told = [entry[0] for entry in answer["meta_info"]["input_token_logprobs"][1:]]
    np.testing.assert_allclose(told, scored(reference[None], ids), atol=1e-3)


def test_scores_of_prompts_are_the_models(client, reference):
  for ids, found in zip(PROMPTS, client.score(PROMPTS), strict=True):
    np.testing.assert_allclose(found, scored(reference[None], ids), atol=1e-3)


def test_top_logprobs_are_the_models(client, reference):
  answer, = client.generate([ask(PROMPTS[0], greedy(4), top_logprobs_num=5)])
  ids = list(PROMPTS[0])
  for token, row in zip(answer["output_ids"], answer["meta_info"]["output_top_logprobs"], strict=True):
    expected = checkpoints.logprobs(reference[None], ids)[-1]
    order = np.argsort(-expected)[:5]
    assert [entry[1] for entry in row] == order.tolist()
    np.testing.assert_allclose([entry[0] for entry in row], expected[order], atol=1e-3)
    ids.append(token)


def test_sampled_tokens_have_the_logprobs_after_temperature(client, reference):
  answer, = client.generate([ask(PROMPTS[0], {"temperature": 0.6, "max_new_tokens": 16, "ignore_eos": True})])
  ids = PROMPTS[0] + answer["output_ids"]
  rows = checkpoints.logprobs(reference[None], ids[:-1])[len(PROMPTS[0]) - 1:] / 0.6
  rows -= np.log(np.exp(rows).sum(-1, keepdims=True))
  np.testing.assert_allclose(output_logprobs(answer), rows[np.arange(16), answer["output_ids"]], atol=1e-3)


@pytest.mark.sglang
@pytest.mark.skipif(not REAL, reason="launch/test_sglang.sh starts a real SGLang for it")
def test_both_servers_say_the_same(ours):
  """The two side by side, on prompts of all lengths, alone and together."""
  rng = np.random.default_rng(0)
  prompts = [rng.integers(3, 259, size).tolist() for size in (1, 3, 17, 64, 200)]
  requests = [ask(ids, greedy(48), logprob_start_len=0, top_logprobs_num=3) for ids in prompts]
  with Client(REAL) as real, Client(ours) as own:
    pairs = list(zip(real.generate(requests), own.generate(requests), strict=True))
    pairs += [(real.generate([request])[0], own.generate([request])[0]) for request in requests]
  for theirs, mine in pairs:
    assert theirs["output_ids"] == mine["output_ids"]
    # Bytes that are no UTF-8 are as many replacement characters as a decoder likes.
    assert theirs["text"].replace("\ufffd", "") == mine["text"].replace("\ufffd", "")
    assert mine["meta_info"].keys() <= theirs["meta_info"].keys()
    assert theirs["meta_info"]["finish_reason"] == mine["meta_info"]["finish_reason"]
    for name in ("output_token_logprobs", "input_token_logprobs"):
      left, right = ([entry[0] for entry in answer["meta_info"][name]] for answer in (theirs, mine))
      assert (left[0] is None) == (right[0] is None) == (name == "input_token_logprobs")
      start = name == "input_token_logprobs"
      np.testing.assert_allclose(left[start:], right[start:], atol=1e-3)


# Pause, abort.

def aborted(*futures):
  """The answers, where every request was still running when it was ended; else None."""
  answers = [future.result(120) for future in futures]
  return answers if all(a["meta_info"]["finish_reason"]["type"] == "abort" for a in answers) else None


def test_abort_of_one_request_gives_what_it_has(fresh):
  for _ in range(TRIES):
    with running(fresh, PROMPTS[1], LONG) as (_, other), running(fresh, PROMPTS[0], LONG) as (rid, future):
      fresh.abort_request(rid)
      found = aborted(future)
      assert len(other.result(120)["output_ids"]) == 900
    if found:
      break
  answer, = found
  assert 0 < len(answer["output_ids"]) < 900
  assert len(answer["output_ids"]) == answer["meta_info"]["completion_tokens"] == len(output_logprobs(answer))


def test_abort_of_all(fresh):
  for _ in range(TRIES):
    with running(fresh, PROMPTS[0], LONG) as (_, one), running(fresh, PROMPTS[1], LONG) as (_, other):
      fresh.abort_request(abort_all=True)
      found = aborted(one, other)
    if found:
      break
  assert found


def test_pause_abort_ends_what_runs(fresh):
  for _ in range(TRIES):
    with running(fresh, PROMPTS[0], LONG) as (_, future):
      fresh.pause_generation("abort")
      found = aborted(future)
    fresh.continue_generation()
    if found:
      break
  assert found
  assert len(fresh.generate([ask(PROMPTS[0], greedy(4))])[0]["output_ids"]) == 4


@pytest.mark.parametrize("mode", ["retract", "in_place"])
def test_a_pause_changes_nothing(fresh, mode):
  whole, = fresh.generate([ask(PROMPTS[0], LONG)])
  for _ in range(TRIES):
    with running(fresh, PROMPTS[0], LONG) as (_, future):
      fresh.pause_generation(mode)
      time.sleep(0.5)
      held = not future.done()
      fresh.continue_generation()
      answer = future.result(120)
    if held:
      break
  assert held
  assert answer["output_ids"] == whole["output_ids"]
  assert answer["meta_info"]["num_retractions"] == (mode == "retract")
  np.testing.assert_allclose(output_logprobs(answer), output_logprobs(whole), atol=1e-3)


# Weights.

def test_update_in_mid_request_accounts_for_every_token(fresh, folders, reference):
  prompt, expected = PROMPTS[0], scored(reference["second"], PROBE_IDS)
  for _ in range(TRIES):
    with running(fresh, prompt, LONG) as (_, future):
      probe = fresh.sync_weights(folders / "second", "v-2", expected=expected)
      answer = future.result(120)
    if answer["meta_info"]["num_retractions"]:
      break
    fresh.sync_weights(folders / "first", "default")
  np.testing.assert_allclose(probe, expected, atol=1e-3)
  meta = answer["meta_info"]
  before, after = meta["weight_versions"]
  change = before["end"]
  assert before == {"version": "default", "start": 0, "end": change}
  assert after == {"version": "v-2", "start": change, "end": 900} and 0 < change < 900
  assert meta["weight_version"] == "v-2" and meta["num_retractions"] == 1
  ids = prompt + answer["output_ids"]
  first = len(prompt) - 1
  for weights, low, high in ((reference[None], 0, change), (reference["second"], change, 900)):
    rows = checkpoints.logprobs(weights, ids)[first + low:first + high]
    assert rows.argmax(-1).tolist() == answer["output_ids"][low:high]
    np.testing.assert_allclose(output_logprobs(answer)[low:high], rows.max(-1), atol=1e-3)


def test_update_without_a_pause_is_an_update(fresh, folders, reference):
  """A real server answers 400 once the request is done, though the weights are new, and keeps the old prompt cache."""
  prompt = PROMPTS[3]
  with running(fresh, prompt, greedy(400)) as (_, future):
    fresh.update_weights_from_disk(folders / "second", "v-3")
    answer = future.result(120)
  assert answer["meta_info"]["weight_version"] in ("default", "v-3")
  answer, = fresh.generate([ask(prompt, greedy(8))])
  assert answer["meta_info"]["weight_version"] == "v-3"
  assert answer["output_ids"] == checkpoints.greedy(reference["second"], prompt, 8)[0]
  np.testing.assert_allclose(fresh.score([prompt])[0], scored(reference["second"], prompt), atol=1e-3)


def test_weights_that_are_not_those_expected_are_noticed(fresh, folders, reference):
  with pytest.raises(ServerError, match="differ by .* from the expected"):
    fresh.sync_weights(folders / "second", "v-4", expected=scored(reference[None], PROBE_IDS))


def test_checkpoints_that_do_not_fit_change_nothing(fresh, folders, tmp_path):
  """Sent as they are, they would end a real server."""
  shutil.copytree(folders / "second", tmp_path / "cut")
  file = tmp_path / "cut" / "model.safetensors"
  file.write_bytes(file.read_bytes()[:-100])
  before = fresh.score(PROMPTS[:1])
  for path, reason in ((folders / "wide", "hidden_size is 96, served 64"), (tmp_path / "cut", "is damaged"),
                       (tmp_path / "none", "does not exist")):
    with pytest.raises(ServerError, match=reason):
      fresh.sync_weights(path, "v-5")
  answer, = fresh.generate([ask(PROMPTS[0], greedy(2))])
  assert answer["meta_info"]["weight_version"] == "default" and fresh.score(PROMPTS[:1]) == before


def test_ids_outside_the_vocabulary_are_not_sent(client):
  for ids in ([5, 259], [5, 10**6], [-1]):
    with pytest.raises(ValueError, match="outside the vocabulary of 259"):
      client.generate([{"input_ids": ids, "sampling_params": greedy(2)}])
  assert client.health()


# Adapters.

def test_adapters_answer_by_name(fresh, folders, reference):
  for name in "ab":
    found = fresh.load_lora_adapter(name, folders / f"adapter_{name}", expected=scored(reference[name], PROBE_IDS))
    np.testing.assert_allclose(found, scored(reference[name], PROBE_IDS), atol=1e-3)
  names = [None, "a", "b", "a", None, "b"]
  prompts = [PROMPTS[index % 3] for index in range(6)]  # of different lengths, together in one batch
  together = fresh.generate([ask(ids, greedy(10), name) for ids, name in zip(prompts, names, strict=True)])
  alone = [fresh.generate([ask(ids, greedy(10), name)])[0] for ids, name in zip(prompts, names, strict=True)]
  for answers in (together, alone):
    for ids, name, answer in zip(prompts, names, answers, strict=True):
      tokens, logprobs = checkpoints.greedy(reference[name], ids, 10)
      assert answer["output_ids"] == tokens, (ids, name)
      np.testing.assert_allclose(output_logprobs(answer), logprobs, atol=1e-3)
  for name in (None, "a", "b"):  # each has prompts of its own in the cache
    np.testing.assert_allclose(fresh.score([PROMPTS[3]], lora=name)[0], scored(reference[name], PROMPTS[3]), atol=1e-3)
  assert [card["id"] for card in fresh._get("/v1/models")["data"]][1:] == ["a", "b"]
  fresh.unload_lora_adapter("a")
  try:  # a real server loads an adapter that it had once from where it was; ours knows it no more
    again, = fresh.generate([ask(prompts[1], greedy(10), "a")])
    assert fresh.url == REAL and again["output_ids"] == alone[1]["output_ids"]
    fresh.unload_lora_adapter("a")
  except ServerError as error:
    assert error.status == 400
  assert fresh.generate([ask(prompts[2], greedy(10), "b")])[0]["output_ids"] == alone[2]["output_ids"]
  fresh.load_lora_adapter("a", folders / "adapter_b", expected=scored(reference["b"], PROBE_IDS))  # a name again


def test_adapters_stay_through_an_update(fresh, folders, reference):
  fresh.load_lora_adapter("a", folders / "adapter_a")
  fresh.sync_weights(folders / "second", "v-6", expected=scored(reference["second"], PROBE_IDS))
  weights = models.lora.apply(reference["second"], checkpoints.adapters(10, checkpoints.TARGETS))
  np.testing.assert_allclose(fresh.score([PROMPTS[3]], lora="a")[0], scored(weights, PROMPTS[3]), atol=1e-3)
  np.testing.assert_allclose(fresh.score([PROMPTS[3]])[0], scored(reference["second"], PROMPTS[3]), atol=1e-3)


def test_adapters_that_do_not_fit_are_refused(fresh, folders, tmp_path):
  """Some of them a real server takes, and ends at their first request."""
  broken = tmp_path / "broken"
  shutil.copytree(folders / "adapter_a", broken)
  tensors = safetensors.numpy.load_file(broken / "adapter_model.safetensors")
  lost = next(name for name in tensors if "q_proj.lora_A" in name)
  safetensors.numpy.save_file({k: v for k, v in tensors.items() if k != lost}, broken / "adapter_model.safetensors")
  fresh.load_lora_adapter("a", folders / "adapter_a")
  for name, path, reason in (("c", broken, "without"), ("c", tmp_path / "none", "does not exist"),
                             ("c", folders / "first", "is no LoRA adapter"), ("a", folders / "adapter_b", "already")):
    with pytest.raises(ServerError, match=reason) as error:
      fresh.load_lora_adapter(name, path)
    assert error.value.status == 400
  with pytest.raises(ServerError) as error:
    fresh.unload_lora_adapter("nobody")
  assert error.value.status == 400
  assert [card["id"] for card in fresh._get("/v1/models")["data"]][1:] == ["a"]


def test_an_adapter_that_is_not_the_expected_one_goes_away_again(fresh, folders, reference):
  with pytest.raises(ServerError, match="With adapter 'a' .* differ by"):
    fresh.load_lora_adapter("a", folders / "adapter_a", expected=scored(reference["b"], PROBE_IDS))
  assert len(fresh._get("/v1/models")["data"]) == 1


def test_an_adapter_of_the_head_is_right_or_refused(fresh, folders):
  """SGLang on a CPU would mix up requests (see CPU_LORA_TARGETS in sglang.py), so there it is refused."""
  weights = models.lora.apply(checkpoints.params(0), checkpoints.adapters(30))
  try:
    fresh.load_lora_adapter("head", folders / "adapter_head", expected=scored(weights, PROBE_IDS), tolerance=1e-3)
  except ServerError as error:
    assert fresh.url == REAL and error.status == 400 and "target modules" in str(error)
    return
  assert fresh.url != REAL
  answers = fresh.generate([ask(ids, greedy(6), name) for ids in PROMPTS[:3] for name in ("head", None)])
  for answer, (ids, used) in zip(answers, [(ids, w) for ids in PROMPTS[:3] for w in (weights, checkpoints.params(0))],
                                 strict=True):
    assert answer["output_ids"] == checkpoints.greedy(used, ids, 6)[0]


def test_an_unload_waits_for_the_requests_that_use_it(fresh, folders):
  fresh.load_lora_adapter("a", folders / "adapter_a")
  with running(fresh, PROMPTS[0], LONG, "a") as (_, future):
    fresh.unload_lora_adapter("a")
    answer = future.result(60)
  assert len(answer["output_ids"]) == 900 and answer["meta_info"]["finish_reason"]["type"] == "length"
