"""Thinking budgets: the state machine against its definition, and forced ends in the engine and over the wire."""

import dataclasses
import json
from concurrent.futures import Future

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eft_jax.serve.engine import Engine
from eft_jax.serve.requests import GenerateRequest, RequestError, SamplingParams
from eft_jax.serve.thinking import Budget, Thinking

IDS = (5, 6, 7, 8)
END = [33, 34, 35]


def simulate(budget, prompt, drawn):
  """What is written when the model would draw `drawn`, in pieces as the engine would; with the machine."""
  machine, output, drawn = Thinking(budget, prompt), [], list(drawn)
  while drawn:
    size = min(4, machine.allowance or 4)
    piece = list(machine.pending[:size])
    piece += drawn[:size - len(piece)]
    drawn = drawn[size - len(machine.pending[:size]):]
    machine.write(piece)
    output += piece
  return machine, output


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 9), st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=6),
       st.sampled_from([(), (1,), (1, 0)]), st.sampled_from([(2,), (2, 3), (2, 2, 3)]))
def test_machine_equals_definition(limit, drawn, prompt, start, end):
  """Never more than `limit` tokens between the markers, forced exactly where they would be, else nothing touched."""
  machine, output = simulate(Budget(limit, end, start), prompt, drawn)
  find = lambda ids, marker, low=0: next((i for i in range(low, len(ids) - len(marker) + 1)
                                          if tuple(ids[i:i + len(marker)]) == marker), None)
  last = lambda ids, marker: max((i for i in range(len(ids)) if tuple(ids[i:i + len(marker)]) == marker), default=-1)
  inside = not start or last(prompt, start) > last(prompt, end)
  begin = 0 if inside else len(start) if tuple(output[:len(start)]) == start else None
  if begin is None:
    assert output == drawn and not machine.forced and (machine.tokens == 0 or len(output) < len(start))
    return
  natural = find(drawn, end, begin)
  if natural is not None and natural + len(end) - begin <= limit:
    assert output == drawn and not machine.forced and machine.tokens == natural + len(end)
  elif len(output) > begin + limit:
    cut = begin + limit
    assert output[:cut] == drawn[:cut] and machine.forced[0][0] == cut and len(machine.forced) == 1
    written = machine.forced[0][1] - cut
    assert tuple(output[cut:cut + written]) == end[:written] and output[cut + written:] == drawn[cut:cut + len(output)
                                                                                                - cut - written]
    assert written == len(end) or len(output) == cut + written
  else:
    assert output == drawn and not machine.forced


def ask(prompt=IDS, limit=None, ends=tuple(END), count=24, **options):
  return GenerateRequest(tuple(prompt), SamplingParams(max_new_tokens=count, ignore_eos=True, **options),
                         return_logprob=True, max_thinking_tokens=limit, thinking_end_ids=ends)


@pytest.mark.parametrize("limit", [0, 1, 7, 8, 13, 24])
def test_end_is_forced_and_the_answer_goes_on(engine, tiny, limit):
  free, = engine.generate([ask(temperature=0.0)])
  result, = engine.generate([ask(limit=limit, temperature=0.0)])
  forced = list(range(limit, min(limit + 3, 24)))
  ids = list(result.output_ids)
  assert len(ids) == 24 and ids[:limit] == list(free.output_ids[:limit])
  assert ids[limit:limit + 3] == END[:len(forced)]
  assert result.forced == (((limit, limit + 3),) if forced else ())
  assert result.reasoning_tokens == limit + len(forced)
  answer = tiny.greedy([*IDS, *ids[:limit + 3]], 24 - limit - len(forced))
  assert ids[limit + 3:] == answer  # what the model goes on with
  np.testing.assert_allclose(result.output_logprobs, tiny.logprobs([*IDS, *ids])[len(IDS) - 1:], atol=1e-4)


def test_an_end_in_time_is_left_alone(engine):
  free, = engine.generate([ask(temperature=0.0)])
  ends = free.output_ids[4:6]
  first = next(i for i in range(24) if free.output_ids[i:i + 2] == ends)
  result, = engine.generate([ask(limit=12, ends=ends, temperature=0.0)])
  assert result.output_ids == free.output_ids and result.forced == () and result.reasoning_tokens == first + 2
  assert free.reasoning_tokens == 0


def test_company_streams_and_stops(engine):
  """A limited request in company, with other limits and block borders: as alone; partial results grow into it."""
  limits = (None, 0, 3, 9, 20)
  alone = [engine.generate([ask(limit=limit, sampling_seed=7)])[0] for limit in limits]
  seen = []
  together = engine.generate([ask(limit=limit, sampling_seed=7) for limit in limits] + [
      dataclasses.replace(ask(limit=5, sampling_seed=1), on_tokens=seen.append)])
  assert [result.output_ids for result in together[:5]] == [result.output_ids for result in alone]
  assert [result.forced for result in together[:5]] == [result.forced for result in alone]
  final = together[5]
  assert seen and all(part.output_ids == final.output_ids[:len(part.output_ids)] for part in seen)
  assert seen[-1].forced == final.forced == ((5, 8),)
  # A forced token is no stop; the same token drawn later is.
  stop = dataclasses.replace(ask(limit=2), sampling=SamplingParams(max_new_tokens=24, temperature=0.0,
                                                                   stop_token_ids=(END[0], END[2])))
  result, = engine.generate([stop])
  assert result.output_ids[2:5] == tuple(END) and len(result.output_ids) > 5


def test_retraction_inside_and_behind_forced_tokens(tiny):
  """Block of one token: the marker is forced over several blocks, and the retraction falls among them."""
  with Engine(tiny.config, tiny.params, None, slots=2, max_length=64, block=1) as engine:
    expected, = engine.generate([ask(limit=3, temperature=0.0, count=12)])
    due = {4, 5, 8}

    def on_tokens(part):
      if len(part.output_ids) in due:
        due.discard(len(part.output_ids))
        engine._commands.append((engine._retract, Future()))  # between this block and the next

    result, = engine.generate([dataclasses.replace(ask(limit=3, temperature=0.0, count=12), on_tokens=on_tokens)])
  assert result.output_ids == expected.output_ids and result.forced == expected.forced == ((3, 6),)
  assert result.output_logprobs == expected.output_logprobs
  assert result.num_retractions == 3


def test_markers_of_the_tokenizer(tiny):
  """A tokenizer with <think> and </think>: the output must open with the first, or the prompt end inside."""
  class Bpe:
    token_to_id = staticmethod({"<think>": 40, "</think>": 41}.get)

  class Marked:
    bpe, stop_ids = Bpe(), ()
    decode = staticmethod(lambda ids, specials=False: "")

  with Engine(tiny.config, tiny.params, Marked(), slots=2, max_length=64) as engine:
    plain, inside, after = engine.generate([
        ask(prompt, limit=2, ends=(), temperature=0.0) for prompt in (IDS, (*IDS, 40), (*IDS, 40, 5, 41))])
  assert plain.forced == after.forced == () and plain.reasoning_tokens == 0  # it does not think
  assert inside.forced == ((2, 3),) and inside.output_ids[2] == 41 and inside.reasoning_tokens == 3


def test_refusals(engine):
  with pytest.raises(RequestError, match="no </think>: give"):
    engine.submit([ask(limit=3, ends=())])
  with pytest.raises(RequestError, match="inside the vocabulary of 259"):
    engine.submit([ask(limit=3, ends=(259,))])
  with pytest.raises(RequestError, match="max_thinking_tokens is -1"):
    engine.submit([ask(limit=-1)])


def post(url, path, body):
  return httpx.post(url + path, json=body, timeout=60, trust_env=False)


def test_over_http(http):
  sampling = {"temperature": 0, "max_new_tokens": 16, "ignore_eos": True, "custom_params": {"thinking_end_ids": END}}
  body = {"input_ids": list(IDS), "sampling_params": sampling, "max_thinking_tokens": 6, "return_logprob": True}
  answer = post(http, "/generate", body).json()
  assert answer["output_ids"][6:9] == END and answer["meta_info"]["reasoning_tokens"] == 9
  assert answer["meta_info"]["forced_tokens"] == [{"start": 6, "end": 9}]
  assert [entry[1] for entry in answer["meta_info"]["output_token_logprobs"]] == answer["output_ids"]
  custom = sampling | {"custom_params": {"thinking_end_ids": END, "thinking_budget": 6}, "n": 2}
  both = post(http, "/generate", {"input_ids": list(IDS), "sampling_params": custom}).json()
  assert [item["output_ids"] for item in both] == [answer["output_ids"]] * 2
  plain = post(http, "/generate", {"input_ids": list(IDS), "sampling_params": sampling}).json()
  assert plain["meta_info"]["reasoning_tokens"] == 0 and "forced_tokens" not in plain["meta_info"]
  with httpx.stream("POST", http + "/generate", json=body | {"stream": True}, timeout=60, trust_env=False) as response:
    lines = [line for line in response.iter_lines() if line]
  assert json.loads(lines[-2][6:])["output_ids"] == answer["output_ids"]
  chat = post(http, "/v1/chat/completions", {
      "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 16, "temperature": 0, "ignore_eos": True,
      "custom_params": custom["custom_params"], "return_token_ids": True}).json()
  assert chat["choices"][0]["token_ids"][6:9] == END and chat["usage"]["reasoning_tokens"] == 9


@pytest.mark.parametrize("more, message", [
    ({"max_thinking_tokens": "a"}, "must be of type int"), ({"max_thinking_tokens": True}, "must be of type int"),
    ({"max_thinking_tokens": 3}, "no </think>"), ({"max_thinking_tokens": -3}, "at least 0"),
    ({"sampling_params": {"max_new_tokens": 4, "custom_params": 3}}, "custom_params must be an object"),
    ({"sampling_params": {"max_new_tokens": 4, "custom_params": {"thinking_end_ids": "x"}}}, "list of token ids")])
def test_refusals_over_http(http, more, message):
  response = post(http, "/generate", {"input_ids": list(IDS), "sampling_params": {"max_new_tokens": 4}} | more)
  assert response.status_code == 400 and message in response.json()["error"]["message"]
