"""LoRA adapters by name: tokens and log-probs of merged weights, mixed batches, loading, unloading, refusals."""

import concurrent.futures
import dataclasses
import json
import time

import httpx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models
from eft_jax.serve import adapters, server
from eft_jax.serve.client import Embedded, ServerError
from eft_jax.serve.engine import Engine
from eft_jax.serve.requests import GenerateRequest, RequestError, SamplingParams
from eft_jax.serve.service import Service

IDS = [5, 6, 7, 8]
GREEDY = {"temperature": 0, "max_new_tokens": 6, "ignore_eos": True}


def lora(config, params, rank=3, seed=0, targets=models.lora.TARGETS, alpha=8.0):
  """Adapters that change what is written: b is not zero."""
  made = models.lora.init(config, params, rank, jax.random.key(seed), alpha=alpha, targets=targets)
  leaves, treedef = jax.tree.flatten(made.tree)
  noisy = [x + 0.1 * jax.random.normal(jax.random.key(100 + seed + i), x.shape) for i, x in enumerate(leaves)]
  return dataclasses.replace(made, tree=jax.tree.unflatten(treedef, noisy))


def ask_for(ids, adapter=None, count=10, **options):
  return GenerateRequest(tuple(ids), SamplingParams(max_new_tokens=count, ignore_eos=True, **options),
                         return_logprob=True, adapter=adapter)


def of(results):
  return [result.output_ids for result in results]


@pytest.mark.parametrize("kind", ["tiny", "recurrent"])
def test_mixed_batch_equals_merged_weights(request, kind):
  """Base and two adapters of different ranks and modules in one batch: greedy and sampled, prompts shared."""
  model = request.getfixturevalue(kind)
  own = {"one": lora(model.config, model.params, 2, targets=("q", "up", "qkv"))}
  if kind == "tiny":  # of the other one suffices: what takes long is compiling
    own["two"] = lora(model.config, model.params)
  ids = tuple(int(i) for i in np.random.default_rng(1).integers(3, 259, 20))
  wanted = [(name, temperature) for name in (None, *own) for temperature in (0.0, 1.0)]
  ask = lambda name, temperature: ask_for(ids, name, temperature=temperature, sampling_seed=4)
  with Engine(model.config, model.params, None, slots=8, max_length=64, block=3) as engine:
    for name, adapter in own.items():
      assert name in engine.adapters.load(name, adapter)
    mixed = engine.generate([ask(*item) for item in wanted])
  for name in own:
    params = models.lora.merge(model.params, own[name])
    mine = [index for index, item in enumerate(wanted) if item[0] == name]
    with Engine(model.config, params, None, slots=8, max_length=64, block=3) as engine:
      merged = engine.generate([ask(None, wanted[index][1]) for index in mine])
    for index, result in zip(mine, merged, strict=True):
      assert mixed[index].output_ids == result.output_ids
      np.testing.assert_allclose(mixed[index].output_logprobs, result.output_logprobs, atol=2e-4)
  assert len(set(of(mixed[::2]))) == len(own) + 1  # they do write different things
  assert [result.cached_tokens for result in mixed] == [0, 19] * (len(own) + 1)  # a prefix belongs to its weights
  assert list(mixed[0].output_ids) == model.greedy(ids, 10)


def test_scores_are_the_adapters_own(tiny):
  one = lora(tiny.config, tiny.params)
  with Engine(tiny.config, tiny.params, None, slots=2, max_length=64) as engine:
    engine.adapters.load("one", one)
    ask = [GenerateRequest(tuple(IDS), SamplingParams(max_new_tokens=0), return_logprob=True, logprob_start_len=0,
                           adapter=name) for name in (None, "one")]
    base, adapted = engine.generate(ask)
  merged = models.lora.merge(tiny.params, one)
  np.testing.assert_allclose(base.input_logprobs[1:], tiny.logprobs(IDS), atol=1e-4)
  config = dataclasses.replace(tiny.config, tie_embeddings=False)
  tokens = jnp.asarray([IDS])
  hidden = models.hidden(config, merged, tokens, jnp.arange(4)[None], jnp.ones_like(tokens))
  expected = models.token_logprobs(config, merged, hidden, jnp.roll(tokens, -1, 1))[0, :-1]
  np.testing.assert_allclose(adapted.input_logprobs[1:], expected, atol=1e-4)


def test_adapters_take_turns(tiny, monkeypatch):
  """Neither a long request of one adapter nor many of them keep another waiting."""
  with Engine(tiny.config, tiny.params, None, slots=4, max_length=128, block=4) as engine:
    for name, seed in (("one", 1), ("two", 2)):
      engine.adapters.load(name, lora(tiny.config, tiny.params, seed=seed))
    turns, decode = [], engine._slots.decode
    monkeypatch.setattr(engine._slots, "decode", lambda params, adapter: (turns.append(adapter.name),
                                                                          decode(params, adapter))[1])
    engine.generate([ask_for(IDS, name, 16) for name in ("one", "one", None, "two")])
  assert len(turns) == 12
  assert all(set(turns[start:start + 3]) == {None, "one", "two"} for start in range(0, 12, 3))


def test_weight_update_keeps_adapters_over_the_new_base(tiny):
  other = jax.tree.map(lambda x: x * 1.5, models.init(tiny.config, jax.random.key(9)))
  one = lora(tiny.config, tiny.params)
  with Engine(tiny.config, tiny.params, None, slots=2, max_length=64) as engine:
    engine.adapters.load("one", one)
    before, = engine.generate([ask_for(IDS, "one", temperature=0.0)])
    engine.update_weights(other, "v1")
    after, = engine.generate([ask_for(IDS, "one", temperature=0.0)])
  with Engine(tiny.config, models.lora.merge(other, one), None, slots=2, max_length=64) as engine:
    merged, = engine.generate([ask_for(IDS, temperature=0.0)])
  assert after.output_ids == merged.output_ids != before.output_ids
  assert after.weight_versions == (("v1", 0, 10),)


def test_unload_waits_for_its_requests_and_frees_the_name(tiny):
  first, second = (lora(tiny.config, tiny.params, seed=seed) for seed in (1, 2))
  with Engine(tiny.config, tiny.params, None, slots=2, max_length=64) as engine:
    engine.adapters.load("one", first)
    expected, = engine.generate([ask_for(IDS, "one", temperature=0.0)])
    engine.pause("in_place")
    running, = engine.submit([ask_for(IDS, "one", temperature=0.0)])
    gone = engine.adapters.unload("one")
    assert engine.adapters.unload("one") is gone  # asked for twice
    with pytest.raises(RequestError, match="not loaded: one"):
      engine.submit([ask_for(IDS), ask_for(IDS, "one")])
    with pytest.raises(RequestError, match="incomplete unload: 1 requests"):
      engine.adapters.load("one", second)
    time.sleep(0.05)
    assert not gone.done() and engine.load()["waiting"] == 1
    engine.resume()
    assert running.result(60).output_ids == expected.output_ids
    assert gone.result(60) == {}
    engine.adapters.load("one", second)  # another set of weights: nothing cached is taken for its own
    again, = engine.generate([ask_for(IDS, "one", temperature=0.0)])
  assert again.cached_tokens == 0 and again.output_ids != expected.output_ids


def test_aborted_and_failed_requests_let_go_of_their_adapter(tiny, monkeypatch):
  with Engine(tiny.config, tiny.params, None, slots=2, max_length=64) as engine:
    engine.adapters.load("one", lora(tiny.config, tiny.params))
    engine.pause("in_place")
    waiting, = engine.submit([ask_for(IDS, "one")])
    engine.abort()
    assert waiting.result(60).finish_reason["type"] == "abort"
    engine.resume()
    monkeypatch.setattr(engine._slots, "decode", lambda *_: (_ for _ in ()).throw(MemoryError("no room")))
    with pytest.raises(MemoryError):
      engine.generate([ask_for(IDS, "one")])
    assert engine.adapters.unload("one").result(60) == {}


def broken(tiny, name):
  """Adapters that do not fit."""
  good = lora(tiny.config, tiny.params)
  if name == "rank":
    return lora(tiny.config, tiny.params, rank=9)
  if name == "type":
    return good.tree
  if name == "shape":
    wide = models.tiny(tiny.config, model_dim=48, hidden_dim=64)
    return lora(wide, models.init(wide, jax.random.key(0)))
  if name == "module":
    return dataclasses.replace(good, tree={"layers": {"0": {"nothing": good.tree["layers"]["0"]["mlp"]["up"]}}})
  if name == "half":
    return dataclasses.replace(good, tree={"layers": {"0": {"mlp": {"up": {
        "lora_a": good.tree["layers"]["0"]["mlp"]["up"]["lora_a"]}}}}})
  return dataclasses.replace(good, tree={})


@pytest.mark.parametrize("name, message", [
    ("rank", "rank is 9 at .*, above max_lora_rank 8"), ("type", "must be of models.lora.Adapters, got dict"),
    ("shape", r"mlp\.(gate|up|down) has shapes .*64.* expected .*48"), ("module", "no layers.0.nothing to adapt"),
    ("half", "mlp.up has lora_a, expected lora_a and lora_b"), ("empty", "adapts nothing")])
def test_bad_adapters_change_nothing(tiny, name, message):
  loaded = adapters.Adapters(tiny.config, jnp.float32, max_rank=8, max_loaded=2)
  with pytest.raises(RequestError, match=message):
    loaded.load("one", broken(tiny, name))
  assert loaded.loaded == {}


def test_names_and_numbers_are_checked(tiny):
  loaded = adapters.Adapters(tiny.config, jnp.float32, max_rank=8, max_loaded=2)
  good = lora(tiny.config, tiny.params)
  loaded.load("one", good)
  for name, message in (("one", "already loaded"), ("", "non-empty"), (None, "non-empty"), (" x", "spaces")):
    with pytest.raises(RequestError, match=message):
      loaded.load(name, good)
  loaded.load("two", good)
  with pytest.raises(RequestError, match="2 are loaded"):
    loaded.load("three", good)
  with pytest.raises(RequestError, match="does not exist"):
    loaded.unload("three")


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
  """A PEFT folder, and what is none."""
  root = tmp_path_factory.mktemp("adapters")
  one = lora(tiny.config, tiny.params)
  wide = models.tiny(tiny.config, model_dim=48, hidden_dim=64)
  models.export_peft(tiny.config, one, root / "good", "tiny")
  models.export_peft(wide, lora(wide, models.init(wide, jax.random.key(0))), root / "wide", "tiny")
  models.export_peft(tiny.config, lora(tiny.config, tiny.params, rank=40), root / "rank", "tiny")
  models.export_peft(tiny.config, one, root / "cut", "tiny")
  file = root / "cut" / "adapter_model.safetensors"
  file.write_bytes(file.read_bytes()[:-100])
  models.export_peft(tiny.config, one, root / "bare", "tiny")
  values = json.loads((root / "bare" / "adapter_config.json").read_text())
  del values["lora_alpha"]
  (root / "bare" / "adapter_config.json").write_text(json.dumps(values))
  return root, models.lora.merge(tiny.params, one)


@pytest.fixture(scope="module")
def served(tiny, folders):
  """A server of its own, with the adapter 'good'."""
  with Engine(tiny.config, tiny.params, tiny.tokenizer, slots=4, max_length=256, max_lora_rank=32) as engine:
    service = Service(engine, "tiny", "org:tiny")  # a name with a colon
    with server.HttpServer(service, server.listen("127.0.0.1", 0)) as running:
      answer = httpx.post(running.url + "/load_lora_adapter", timeout=60, trust_env=False,
                          json={"lora_name": "good", "lora_path": str(folders[0] / "good")})
      assert answer.status_code == 200 and answer.json() == {
          "rid": None, "http_worker_ipc": None, "success": True, "error_message": "",
          "loaded_adapters": {"good": str(folders[0] / "good")}}
      yield running.url, engine


@pytest.fixture(scope="module")
def merged(tiny, folders):
  """What the adapter writes after IDS."""
  with Engine(tiny.config, folders[1], None, slots=1, max_length=64) as engine:
    result, = engine.generate([ask_for(IDS, count=6, temperature=0.0)])
  return list(result.output_ids)


def post(url, path, body):
  return httpx.post(url + path, json=body, timeout=60, trust_env=False)


def test_requests_name_their_adapter(served, tiny, merged):
  url, _ = served
  base = tiny.greedy(IDS, 6)
  assert base != merged
  ask = lambda **more: post(url, "/generate", {"input_ids": IDS, "sampling_params": GREEDY} | more).json()
  assert ask(lora_path="good")["output_ids"] == merged
  assert ask(lora_path=None)["output_ids"] == base
  batch = post(url, "/generate", {"input_ids": [IDS] * 3, "sampling_params": GREEDY,
                                  "lora_path": [None, "good", None]}).json()
  assert [answer["output_ids"] for answer in batch] == [base, merged, base]
  samples = ask(lora_path="good", sampling_params=GREEDY | {"n": 2})
  assert [answer["output_ids"] for answer in samples] == [merged] * 2
  listed = httpx.get(url + "/v1/models", trust_env=False).json()["data"]
  assert [(card["id"], card["parent"]) for card in listed] == [("org:tiny", None), ("good", "org:tiny")]


@pytest.mark.parametrize("body", [{"model": "org:tiny:good"}, {"model": "any:good"}, {"lora_path": "good"},
                                  {"model": "org:tiny", "lora_path": "good"}])
def test_chat_names_its_adapter(served, tiny, merged, body):
  url, _ = served
  body = {"messages": [{"role": "user", "content": "Hi"}], "input_ids": IDS, "max_tokens": 6, "temperature": 0,
          "ignore_eos": True, "return_token_ids": True} | body
  answer = post(url, "/v1/chat/completions", body)
  assert answer.json()["choices"][0]["token_ids"] == merged


def test_base_name_with_a_colon_is_the_base(served, tiny):
  url, _ = served
  body = {"model": "org:tiny", "input_ids": IDS, "max_tokens": 6, "temperature": 0, "ignore_eos": True,
          "return_token_ids": True, "messages": []}
  assert post(url, "/v1/chat/completions", body).json()["choices"][0]["token_ids"] == tiny.greedy(IDS, 6)


@pytest.mark.parametrize("lora_path, message", [
    ("none", "not loaded: none"), (3, "lora_path must be"), (["good", None], "2 entries for 1 prompts")])
def test_unknown_adapters_are_400(served, lora_path, message):
  url, _ = served
  response = post(url, "/generate", {"input_ids": IDS, "sampling_params": GREEDY, "lora_path": lora_path})
  assert response.status_code == 400 and message in response.json()["error"]["message"]
  stream = post(url, "/generate", {"input_ids": IDS, "lora_path": lora_path, "stream": True})
  assert stream.status_code == 400
  if isinstance(lora_path, str):
    chat = post(url, "/v1/chat/completions", {"model": "x:none", "messages": [{"role": "user", "content": "Hi"}]})
    assert chat.status_code == 400


@pytest.mark.parametrize("name, folder", [
    ("new", "missing"), ("new", "wide"), ("new", "rank"), ("new", "cut"), ("new", "bare"), ("new", None), ("new", 3),
    ("good", "good"), ("", "good"), (None, "good")])
def test_bad_loads_are_400_and_change_nothing(served, folders, name, folder):
  url, engine = served
  path = str(folders[0] / folder) if isinstance(folder, str) else folder
  response = post(url, "/load_lora_adapter", {"lora_name": name, "lora_path": path})
  answer = response.json()
  assert response.status_code == 400 and answer["success"] is False and len(answer["error_message"]) > 20
  assert list(answer["loaded_adapters"]) == ["good"] == list(engine.adapters.loaded)


def test_unload_over_http_harms_nobody_while_it_waits(served, folders, tiny):
  """More waiting unloads than the server has threads, of a paused server: it still answers, and goes on."""
  url, engine = served
  names = [f"n{index}" for index in range(12)]
  for name in names:
    assert post(url, "/load_lora_adapter", {"lora_name": name, "lora_path": str(folders[0] / "good")}).is_success
  assert post(url, "/pause_generation", {"mode": "in_place"}).is_success
  futures = engine.submit([ask_for(IDS, name, 3) for name in names])
  with concurrent.futures.ThreadPoolExecutor(12) as pool:
    answers = [pool.submit(post, url, "/unload_lora_adapter", {"lora_name": name}) for name in names]
    deadline = time.monotonic() + 30
    while engine.adapters.loaded.keys() != {"good"}:
      assert time.monotonic() < deadline
      time.sleep(0.01)
    assert not any(answer.done() for answer in answers)
    assert post(url, "/continue_generation", {}).is_success
    results = [answer.result() for answer in answers]
  assert all(answer.status_code == 200 and answer.json()["success"] for answer in results)
  assert list(results[0].json()["loaded_adapters"]) == ["good"] and len(futures[0].result().output_ids) == 3
  gone = post(url, "/unload_lora_adapter", {"lora_name": "n0"})
  assert gone.status_code == 400 and "does not exist" in gone.json()["error_message"]
  assert post(url, "/unload_lora_adapter", {"lora_name": 3}).status_code == 400


def test_embedded_client(tiny, folders, merged):
  with Engine(tiny.config, tiny.params, tiny.tokenizer, slots=2, max_length=64) as engine:
    client = Embedded(engine, "tiny")
    client.load_adapter("mine", models.peft.read(tiny.config, folders[0] / "good"))
    both = client.generate([{"input_ids": IDS, "sampling_params": GREEDY, "lora_path": name}
                            for name in (None, "mine")])
    assert [answer["output_ids"] for answer in both] == [tiny.greedy(IDS, 6), merged]
    with pytest.raises(ServerError, match="not loaded"):
      client.generate([{"input_ids": IDS, "sampling_params": GREEDY, "lora_path": "other"}])
