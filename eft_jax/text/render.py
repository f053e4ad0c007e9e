"""One rendering for search and training: an example is the ids of the prompt as searched, then those of the reply."""

from __future__ import annotations

from eft_jax.core import Prompt, Response
from eft_jax.text.tokenizer import Tokenizer

OPEN, CLOSE = "<think>\n", "\n</think>\n"


def prompt_ids(tokenizer: Tokenizer, prompt: Prompt) -> list[int]:
  """What is sent to the model: system, user, and the header of the assistant's turn.

  An empty system text sends no system message; some templates (SmolLM2's) then put in their own.
  """
  system = [{"role": "system", "content": prompt.system}] if prompt.system else []
  return tokenizer.chat([*system, {"role": "user", "content": prompt.user}], add_generation_prompt=True)


def reply_text(response: Response) -> str:
  """The reply as the model writes it: reasoning in think tags where there is any, then the answer."""
  return f"{OPEN}{response.reasoning}{CLOSE}{response.text}" if response.reasoning else response.text


def reply_ids(tokenizer: Tokenizer, response: Response) -> list[int]:
  """Ids of the reply with its end token. Recorded token ids are not used: they may lack the end."""
  return [*tokenizer.encode(reply_text(response)), tokenizer.eos_id]


def example(tokenizer: Tokenizer, prompt: Prompt, response: Response) -> tuple[list[int], list[bool]]:
  """Tokens of a training example, and which of them are to be learnt: the reply with its end token."""
  head, reply = prompt_ids(tokenizer, prompt), reply_ids(tokenizer, response)
  return head + reply, [False] * len(head) + [True] * len(reply)


def parse(text: str) -> tuple[str, str]:
  """(reasoning, answer) of a reply: the inverse of `reply_text`, and forgiving.

  A reply that never closes its think tag is all reasoning; white space around tags is dropped.
  """
  if not text.lstrip().startswith(OPEN.strip()):
    return "", text
  body = text.lstrip()[len(OPEN.strip()):]
  reasoning, closed, answer = body.partition(CLOSE.strip())
  if not closed:
    return body.strip("\n"), ""
  return reasoning.strip("\n"), answer.removeprefix("\n")
