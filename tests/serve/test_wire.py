"""Bodies to requests: defaults, expansion, and the reason of every refusal. No model needed."""

import pytest

from eft_jax.serve import wire
from eft_jax.serve.requests import GenerateRequest, GenerateResult, RequestError, SamplingParams

LIMITS = wire.Limits(vocab_size=100, max_length=50)


def parse(**body):
  return wire.parse_generate(body, LIMITS, lambda text: [ord(char) % 100 for char in text])


def test_defaults():
  batch = parse(input_ids=[1, 2], sampling_params={"max_new_tokens": 4, "top_k": None, "stop": None})
  request, = batch.requests
  assert batch.single and request.sampling == SamplingParams(max_new_tokens=4)
  assert request.input_ids == (1, 2) and not request.return_logprob and request.logprob_start_len == -1


def test_null_for_max_new_tokens_is_all_that_fit():
  """As SGLang has it."""
  count = lambda ids, **sampling: wire.parse_generate(
      {"input_ids": ids, "sampling_params": sampling}, LIMITS, None).requests[0].sampling.max_new_tokens
  assert count([1, 2], max_new_tokens=None) == LIMITS.max_length - 2
  with pytest.raises(RequestError, match="longer than the model's context"):
    count([1] * (LIMITS.max_length + 3), max_new_tokens=None)


def test_expansion_is_prompt_major():
  batch = parse(input_ids=[[1], [2]], sampling_params={"n": 2, "max_new_tokens": 1}, rid=["a", "b"],
                return_logprob=[True, False], logprob_start_len=[0, -1])
  assert [(r.input_ids, r.sample, r.rid, r.return_logprob, r.logprob_start_len) for r in batch.requests] == [
      ((1,), 0, "a_0", True, 0), ((1,), 1, "a_1", True, 0), ((2,), 0, "b_0", False, -1), ((2,), 1, "b_1", False, -1)]
  assert not batch.single


def test_string_rid_is_a_prefix_in_a_batch():
  small = {"max_new_tokens": 1}
  assert [r.rid for r in parse(input_ids=[[1], [2]], rid="x", sampling_params=small).requests] == ["x_0", "x_1"]
  assert parse(input_ids=[1], rid="x", sampling_params=small).requests[0].rid == "x"


def test_text_is_encoded():
  batch = parse(text=["ab", "c"], sampling_params=[{"max_new_tokens": 1}, {"max_new_tokens": 2}])
  assert [r.input_ids for r in batch.requests] == [(97, 98), (99,)]
  assert [r.sampling.max_new_tokens for r in batch.requests] == [1, 2]
  with pytest.raises(RequestError, match="tokenizer"):
    wire.parse_generate({"text": "ab"}, LIMITS, None)


def test_stop_is_a_string_or_a_list():
  assert parse(input_ids=[1], sampling_params={"max_new_tokens": 1, "stop": "x"}).requests[0].sampling.stop == ("x",)
  assert parse(input_ids=[1], sampling_params={"max_new_tokens": 1, "stop": ["x", "y"]}
               ).requests[0].sampling.stop == ("x", "y")


@pytest.mark.parametrize("body, reason", [
    ({"input_ids": [1], "text": "a"}, "Exactly one"),
    ({}, "Exactly one"),
    ({"input_ids": []}, "non-empty"),
    ({"input_ids": [[]]}, "cannot be empty"),
    ({"input_ids": "12"}, "non-empty list"),
    ({"input_ids": [1.5]}, "integers"),
    ({"input_ids": [True]}, "integers"),
    ({"input_ids": [[1], 2]}, "integers"),
    ({"input_ids": [100]}, "outside the vocabulary of 100"),
    ({"input_ids": [-1]}, "holds -1"),
    ({"input_ids": [1] * 50}, "longer than the model's context length"),
    ({"input_ids": [1] * 40, "sampling_params": {"max_new_tokens": 11}}, "40 of the input and 11"),
    ({"input_ids": [1], "sampling_params": {"stop_token_ids": [100], "max_new_tokens": 1}}, "stop_token_ids"),
    ({"input_ids": [1], "sampling_params": {"temperature": -1}}, "temperature must be"),
    ({"input_ids": [1], "sampling_params": {"temperature": float("nan")}}, "temperature must be"),
    ({"input_ids": [1], "sampling_params": {"temperature": "hot"}}, "temperature has a wrong type"),
    ({"input_ids": [1], "sampling_params": {"top_p": 0}}, "top_p"),
    ({"input_ids": [1], "sampling_params": {"top_k": 0}}, "top_k"),
    ({"input_ids": [1], "sampling_params": {"min_p": 2}}, "min_p"),
    ({"input_ids": [1], "sampling_params": {"n": 0}}, "n must be"),
    ({"input_ids": [1], "sampling_params": {"repetition_penalty": 0}}, "repetition_penalty"),
    ({"input_ids": [1], "sampling_params": {"frequency_penalty": 3}}, "frequency_penalty"),
    ({"input_ids": [1], "sampling_params": {"presence_penalty": -3}}, "presence_penalty"),
    ({"input_ids": [1], "sampling_params": {"min_new_tokens": 9, "max_new_tokens": 3}}, "min_new_tokens"),
    ({"input_ids": [1], "sampling_params": {"stop": ["x"] * 33}}, "at most 32"),
    ({"input_ids": [1], "sampling_params": {"stop": ""}}, "non-empty strings"),
    ({"input_ids": [1], "sampling_params": {"sampling_seed": 2**64}}, "64-bit"),
    ({"input_ids": [1], "sampling_params": {"json_schema": "{}"}}, "constrained decoding"),
    ({"input_ids": [1], "sampling_params": {"logit_bias": {"1": 2.0}}}, "logit_bias"),
    ({"input_ids": [1], "sampling_params": 3}, "must be an object"),
    ({"input_ids": [1], "sampling_params": {"max_new_tokens": 1}, "lora_path": 3}, "lora_path"),
    ({"input_ids": [1], "image_data": ["x"]}, "text only"),
    ({"input_ids": [1], "return_hidden_states": True}, "hidden states"),
    ({"input_ids": [1], "return_logprob": 1}, "return_logprob must be of type bool"),
    ({"input_ids": [1], "sampling_params": {"max_new_tokens": 1}, "logprob_start_len": 2}, "logprob_start_len is 2"),
    ({"input_ids": [1], "sampling_params": {"max_new_tokens": 1}, "top_logprobs_num": 21}, "0 to 20"),
    ({"input_ids": [1], "rid": 3}, "rid must be"),
    ({"input_ids": [[1], [1]], "rid": ["a", "a"]}, "Duplicate"),
    ({"input_ids": [[1], [1]], "return_logprob": [True]}, "1 entries for 2 prompts"),
    ({"input_ids": [[1], [1]], "sampling_params": [{"n": 1}, {"n": 2}]}, "n must be the same"),
])
def test_refusals_say_why(body, reason):
  with pytest.raises(RequestError, match=reason) as error:
    wire.parse_generate(body, LIMITS, lambda text: [1])
  assert isinstance(wire.error_json(error.value)["error"]["message"], str)


@pytest.mark.parametrize("body", [[1], {"input_ids": [1], "inputids": [2]},
                                  {"input_ids": [1], "sampling_params": {"temp": 1}}])
def test_a_broken_contract_is_a_plain_string(body):
  with pytest.raises(wire.BodyError) as error:
    wire.parse_generate(body, LIMITS, None)
  assert isinstance(wire.error_json(error.value)["error"], str)


def test_fields_that_change_nothing_are_accepted():
  batch = parse(input_ids=[1], sampling_params={"max_new_tokens": 1, "spaces_between_special_tokens": True},
                priority=3, extra_key="a", lora_path=None, image_data=None, stream=False)
  assert len(batch.requests) == 1


def test_result_without_tokenizer_has_no_text_and_json_knows_no_infinity():
  request = GenerateRequest((1, 2), return_logprob=True)
  result = GenerateResult("r", 2, output_ids=(3,), output_logprobs=(float("-inf"),), input_logprobs=(None,),
                          finish_reason={"type": "length", "length": 1}, weight_versions=(("v", 0, 1),))
  answer = wire.result_json(request, result, wire.Batch((request,), True, prompt_token_ids=True), None, has_text=False)
  assert "text" not in answer and answer["prompt_token_ids"] == [1, 2]
  assert answer["meta_info"]["output_token_logprobs"] == [[None, 3, None]]
  assert answer["meta_info"]["input_token_logprobs"] == [[None, 2, None]]
  assert "output_top_logprobs" not in answer["meta_info"]
