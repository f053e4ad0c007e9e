"""The engine against full forward passes: tokens, log-probs, seeds, stops, weight updates, pauses, aborts."""

import concurrent.futures
import dataclasses
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eft_jax import models
from eft_jax.serve import weights
from eft_jax.serve.engine import Engine
from eft_jax.serve.requests import GenerateRequest, QueueFull, RequestError, SamplingParams


def prompt(seed, length):
  return tuple(int(i) for i in np.random.default_rng(seed).integers(3, 259, length))


def request(ids, **options):
  own = {name: options.pop(name) for name in ("return_logprob", "logprob_start_len", "top_logprobs_num", "rid",
                                              "sample", "on_tokens") if name in options}
  return GenerateRequest(tuple(ids), SamplingParams(**options), **own)


def greedy(ids, count=12, **options):
  return request(ids, max_new_tokens=count, temperature=0.0, ignore_eos=True, **options)


def test_greedy_equals_full_forward(engine, tiny):
  """Prompts of several lengths (one token, a bucket's edge, beyond), more of them than slots."""
  prompts = [prompt(i, length) for i, length in enumerate((1, 2, 16, 17, 18, 40, 5))]
  results = engine.generate([greedy(ids) for ids in prompts])
  for ids, result in zip(prompts, results, strict=True):
    assert list(result.output_ids) == tiny.greedy(ids, 12)
    assert result.finish_reason == {"type": "length", "length": 12}
    assert result.text == tiny.tokenizer.decode(result.output_ids)


def test_long_prompt_in_chunks_equals_full_forward(tiny, monkeypatch):
  from eft_jax.serve import programs
  monkeypatch.setattr(programs, "CHUNK", 32)
  ids = prompt(5, 75)
  with Engine(tiny.config, tiny.params, None, slots=1, max_length=90) as engine:
    result, = engine.generate([greedy(ids, 8)])
  assert list(result.output_ids) == tiny.greedy(ids, 8)


def test_recurrent_layers_equal_full_forward(recurrent, monkeypatch):
  """Groups share a prefill; a slot that went on, or that another prompt had, is never taken for its prompt."""
  from eft_jax.serve import programs
  monkeypatch.setattr(programs, "CHUNK", 32)
  short, long = prompt(5, 9), prompt(6, 40)
  expected = {ids: recurrent.greedy(ids, 6) for ids in (short, long, short[:1])}
  with Engine(recurrent.config, recurrent.params, None, slots=3, max_length=64, block=2) as engine:
    for batch in ([short], [short, long, short, short, short[:1]], [long], [short]):
      results = engine.generate([greedy(ids, 6) for ids in batch])
      assert [list(result.output_ids) for result in results] == [expected[ids] for ids in batch]


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_output_logprobs_are_of_the_scaled_distribution(engine, tiny, temperature):
  ids = prompt(1, 9)
  result, = engine.generate([request(ids, temperature=temperature, top_k=5, max_new_tokens=10, ignore_eos=True,
                                     sampling_seed=3, return_logprob=True)])
  expected = tiny.logprobs([*ids, *result.output_ids], temperature)[len(ids) - 1:]
  np.testing.assert_allclose(result.output_logprobs, expected, atol=1e-4)


def test_scoring_equals_token_logprobs(engine, tiny):
  ids = prompt(2, 30)
  tokens = jnp.asarray([ids])
  hidden = models.hidden(tiny.config, tiny.params, tokens, jnp.arange(30)[None], jnp.ones_like(tokens))
  expected = models.token_logprobs(tiny.config, tiny.params, hidden, jnp.roll(tokens, -1, 1))[0, :-1]
  whole, part, last = engine.generate([
      request(ids, max_new_tokens=0, return_logprob=True, logprob_start_len=start) for start in (0, 20, 29)])
  assert whole.output_ids == () and whole.finish_reason == {"type": "length", "length": 0}
  assert whole.input_logprobs[0] is None
  np.testing.assert_allclose(whole.input_logprobs[1:], expected, atol=1e-4)
  assert part.input_logprobs == (None, *whole.input_logprobs[21:])
  assert last.input_logprobs == (None,)


def test_top_logprobs(engine, tiny):
  ids = prompt(3, 7)
  result, = engine.generate([greedy(ids, 3, return_logprob=True, logprob_start_len=0, top_logprobs_num=4)])
  for rows, start in ((result.output_top, len(ids) - 1), (result.input_top[1:], 0)):
    for place, row in enumerate(rows):
      exact = np.asarray(jax.nn.log_softmax(tiny.logits([*ids, *result.output_ids])[start + place]))
      best = np.sort(exact)[::-1][:4]
      np.testing.assert_allclose([p for p, _ in row], best, atol=1e-4)
      np.testing.assert_allclose(exact[[i for _, i in row]], best, atol=1e-4)
  assert [row[0][1] for row in result.output_top] == list(result.output_ids)


def test_same_request_and_seed_alone_and_in_company(engine):
  """Slot, company, order and number of slots do not enter."""
  mine = [request(prompt(7, 12), max_new_tokens=20, temperature=0.9, top_p=0.95, sampling_seed=seed, ignore_eos=True)
          for seed in range(3)]
  others = [request(prompt(50 + i, 5 + i), max_new_tokens=6 + 3 * i, sampling_seed=i) for i in range(6)]
  fresh = lambda items: [dataclasses.replace(item, rid=f"{item.rid}{time.monotonic_ns()}") for item in items]
  ids = lambda results: [result.output_ids for result in results]
  alone = [ids(engine.generate(fresh([item])))[0] for item in mine]
  assert len(set(alone)) == 3
  assert ids(engine.generate(fresh(mine))) == alone
  assert ids(engine.generate(fresh([*others, *mine])))[6:] == alone
  assert ids(engine.generate(fresh([mine[2], *others[:3], mine[0], *others[3:], mine[1]])))[0::4] == [
      alone[2], alone[0], alone[1]]


def test_results_do_not_depend_on_what_ran_before(tiny):
  """To the bit: a resumed search meets a fresh engine, and must go on as if it had never stopped."""
  batch = [request(prompt(30 + i, 8), max_new_tokens=10, sampling_seed=i, ignore_eos=True, return_logprob=True)
           for i in range(3)]
  again = [dataclasses.replace(item, rid=f"again{i}") for i, item in enumerate(batch)]
  with Engine(tiny.config, tiny.params, None, slots=16, max_length=512) as engine:
    fresh = engine.generate(batch)
  with Engine(tiny.config, tiny.params, None, slots=16, max_length=512) as engine:
    engine.generate([request(prompt(60 + i, 200 + i), max_new_tokens=4, ignore_eos=True) for i in range(16)])
    used = engine.generate(again)
  assert [(r.output_ids, r.output_logprobs) for r in fresh] == [(r.output_ids, r.output_logprobs) for r in used]


def test_scoring_and_generating_requests_mix(engine, tiny):
  prompts = [prompt(200 + i, 5) for i in range(12)]
  results = engine.generate([request(ids, max_new_tokens=3 * (i % 2), temperature=0.0, ignore_eos=True,
                                     return_logprob=True, logprob_start_len=0) for i, ids in enumerate(prompts)])
  for i, (ids, result) in enumerate(zip(prompts, results, strict=True)):
    assert list(result.output_ids) == tiny.greedy(ids, 3 * (i % 2))
    np.testing.assert_allclose(result.input_logprobs[1:], tiny.logprobs(ids), atol=1e-4)


def test_bfloat16(tiny):
  """Alone and several at a time, which are other matrix products."""
  prompts = [prompt(40 + i, 12) for i in range(4)]
  with Engine(tiny.config, tiny.params, None, slots=4, max_length=64, dtype=jnp.bfloat16) as engine:
    results = engine.generate([greedy(prompts[0], 10, return_logprob=True)])
    results += engine.generate([greedy(ids, 10, return_logprob=True) for ids in prompts[1:]])
  for ids, result in zip(prompts, results, strict=True):
    expected = tiny.logprobs([*ids, *result.output_ids])[len(ids) - 1:]
    np.testing.assert_allclose(result.output_logprobs, expected, atol=0.15)


def test_samples_of_one_prompt_differ_and_share_its_prefill(engine):
  samples = [request(prompt(8, 20), max_new_tokens=8, sampling_seed=5, sample=i, ignore_eos=True) for i in range(4)]
  results = engine.generate(samples)
  assert len({result.output_ids for result in results}) == 4
  assert [result.cached_tokens for result in results] == [0, 19, 19, 19]
  lone, = engine.generate([request(prompt(8, 20), max_new_tokens=8, sampling_seed=5, ignore_eos=True)])
  assert lone.output_ids == results[0].output_ids  # sample 0 is the seed itself


def test_requests_without_seed_differ(engine):
  first, second = engine.generate([request(prompt(8, 20), max_new_tokens=16, ignore_eos=True) for _ in range(2)])
  assert first.output_ids != second.output_ids


def test_stop_token(engine, tiny):
  ids = prompt(9, 6)
  plain = tiny.greedy(ids, 12)
  stop = next(token for token in plain[2:] if token not in plain[:2])
  end = plain.index(stop) + 1
  result, ignoring = engine.generate([
      request(ids, max_new_tokens=12, temperature=0.0, stop_token_ids=(stop,)),
      request(ids, max_new_tokens=12, temperature=0.0, stop_token_ids=(stop,), ignore_eos=True)])
  assert list(result.output_ids) == plain[:end]
  assert result.finish_reason == {"type": "stop", "matched": stop}
  assert result.text == tiny.tokenizer.decode(plain[:end - 1])
  assert list(ignoring.output_ids) == plain


def test_min_new_tokens_holds_the_stop_token_back(engine, tiny):
  ids = prompt(9, 6)
  first = tiny.greedy(ids, 1)[0]
  at_once, later = engine.generate([request(ids, max_new_tokens=9, min_new_tokens=low, temperature=0.0,
                                            stop_token_ids=(first,)) for low in (0, 4)])
  assert at_once.output_ids == (first,)
  assert len(later.output_ids) >= 5 and first not in later.output_ids[:4]


def test_stop_string(engine, tiny):
  ids, length = prompt(10, 6), 40
  whole, = engine.generate([request(ids, max_new_tokens=length, sampling_seed=1, ignore_eos=True,
                                    return_logprob=True)])
  bytes_ = [tiny.tokenizer.decode([i]) for i in whole.output_ids]
  readable = [bool(b) and b.isascii() for b in bytes_]
  start = next(i for i in range(9, 38) if readable[i] and readable[i + 1])
  stop = bytes_[start] + bytes_[start + 1]
  first = whole.text.find(stop)
  result, kept, other = engine.generate([
      request(ids, max_new_tokens=length, sampling_seed=1, ignore_eos=True, stop=(stop, "absent"), return_logprob=True),
      request(ids, max_new_tokens=length, sampling_seed=1, ignore_eos=True, stop=(stop,), no_stop_trim=True),
      request(ids, max_new_tokens=length, sampling_seed=1, ignore_eos=True, stop=("absent",))])
  assert result.finish_reason == {"type": "stop", "matched": stop}
  assert result.text == whole.text[:first]
  assert stop in tiny.tokenizer.decode(result.output_ids) and stop not in tiny.tokenizer.decode(result.output_ids[:-1])
  assert result.output_ids == whole.output_ids[:len(result.output_ids)]
  assert result.output_logprobs == pytest.approx(whole.output_logprobs[:len(result.output_ids)], abs=1e-4)
  assert result.weight_versions == (("default", 0, len(result.output_ids)),)
  assert kept.text == tiny.tokenizer.decode(kept.output_ids) and kept.output_ids == result.output_ids
  assert other.output_ids == whole.output_ids


def test_penalties_change_greedy_output(engine, tiny):
  ids = prompt(11, 8)
  result, = engine.generate([greedy(ids, 30, frequency_penalty=2.0)])
  sequence, counts = list(ids), np.zeros(tiny.config.vocab_size)
  for _ in range(30):
    token = int((tiny.logits(sequence)[-1] - 2.0 * counts).argmax())
    sequence.append(token)
    counts[token] += 1
  assert list(result.output_ids) == sequence[len(ids):]


def test_refusals_leave_the_engine_alone(engine):
  good = greedy(prompt(1, 3), 2)
  for bad in (request((3, 999)), request((-1,)), request(()), request(prompt(1, 250), max_new_tokens=7),
              request(prompt(1, 256), max_new_tokens=0), request((3,), stop_token_ids=(259,), max_new_tokens=1)):
    with pytest.raises(RequestError):
      engine.submit([good, bad])
  with pytest.raises(RequestError, match="Duplicate"):
    engine.submit([good, good])
  assert len(engine.generate([good])) == 1


def test_queue_is_bounded(tiny):
  with Engine(tiny.config, tiny.params, None, slots=4, max_length=256, max_waiting=3) as engine:
    engine.pause("in_place")
    futures = engine.submit([greedy((3,), 1) for _ in range(3)])
    with pytest.raises(QueueFull, match="3 wait"):
      engine.submit([greedy((3,), 1)])
    engine.resume()
    assert len([future.result() for future in futures]) == 3


def test_many_threads(engine, tiny):
  prompts = [prompt(100 + i, 3 + i % 5) for i in range(24)]
  with concurrent.futures.ThreadPoolExecutor(12) as pool:
    results = list(pool.map(lambda ids: engine.generate([greedy(ids, 5)])[0], prompts))
  assert [list(result.output_ids) for result in results] == [tiny.greedy(ids, 5) for ids in prompts]


def test_weight_update_changes_answers_and_versions(tiny):
  other = jax.tree.map(lambda x: x * 1.5, models.init(tiny.config, jax.random.key(9)))
  ids = prompt(12, 10)
  with Engine(tiny.config, tiny.params, None, slots=4, max_length=256) as engine:
    before, = engine.generate([greedy(ids)])
    engine.update_weights(other, "v1")
    after, = engine.generate([greedy(ids)])
    with pytest.raises(RequestError, match="embed.table"):
      engine.update_weights(other | {"embed": {"table": jnp.zeros((7, 32))}}, "v2")
    still, = engine.generate([greedy(ids)])
  assert list(before.output_ids) == tiny.greedy(ids, 12) and before.weight_versions == (("default", 0, 12),)
  assert list(after.output_ids) == tiny.greedy(ids, 12, other) and after.weight_versions == (("v1", 0, 12),)
  assert after.cached_tokens == 0  # nothing of the old weights is reused
  assert still.output_ids == after.output_ids and still.weight_versions == (("v1", 0, 12),)


def test_weights_are_a_copy(tiny):
  """A trainer's donated parameters may vanish; in either layout the engine has its own."""
  for params in (tiny.params, models.unstack(tiny.config, tiny.params)):
    mine = jax.tree.map(lambda x: jnp.array(x, copy=True), params)
    held = weights.prepare(tiny.config, mine, jnp.dtype("float32"))
    jax.tree.map(lambda x: x.delete(), mine)
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(held))


def test_adapters_are_served(engine, tiny):
  adapters = models.lora.init(tiny.config, tiny.params, 2, jax.random.key(1))
  tree = jax.tree.map(lambda x: x + 0.05, adapters.tree)
  adapted = models.lora.apply(tiny.params, dataclasses.replace(adapters, tree=tree))
  ids = prompt(12, 10)
  try:
    engine.update_weights(adapted, "lora")
    result, = engine.generate([greedy(ids, 6)])
  finally:
    engine.update_weights(tiny.params, "default")
  assert list(result.output_ids) == tiny.greedy(ids, 6, adapted) != tiny.greedy(ids, 6)


class Started:
  """A request that has written some tokens and waits, between two blocks, for the test's next command to the engine."""

  def __init__(self, engine, ids, count=120):
    self._engine, self._begun, self._free = engine, threading.Event(), threading.Event()
    self.item = greedy(ids, count, on_tokens=self._hold, return_logprob=True)
    self.future, = engine.submit([self.item])
    assert self._begun.wait(60)

  def _hold(self, result):
    assert result.finish_reason is None and result.output_ids
    self._begun.set()
    while not (self._engine._commands or self._engine._closed or self._free.wait(0.001)):
      pass

  def result(self):
    """Lets it run on."""
    self._free.set()
    return self.future.result(60)


def test_retract_update_continue_accounts_for_every_token(engine, tiny):
  other = jax.tree.map(lambda x: x * 1.5, models.init(tiny.config, jax.random.key(9)))
  ids = prompt(13, 5)
  try:
    started = Started(engine, ids)
    engine.pause("retract")
    assert not started.future.done() and engine.load()["waiting"] == 1
    engine.update_weights(other, "v1")
    engine.resume()
    result = started.result()
  finally:
    engine.resume()
    engine.update_weights(tiny.params, "default")
  (old, zero, cut), (new, start, end) = result.weight_versions
  assert (old, zero, new, end) == ("default", 0, "v1", 120) and 0 < cut == start < 120
  assert result.num_retractions == 1
  assert list(result.output_ids[:cut]) == tiny.greedy(ids, cut)
  assert list(result.output_ids[cut:cut + 8]) == tiny.greedy([*ids, *result.output_ids[:cut]], 8, other)
  assert len(result.output_logprobs) == 120


def test_update_without_pause_retracts_by_itself(engine, tiny):
  started = Started(engine, prompt(13, 5))
  assert engine.update_weights(tiny.params, "same") == 1
  result = started.result()
  engine.set_version("default")
  assert [version for version, _, _ in result.weight_versions] == ["default", "same"]
  assert list(result.output_ids[:20]) == tiny.greedy(prompt(13, 5), 20)


def test_pause_in_place_freezes_and_goes_on(engine, tiny):
  started = Started(engine, prompt(14, 5))
  engine.pause("in_place")
  running = engine.load()["running"]
  waiting, = engine.submit([greedy(prompt(15, 4), 3)])
  assert not engine.flush()
  time.sleep(0.05)
  assert running == 1 and not started.future.done() and not waiting.done()
  engine.resume()
  result = started.result()
  assert list(result.output_ids[:30]) == tiny.greedy(prompt(14, 5), 30) and result.num_retractions == 0
  assert len(waiting.result(60).output_ids) == 3


def test_pause_abort_and_abort_by_id_return_partial_tokens(engine):
  started = Started(engine, prompt(16, 5))
  engine.pause("abort")
  result = started.result()
  engine.resume()
  assert result.finish_reason["type"] == "abort" and 0 < len(result.output_ids) < 120
  started = Started(engine, prompt(16, 5))
  engine.abort("no such request")
  assert not started.future.done()
  engine.abort(started.item.rid[:8])
  assert started.result().finish_reason == {
      "type": "abort", "message": "Aborted", "status_code": None, "err_type": None}


def test_flush_drops_cached_prompts(engine):
  ids = prompt(17, 12)
  engine.generate([greedy(ids, 2)])
  assert engine.generate([greedy(ids, 2)])[0].cached_tokens == 11
  assert engine.flush()
  assert engine.generate([greedy(ids, 2)])[0].cached_tokens == 0


def test_device_errors_reach_their_requests_only(tiny, monkeypatch):
  with Engine(tiny.config, tiny.params, None, slots=4, max_length=256) as engine:
    decode = engine._slots.decode
    monkeypatch.setattr(engine._slots, "decode", lambda *_: (_ for _ in ()).throw(MemoryError("no room")))
    with pytest.raises(MemoryError, match="no room"):
      engine.generate([greedy((3, 4), 2)])
    monkeypatch.setattr(engine._slots, "decode", decode)
    assert list(engine.generate([greedy((3, 4), 2)])[0].output_ids) == tiny.greedy((3, 4), 2)


def test_close_answers_everyone(tiny):
  engine = Engine(tiny.config, tiny.params, None, slots=4, max_length=256)
  started = Started(engine, prompt(16, 5))
  engine.close()
  assert started.result().finish_reason["type"] == "abort"
  assert not engine.alive
  with pytest.raises(RuntimeError, match="closed"):
    engine.generate([greedy((3,), 1)])


def test_fewer_slots_when_most_are_done(tiny, monkeypatch):
  from eft_jax.serve import slots
  monkeypatch.setattr(slots, "_WORTH", 1)
  prompts = [prompt(20 + i, 4) for i in range(4)]
  sizes = []
  with Engine(tiny.config, tiny.params, None, slots=4, max_length=256, block=8) as engine:
    fit = engine._slots._fit
    monkeypatch.setattr(engine._slots, "_fit", lambda: (fit(), sizes.append(len(engine._slots.jobs))))
    results = engine.generate([greedy(ids, count) for ids, count in zip(prompts, (4, 4, 4, 40), strict=True)])
  assert sizes[0] == 4 and sizes[-1] == 1
  assert list(results[3].output_ids) == tiny.greedy(prompts[3], 40)
