"""Rendering: a training example begins with the very ids of the search prompt, and replies parse back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eft_jax.core import Prompt, Response
from eft_jax.text import render

characters = st.characters(max_codepoint=0x3FFFF, exclude_categories=("Cc", "Cs"))  # those SmolLM2 has tokens for
prompts = st.builds(Prompt, st.text(max_size=30), st.text(max_size=60))
plain = st.text(characters, max_size=60).filter(lambda t: "think>" not in t and t == t.strip("\n"))
responses = st.builds(Response, text=plain, reasoning=plain)


@given(prompt=prompts, response=responses)
def test_example_is_prompt_then_reply(tokenizer, prompt, response):
  head = render.prompt_ids(tokenizer, prompt)
  tokens, mask = render.example(tokenizer, prompt, response)
  assert tokens[:len(head)] == head
  assert mask == [False] * len(head) + [True] * (len(tokens) - len(head))
  assert tokens[-1] == tokenizer.eos_id and tokens.count(tokenizer.eos_id) == head.count(tokenizer.eos_id) + 1
  assert render.parse(tokenizer.decode(tokens[len(head):])) == (response.reasoning, response.text)


def test_reply_text_has_tags_only_around_reasoning():
  assert render.reply_text(Response("answer")) == "answer"
  assert render.reply_text(Response("answer", "why")) == "<think>\nwhy\n</think>\nanswer"


@pytest.mark.parametrize("reply, expected", [
    ("<think>\na\n</think>\nb", ("a", "b")),
    ("<think>a</think>b", ("a", "b")),
    ("\n <think>\n\na\n\n</think>\n\nb", ("a", "\nb")),
    ("<think>\nnever closed", ("never closed", "")),
    ("no tags </think>", ("", "no tags </think>")),
    ("<think></think>b", ("", "b")),
    ("", ("", "")),
])
def test_parse_forgives(reply, expected):
  assert render.parse(reply) == expected


def test_empty_system_sends_no_system_message(tokenizer):
  with_system = tokenizer.decode(render.prompt_ids(tokenizer, Prompt("S", "U")), specials=True)
  assert with_system == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
  without = tokenizer.decode(render.prompt_ids(tokenizer, Prompt("", "U")), specials=True)
  assert "<|im_start|>system\n<|im_end|>" not in without
