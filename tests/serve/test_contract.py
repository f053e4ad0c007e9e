"""The shapes of the wire as SGLang 0.5.23 answers it: ours here, and the real server too in launch/test_sglang.sh.

It asks for nothing that a real server on a CPU lacks (seeds have no effect there), and sends it nothing that kills it.
"""

import json
import math
import threading
import time

import httpx
import pytest

from eft_jax.serve.client import Client, ServerError

IDS = [5, 6, 7, 8, 9, 10]
GREEDY = {"temperature": 0, "max_new_tokens": 8, "ignore_eos": True}


def check_object(answer, prompt, new):
  """One response object of /generate."""
  assert isinstance(answer["text"], str) and len(answer["output_ids"]) == new
  meta = answer["meta_info"]
  assert isinstance(meta["id"], str) and isinstance(meta["weight_version"], str)
  assert meta["prompt_tokens"] == prompt and meta["completion_tokens"] == new
  assert meta["cached_tokens"] >= 0 and meta["num_retractions"] == 0 and meta["reasoning_tokens"] == 0
  assert meta["e2e_latency"] > 0
  details = meta["cached_tokens_details"]
  assert details is None or {"device", "host"} <= details.keys()
  spans = meta["weight_versions"]
  assert spans == [{"version": meta["weight_version"], "start": 0, "end": new}]
  return meta


def test_one_prompt_is_one_object(post):
  response = post("/generate", {"input_ids": IDS, "sampling_params": GREEDY})
  assert response.status_code == 200 and response.headers["content-type"].startswith("application/json")
  meta = check_object(response.json(), len(IDS), 8)
  assert meta["finish_reason"] == {"type": "length", "length": 8}
  assert "output_token_logprobs" not in meta or not meta["output_token_logprobs"]


def test_defaults_and_nulls(post, get):
  answer = post("/generate", {"input_ids": IDS, "sampling_params": {
      "temperature": 0, "ignore_eos": True, "stop": None, "top_k": None}}).json()
  assert answer["meta_info"]["completion_tokens"] == 128
  answer = post("/generate", {"input_ids": IDS, "sampling_params": {
      "max_new_tokens": None, "temperature": 0, "ignore_eos": True}}).json()
  room = get("/v1/models").json()["data"][0]["max_model_len"] - len(IDS)  # SGLang leaves a place or two
  assert room - 2 <= answer["meta_info"]["completion_tokens"] <= room


def test_put_is_post(url, post):
  body = {"input_ids": IDS, "sampling_params": GREEDY}
  assert httpx.put(url + "/generate", json=body, timeout=120, trust_env=False).json()["output_ids"] == post(
      "/generate", body).json()["output_ids"]


def test_text_prompt(post):
  answer = post("/generate", {"text": "hello world", "sampling_params": GREEDY}).json()
  assert answer["meta_info"]["prompt_tokens"] > 0 and len(answer["output_ids"]) == 8


def test_lists_and_n_are_prompt_major(post):
  one = [post("/generate", {"input_ids": ids, "sampling_params": GREEDY}).json()["output_ids"]
         for ids in (IDS, IDS[:3])]
  both = post("/generate", {"input_ids": [IDS, IDS[:3]], "sampling_params": GREEDY}).json()
  assert [answer["output_ids"] for answer in both] == one
  several = post("/generate", {"input_ids": [IDS, IDS[:3]], "sampling_params": [GREEDY | {"n": 2}] * 2}).json()
  assert [answer["output_ids"] for answer in several] == [one[0], one[0], one[1], one[1]]
  alone = post("/generate", {"input_ids": IDS, "sampling_params": GREEDY | {"n": 3}}).json()
  assert [answer["output_ids"] for answer in alone] == [one[0]] * 3
  listed = post("/generate", {"input_ids": [IDS], "sampling_params": GREEDY}).json()
  assert isinstance(listed, list) and len(listed) == 1


def test_logprobs(post):
  answer = post("/generate", {"input_ids": IDS, "sampling_params": GREEDY, "return_logprob": True,
                              "logprob_start_len": 0, "top_logprobs_num": 2}).json()
  meta = answer["meta_info"]
  entries = meta["input_token_logprobs"]
  assert [entry[1] for entry in entries] == IDS and entries[0][0] is None
  assert all(math.isfinite(entry[0]) and entry[0] <= 0 and entry[2] is None for entry in entries[1:])
  assert [entry[1] for entry in meta["output_token_logprobs"]] == answer["output_ids"]
  assert all(len(entry) == 3 and math.isfinite(entry[0]) for entry in meta["output_token_logprobs"])
  assert meta["output_token_logprobs_length"] == 8
  assert meta["input_top_logprobs"][0] is None and len(meta["input_top_logprobs"]) == len(IDS)
  assert all(len(row) == 2 and row[0][0] >= row[1][0] for row in meta["output_top_logprobs"])
  for entry, row in zip(meta["output_token_logprobs"], meta["output_top_logprobs"], strict=True):
    assert row[0][1] == entry[1] and abs(row[0][0] - entry[0]) < 1e-3  # greedy


def test_logprob_start_len(post):
  body = {"input_ids": IDS, "sampling_params": GREEDY, "return_logprob": True}
  assert post("/generate", body).json()["meta_info"]["input_token_logprobs"] == []
  late = post("/generate", body | {"logprob_start_len": 4}).json()["meta_info"]["input_token_logprobs"]
  assert [entry[1] for entry in late] == IDS[4:] and late[0][0] is None
  text = post("/generate", body | {"return_text_in_logprobs": True}).json()["meta_info"]["output_token_logprobs"]
  assert all(isinstance(entry[2], str) for entry in text)


def test_scoring_generates_nothing_and_agrees_with_generation(post):
  told = post("/generate", {"input_ids": IDS, "sampling_params": GREEDY, "return_logprob": True}).json()
  scored = post("/generate", {"input_ids": IDS + told["output_ids"], "sampling_params": {
      "max_new_tokens": 0, "temperature": 0}, "return_logprob": True, "logprob_start_len": 0}).json()
  assert scored["output_ids"] == [] and scored["meta_info"]["finish_reason"] == {"type": "length", "length": 0}
  again = [entry[0] for entry in scored["meta_info"]["input_token_logprobs"][len(IDS):]]
  first = [entry[0] for entry in told["meta_info"]["output_token_logprobs"]]
  assert again == pytest.approx(first, abs=1e-3)


def test_stop_token_is_in_ids_and_not_in_text(post):
  plain = post("/generate", {"input_ids": IDS, "sampling_params": GREEDY}).json()["output_ids"]
  stop = plain[3]
  end = plain.index(stop) + 1
  answer = post("/generate", {"input_ids": IDS, "sampling_params": {
      "temperature": 0, "max_new_tokens": 8, "stop_token_ids": [stop]}}).json()
  assert answer["output_ids"] == plain[:end]
  assert answer["meta_info"]["finish_reason"] == {"type": "stop", "matched": stop}


def test_stop_string_ends_the_text(post):
  body = {"input_ids": IDS, "sampling_params": GREEDY | {"max_new_tokens": 40}}
  text = post("/generate", body).json()["text"]
  stop = next((char for char in text[1:] if char.isascii() and char.isprintable() and char not in text[:1]), None)
  if stop is None:
    pytest.skip(f"the model wrote no printable character to stop at: {text!r}")
  body["sampling_params"] = body["sampling_params"] | {"stop": stop}
  answer = post("/generate", body).json()
  assert answer["text"] == text[:text.index(stop)]
  assert answer["meta_info"]["finish_reason"] == {"type": "stop", "matched": stop}


def test_request_id_comes_back(post):
  assert post("/generate", {"input_ids": IDS, "sampling_params": GREEDY, "rid": "mine"}).json()[
      "meta_info"]["id"] == "mine"


def events(url, path, body):
  with httpx.stream("POST", url + path, json=body, timeout=120, trust_env=False) as response:
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.iter_lines() if line]
  assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]"
  return [json.loads(line[6:]) for line in lines[:-1]]


def test_stream_is_cumulative(url, post):
  body = {"input_ids": IDS, "sampling_params": GREEDY | {"max_new_tokens": 40}}
  whole = post("/generate", body).json()
  seen = events(url, "/generate", body | {"stream": True})
  assert seen[-1]["output_ids"] == whole["output_ids"] and seen[-1]["text"] == whole["text"]
  assert seen[-1]["meta_info"]["finish_reason"] == {"type": "length", "length": 40}
  assert all(item["meta_info"]["finish_reason"] is None for item in seen[:-1])
  for before, after in zip(seen, seen[1:], strict=False):
    assert after["output_ids"][:len(before["output_ids"])] == before["output_ids"]


def test_stream_of_a_batch_has_indices(url):
  seen = events(url, "/generate", {"input_ids": [IDS, IDS[:2]], "sampling_params": GREEDY, "stream": True})
  assert {item["index"] for item in seen} == {0, 1}


def test_unknown_sampling_field(post):
  response = post("/generate", {"input_ids": IDS, "sampling_params": {"temprature": 0}})
  assert response.status_code == 400
  assert "unknown field" in response.json()["error"] and "temprature" in response.json()["error"]


@pytest.mark.parametrize("body", [
    {"input_ids": [5] * 100_000, "sampling_params": GREEDY},
    {"input_ids": [], "sampling_params": GREEDY},
    {"sampling_params": GREEDY},
    {"input_ids": IDS, "sampling_params": {"temperature": -1}},
    {"input_ids": IDS, "sampling_params": {"top_p": 0}},
    {"input_ids": IDS, "sampling_params": {"top_k": 0}},
    {"input_ids": IDS, "sampling_params": {"max_new_tokens": -1}},
    {"input_ids": [IDS, IDS], "sampling_params": [{"n": 1}, {"n": 2}]},
])
def test_other_refusals_nest_a_message(post, body):
  response = post("/generate", body)
  assert response.status_code == 400 and isinstance(response.json()["error"]["message"], str)


def test_health(get):
  for path in ("/health", "/health_generate"):
    response = get(path)
    assert response.status_code == 200 and response.content == b""


def test_model_info(get):
  info = get("/model_info").json()
  assert info == get("/get_model_info").json()
  for name in ("model_path", "served_model_name", "tokenizer_path", "preferred_sampling_params", "weight_version",
               "load_format", "reasoning_parser", "tool_call_parser", "model_type", "architectures"):
    assert name in info
  assert info["is_generation"] is True and info["has_image_understanding"] is False


def test_server_info(get):
  info = get("/get_server_info").json()
  assert isinstance(info["internal_states"], list) and isinstance(info["version"], str)


def test_models(get):
  listed = get("/v1/models").json()
  assert listed["object"] == "list"
  assert {"id", "object", "created", "owned_by", "root", "parent", "max_model_len"} <= listed["data"][0].keys()


def test_flush_cache(url, get):
  for response in (get("/flush_cache"), httpx.post(url + "/flush_cache", trust_env=False)):
    assert response.status_code == 200 and response.text.startswith("Cache flushed.")


def test_pause_continue(post):
  assert post("/pause_generation", {"mode": "retract"}).json() == {
      "message": "Generation paused successfully.", "status": "ok"}
  answers = []
  thread = threading.Thread(target=lambda: answers.append(post("/generate", {
      "input_ids": IDS, "sampling_params": GREEDY})))
  thread.start()
  time.sleep(0.3)
  assert not answers  # new requests wait
  assert post("/continue_generation", {}).json() == {
      "message": "Generation continued successfully.", "status": "ok"}
  thread.join(60)
  assert answers[0].status_code == 200


def test_abort_of_nothing_is_fine(post):
  response = post("/abort_request", {"rid": "nobody"})
  assert response.status_code == 200 and response.content in (b"", b"null")


def test_update_from_a_missing_path(post):
  response = post("/update_weights_from_disk", {"model_path": "/no/such/checkpoint"})
  assert response.status_code == 400 and response.json()["success"] is False
  assert isinstance(response.json()["message"], str)
  assert post("/generate", {"input_ids": IDS, "sampling_params": GREEDY}).status_code == 200


def test_chat(post):
  answer = post("/v1/chat/completions", {
      "model": "any", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 6, "temperature": 0, "n": 2,
      "ignore_eos": True, "logprobs": True, "top_logprobs": 2}).json()
  assert answer["object"] == "chat.completion" and isinstance(answer["id"], str) and answer["model"] == "any"
  assert [choice["index"] for choice in answer["choices"]] == [0, 1]
  choice = answer["choices"][0]
  assert choice["message"]["role"] == "assistant" and isinstance(choice["message"]["content"], str)
  assert choice["finish_reason"] == "length" and choice["matched_stop"] is None
  content = choice["logprobs"]["content"]
  assert len(content) == 6 and {"token", "bytes", "logprob", "top_logprobs"} <= content[0].keys()
  assert len(content[0]["top_logprobs"]) == 2
  usage = answer["usage"]
  assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
  assert "weight_version" in answer["metadata"]


def test_chat_stream(url, post):
  body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 20, "temperature": 0}
  whole = post("/v1/chat/completions", body).json()["choices"][0]
  seen = events(url, "/v1/chat/completions", body | {"stream": True})
  assert {item["object"] for item in seen} == {"chat.completion.chunk"}
  choices = [choice for item in seen for choice in item["choices"]]
  assert choices[0]["delta"]["role"] == "assistant"
  assert "".join(choice["delta"].get("content") or "" for choice in choices) == whole["message"]["content"]
  assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == [whole["finish_reason"]]


def test_chat_refuses_other_content_types(url):
  response = httpx.post(url + "/v1/chat/completions", content=b"hello", headers={"content-type": "text/plain"},
                        trust_env=False)
  assert response.status_code == 400


def test_client_speaks_to_it(url):
  with Client(url) as client:
    assert client.health()
    one, other = client.generate([
        {"input_ids": IDS, "sampling_params": GREEDY, "return_logprob": True, "logprob_start_len": 0},
        {"input_ids": IDS[:3], "sampling_params": {"temperature": 0, "max_new_tokens": 3, "ignore_eos": True}}])
    assert len(one["output_ids"]) == 8 and len(other["output_ids"]) == 3
    score, = client.score([IDS])
    assert score == pytest.approx([entry[0] for entry in one["meta_info"]["input_token_logprobs"][1:]], abs=1e-3)
    client.flush_cache()
    with pytest.raises(ServerError, match="temprature") as error:
      client.generate([{"input_ids": IDS, "sampling_params": {"temprature": 1}}])
    assert error.value.status == 400
