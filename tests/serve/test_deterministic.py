"""The same request and seed give the same bits alone and in any company: `deterministic` over 1,000 requests."""

import dataclasses
import random
import threading
import time

import pytest

from eft_jax.serve.engine import Engine
from eft_jax.serve.requests import GenerateRequest, SamplingParams


def draw(dice):
  """A request of any length and any settings; some share a prompt."""
  prompt = random.Random(dice.randrange(200))
  ids = tuple(prompt.randrange(3, 259) for _ in range(prompt.randint(1, 40)))
  optional = {"top_p": 0.8, "top_k": 12, "min_p": 0.05, "frequency_penalty": 0.7, "repetition_penalty": 1.2,
              "stop_token_ids": tuple(range(3, 259, 40)), "min_new_tokens": 2}
  chosen = {name: value for name, value in optional.items() if dice.random() < 0.2}
  sampling = SamplingParams(max_new_tokens=dice.randint(2, 14), temperature=dice.choice((0.0, 0.7, 1.0)),
                            sampling_seed=dice.getrandbits(60), ignore_eos=dice.random() < 0.5, **chosen)
  limited = dice.random() < 0.1
  return GenerateRequest(ids, sampling, return_logprob=True, top_logprobs_num=dice.choice((0, 0, 0, 3)),
                         max_thinking_tokens=3 if limited else None, thinking_end_ids=(9, 8) if limited else ())


def bits(result):
  """All that must not change; floats compare by value, and these are never NaN."""
  return result.output_ids, result.output_logprobs, result.output_top, result.finish_reason, result.forced


def crowd(engine, requests, dice):
  """The requests in random order and random bunches, while generation is retracted and resumed now and then."""
  order, futures, done = dice.sample(range(len(requests)), len(requests)), {}, threading.Event()

  def disturb():
    due = 100
    while not done.wait(0.01):
      if engine.generated_tokens > due:  # by progress, not by time: a retraction costs some
        engine.pause("retract")
        engine.resume()
        due = engine.generated_tokens + 150

  disturber = threading.Thread(target=disturb)
  disturber.start()
  try:
    while order:
      size = dice.randint(1, 12)
      bunch, order = order[:size], order[size:]
      futures |= dict(zip(bunch, engine.submit([requests[index] for index in bunch]), strict=True))
      time.sleep(dice.choice((0.0, 0.0, 0.01)))
    return [futures[index].result(600) for index in sorted(futures)]
  finally:
    done.set()
    disturber.join()


@pytest.mark.slow
@pytest.mark.parametrize("kind, slots, count", [("tiny", 6, 700), ("recurrent", 4, 300)])
def test_any_company_gives_the_same_bits(request, kind, slots, count):
  model, dice = request.getfixturevalue(kind), random.Random(slots)
  requests = [draw(dice) for _ in range(count)]
  with Engine(model.config, model.params, None, slots=slots, max_length=64, block=4, deterministic=True,
              gather_seconds=0.0) as engine:
    together = crowd(engine, requests, dice)
    fresh = [dataclasses.replace(item, rid=f"{item.rid}-alone") for item in requests]
    alone = [engine.generate([item])[0] for item in fresh]
  different = [index for index in range(count) if bits(together[index]) != bits(alone[index])]
  assert not different, (len(different), together[different[0]], alone[different[0]])
  assert sum(result.num_retractions for result in together) > 0
  assert len({result.output_ids for result in together}) > count // 2


def test_all_slots_always_run(tiny):
  """What the promise rests on: one shape for every block."""
  with Engine(tiny.config, tiny.params, None, slots=5, max_length=32, deterministic=True) as engine:
    for size in (1, 5, 2):
      engine.generate([GenerateRequest((5, 6, index + 7), SamplingParams(max_new_tokens=2)) for index in range(size)])
      assert len(engine._slots.jobs) == 5
