"""Language models as proposers: what is sent, what is read from the answer, and what happens when nobody answers."""

import dataclasses
import http.server
import json
import threading

import pytest

from eft_jax import store as store_lib
from eft_jax import text
from eft_jax.core import Outcome, Prompt
from eft_jax.core.settings import ConfigError
from eft_jax.search import loop
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import ProposerError, Request, Sampling, llm, make
from eft_jax.search.settings import SearchSettings, ServerSettings
from eft_jax.serve import ServerError

TOKENIZER = text.Tokenizer.bytes()
REQUEST = Request(Prompt("Be brief.", "Hello"), 2**62 + 5, "diff", Sampling(0.5, 0.9, 33))


class Client:
  """Answers as SGLang would, with given texts and ends."""

  def __init__(self, *answers, error=None, **meta):
    self.answers, self.error, self.meta, self.bodies = answers, error, meta, []

  def generate(self, bodies):
    self.bodies += bodies
    if self.error:
      raise self.error
    made = []
    for body, (reply, finish) in zip(bodies, self.answers, strict=False):
      ids = TOKENIZER.encode(reply)
      made.append({"text": reply, "output_ids": ids, "meta_info": {
          "finish_reason": {"type": finish}, "weight_version": "v7",
          "output_token_logprobs": [[-0.5, i, None] for i in ids], **self.meta}})
      assert body["sampling_params"]["sampling_seed"] < 2**63
    return made


def test_token_ids_go_out_and_come_back():
  client = Client(("<think>\nLower it.\n</think>\n<<<<<<< SEARCH", "length"), ("plain", "stop"))
  replies = llm.LLM(client, TOKENIZER, "sglang:x").propose([REQUEST, REQUEST])
  body = client.bodies[0]
  assert body["input_ids"] == text.render.prompt_ids(TOKENIZER, REQUEST.prompt) and body["return_logprob"] is True
  assert body["sampling_params"] == {
      "temperature": 0.5, "top_p": 0.9, "max_new_tokens": 33, "sampling_seed": 2**62 + 5,
      "stop_token_ids": list(TOKENIZER.stop_ids)}
  first, second = replies
  assert (first.reasoning, first.text, first.finish) == ("Lower it.", "<<<<<<< SEARCH", "length")
  assert (second.reasoning, second.text, second.finish) == ("", "plain", "stop")
  assert list(first.prompt_ids) == body["input_ids"] and len(first.token_ids) == len(first.logprobs) > 0
  assert first.weight_version == "v7"
  assert (first.tokens, first.prompt_tokens) == (len(first.token_ids), len(first.prompt_ids))


def test_a_thinking_budget_goes_out_and_what_was_forced_comes_back():
  client = Client(("ab", "stop"), forced_tokens=[{"start": 1, "end": 2}])
  request = dataclasses.replace(REQUEST, sampling=Sampling(max_new_tokens=33, max_thinking_tokens=20))
  reply, = llm.LLM(client, TOKENIZER, "x").propose([request])
  assert client.bodies[0]["max_thinking_tokens"] == 20 and reply.forced == ((1, 2),)
  with pytest.raises(ConfigError, match="max_thinking_tokens is 33, expected 0 for no limit, or less than"):
    Sampling(max_new_tokens=33, max_thinking_tokens=33)
  with pytest.raises(ConfigError, match="max_thinking_tokens has no effect with config.server.transport='openai'"):
    SearchSettings(proposer="llm", sampling=request.sampling,
                   server=ServerSettings(url="http://x/v1", transport="openai", model="m"))


def test_an_answer_without_text_or_logprobs():
  client = Client(("ab", "abort"), output_token_logprobs=None)
  answer = client.generate([{"sampling_params": {"sampling_seed": 1}}])[0]
  del answer["text"]
  reply = llm.LLM(client, TOKENIZER, "x")._response([1], answer)
  assert (reply.text, reply.finish, reply.logprobs) == ("ab", "abort", ())


def test_what_a_server_that_fails_becomes():
  propose = lambda error: llm.LLM(Client(error=error), TOKENIZER, "x").propose([REQUEST])
  with pytest.raises(ProposerError, match="gone"):
    propose(ServerError("gone"))
  with pytest.raises(ConfigError, match="refuses the request: too long.*max_length"):
    propose(ServerError("too long.", 400))
  with pytest.raises(ConfigError, match="does not fit the served model"):
    propose(ValueError("input_ids holds 9, outside the vocabulary"))


class Chat(http.server.BaseHTTPRequestHandler):
  """A chat endpoint; what it answers is set on the class."""

  status, answer, bodies, keys, headers_out = 200, None, [], [], {}

  def do_POST(self):
    body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
    type(self).bodies.append((self.path, body))
    type(self).keys.append(self.headers.get("Authorization"))
    self._send(type(self).status, type(self).answer)

  def do_GET(self):
    self._send(404, {})

  def _send(self, status, value):
    data = json.dumps(value).encode()
    self.send_response(status)
    self.send_header("Content-Length", str(len(data)))
    for name, value in self.headers_out.items():
      self.send_header(name, value)
    self.end_headers()
    self.wfile.write(data)

  def log_message(self, *unused):
    pass


@pytest.fixture
def chat():
  handler = type("Handler", (Chat,), {"bodies": [], "keys": []})
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
  thread = threading.Thread(target=server.serve_forever, daemon=True)
  thread.start()
  handler.url = f"http://127.0.0.1:{server.server_port}/v1"
  yield handler
  server.shutdown()
  server.server_close()


def _chat(content, finish="stop", **message):
  return {"choices": [{"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}]}


def test_openai_sends_messages_and_reads_both_ways_of_reasoning(chat):
  proposer = llm.OpenAI(chat.url, "big", key="secret")
  proposer.check()
  chat.answer = _chat("<think>\nA.\n</think>\nB", "length")
  (reply,) = proposer.propose([REQUEST])
  assert (reply.reasoning, reply.text, reply.finish, reply.token_ids) == ("A.", "B", "length", ())
  assert (reply.tokens, reply.prompt_tokens) == (1, 5)  # nobody counted: a third of the characters
  path, body = chat.bodies[0]
  assert path == "/v1/chat/completions" and chat.keys == ["Bearer secret"]
  assert body == {"model": "big", "messages": [{"role": "system", "content": "Be brief."},
                                               {"role": "user", "content": "Hello"}],
                  "temperature": 0.5, "top_p": 0.9, "max_tokens": 33, "seed": (2**62 + 5) % 2**31}
  chat.answer = _chat("B\ud800")
  assert proposer.propose([REQUEST])[0].text == "B?"
  chat.answer = {**_chat("B", reasoning_content="A."), "usage": {"completion_tokens": 17, "prompt_tokens": 40}}
  reply = proposer.propose([REQUEST])[0]
  assert (reply.tokens, reply.prompt_tokens) == (17, 40)
  replies = proposer.propose([REQUEST] * 3)
  assert [(r.reasoning, r.text) for r in replies] == [("A.", "B")] * 3


@pytest.mark.parametrize("status, answer, error, words", [
    (503, {"error": "busy"}, ProposerError, "answers 503"), (429, {}, ProposerError, "answers 429"),
    (401, {"error": "key"}, ConfigError, "refuses.*401"), (200, {"choices": []}, ProposerError, "no chat completion"),
    (200, [1], ProposerError, "no chat completion")])
def test_openai_errors(chat, status, answer, error, words):
  chat.status, chat.answer = status, answer
  with pytest.raises(error, match=words):
    llm.OpenAI(chat.url, "big").propose([REQUEST])


@pytest.mark.parametrize("header, wait", [
    ("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("nan", 0.0), ("-3", 0.0), (None, 0.0)])
def test_a_busy_endpoint_says_when_to_come_back(chat, header, wait):
  chat.status, chat.answer, chat.headers_out = 429, {}, {} if header is None else {"Retry-After": header}
  with pytest.raises(ProposerError) as caught:
    llm.OpenAI(chat.url, "big").propose([REQUEST])
  assert caught.value.wait == wait


def test_nobody_at_the_url():
  dead = "http://127.0.0.1:9"
  for transport, words in (("sglang", "No healthy server at http://127.0.0.1:9"), ("openai", "No server at")):
    settings = SearchSettings(proposer="llm", server=ServerSettings(url=dead, transport=transport))
    with pytest.raises(ConfigError, match=words):
      make.proposer(settings)
  with pytest.raises(ProposerError, match="does not answer"):
    llm.OpenAI(dead, "big").propose([REQUEST])


def test_settings_that_cannot_work(monkeypatch):
  for change, words in (({"url": "localhost:3"}, "server.url"), ({"transport": "openai"}, "needs server.url"),
                        ({"api_key_env": "KEY"}, "server.api_key_env"), ({"slots": 0}, "server.slots")):
    with pytest.raises(ConfigError, match=words):
      ServerSettings(**change)
  monkeypatch.delenv("NO_SUCH_KEY", raising=False)
  with pytest.raises(ConfigError, match="NO_SUCH_KEY.*not set"):
    llm.api_key("NO_SUCH_KEY")
  with pytest.raises(ConfigError, match="do not fit into server.max_length"):
    make.proposer(SearchSettings(proposer="llm", sampling=Sampling(max_new_tokens=2000)))


def test_a_search_over_a_chat_endpoint(chat, tmp_path, fake):
  chat.answer = _chat("<think>\nMore rounds.\n</think>\n<<<<<<< SEARCH\nimport numpy as np\n=======\n"
                      "import numpy as np  # here\n>>>>>>> REPLACE")
  settings = SearchSettings(steps=6, batch=2, proposer="llm", archive=loop.archives.ArchiveSettings(kind="best_of_n"),
                            server=ServerSettings(url=chat.url, transport="openai", model="big"))
  result = loop.run_search(settings, tmp_path, fake.Quiet(), evaluate_pool=fake.Pool())
  with store_lib.Store(tmp_path / "attempts.db", read_only=True) as store:
    done = list(store.read())
  assert result["steps"] == 6 and done[1].proposer == "openai:big" and done[1].response.reasoning == "More rounds."
  assert done[1].sampling == dataclasses.asdict(Sampling())
  assert [a.outcome is Outcome.DUPLICATE for a in done[2:]] == [True] * 5
  assert sorted(body["seed"] for _, body in chat.bodies) == sorted(a.seed % 2**31 for a in done[1:])


@pytest.mark.slow
def test_a_search_with_an_engine_in_this_process_repeats(tmp_path, fake):
  import jax
  import jax.numpy as jnp

  from eft_jax import models, serve
  config = dataclasses.replace(models.tiny(models.preset("smollm2_135m")), max_length=2048)
  tokenizer = TOKENIZER
  params = models.init(config, jax.random.key(0), jnp.float32)
  settings = SearchSettings(steps=8, batch=4, lag=2, proposer="llm", sampling=Sampling(max_new_tokens=16),
                            prompt=PromptSettings(budget=1500))  # of bytes
  traces = []
  for name in ("a", "b"):
    with serve.Engine(config, params, tokenizer, slots=4, max_length=2048) as engine:
      proposer = llm.LLM(serve.Embedded(engine), tokenizer, "sglang:tiny")
      result = loop.run_search(settings, tmp_path / name, fake.Quiet(), proposer, evaluate_pool=fake.Pool())
    assert result["steps"] == 8 and set(result["outcomes"]) <= {"ok", "truncated", "no_edit"}
    with store_lib.Store(tmp_path / name / "attempts.db", read_only=True) as store:
      store_lib.export_trace(store, tmp_path / f"{name}.jsonl")
      done = list(store.read())
    traces.append((tmp_path / f"{name}.jsonl").read_text())
    assert all(a.prompt.user and len(a.response.prompt_ids) <= 1500 for a in done[1:])
    assert all(0 < len(a.response.token_ids) <= 16 == a.sampling["max_new_tokens"] for a in done[1:])
    assert all(len(a.response.logprobs) == len(a.response.token_ids) for a in done[1:])
  assert traces[0] == traces[1]
