"""Tokenizer: a BPE with its chat template and special ids. Text is never read as a special token unless asked for."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jinja2
import jinja2.sandbox
import tokenizers

from eft_jax.core import assets
from eft_jax.core.settings import ConfigError

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
PRIVATE_USE = [chr(code) for code in range(0xE000, 0xF8FF)]


@dataclasses.dataclass(frozen=True)
class Tokenizer:
  """Encodes, decodes and renders chats; made by `load` or `bytes`.

  Attributes:
    bpe: the tokenizer.json object.
    chat_template: jinja2 source; '' is none.
    bos_id, eos_id, pad_id: ids as the model's metadata have them; eos_id ends a reply.
    stop_ids: ids that end generation; eos_id first.
    max_length: positions the model was trained for.
  """

  bpe: tokenizers.Tokenizer = dataclasses.field(repr=False)
  chat_template: str = dataclasses.field(repr=False)
  bos_id: int | None
  eos_id: int
  pad_id: int
  stop_ids: tuple[int, ...]
  max_length: int = 8192

  @classmethod
  def load(cls, path_or_name: str | pathlib.Path) -> Tokenizer:
    """From 'smollm2_135m', a .gguf file, or a folder with tokenizer.json: the same names as models.load.

    Raises:
      ConfigError: no such model, or its files are truncated, foreign or of another kind.
    """
    from eft_jax.text import files
    path = assets.find(str(path_or_name))
    return files.from_folder(path) if path.is_dir() else files.from_gguf(path)

  @classmethod
  def bytes(cls) -> Tokenizer:
    """One token per byte and three specials, 259 in all, ChatML: for tiny models in tests."""
    from eft_jax.text import files
    return files.from_bytes()

  def save(self, folder: str | pathlib.Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json, which `load` and transformers' AutoTokenizer read."""
    from eft_jax.text import files
    files.save(self, pathlib.Path(folder))

  @property
  def vocab_size(self) -> int:
    return self.bpe.get_vocab_size(with_added_tokens=True)

  @functools.cached_property
  def specials(self) -> dict[str, int]:
    """Special tokens and their ids."""
    added = self.bpe.get_added_tokens_decoder()
    return {token.content: index for index, token in added.items() if token.special}

  @functools.cached_property
  def _plain(self) -> tokenizers.Tokenizer:
    """A copy that reads special tokens as ordinary text."""
    copy = tokenizers.Tokenizer.from_str(self.bpe.to_str())
    copy.encode_special_tokens = True
    return copy

  @functools.cached_property
  def _template(self) -> jinja2.Template:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.globals["raise_exception"] = _raise
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    return environment.from_string(self.chat_template)

  def encode(self, text: str, specials: bool = False) -> list[int]:
    """Ids of a text, nothing added. Only with `specials` does a text like '<|im_end|>' become that special token.

    Bytes that the vocabulary lacks (SmolLM2: some control bytes) are lost, as in transformers.
    """
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate, legal in JSON, becomes "?"
    return (self.bpe if specials else self._plain).encode(text, add_special_tokens=False).ids

  def decode(self, ids: Iterable[int], specials: bool = False) -> str:
    """Text of ids; special tokens are left out unless asked for. Broken UTF-8 becomes U+FFFD."""
    return self.bpe.decode(list(ids), skip_special_tokens=not specials)

  def count_tokens(self, text: str) -> int:
    """Length of `encode(text)`."""
    return len(self.encode(text))

  def chat(
      self, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True, **variables: Any,
  ) -> list[int]:
    """Ids of a rendered chat.

    Equal to transformers' `apply_chat_template`, except that special tokens spelled out in a message stay text: a
    program under search cannot end its own turn.

    Args:
      messages: of `role` and `content`.
      variables: further names for the template.

    Raises:
      ConfigError: there is no template, or it refuses these messages.
    """
    if not self.chat_template:
      raise ConfigError("This tokenizer has no chat template: encode the text of the prompt instead.")
    contents = "".join(message["content"] for message in messages)
    guard = next(char for char in PRIVATE_USE if char not in contents)
    hide = lambda text: self._special_pattern.sub(lambda match: match[0][:1] + guard + match[0][1:], text)
    safe = [{**message, "content": hide(message["content"])} for message in messages]
    named = (("bos_token", self.bos_id), ("eos_token", self.eos_id), ("pad_token", self.pad_id))
    names = {name: self.bpe.id_to_token(index) for name, index in named if index is not None}
    try:
      text = self._template.render(messages=safe, add_generation_prompt=add_generation_prompt, **(names | variables))
    except jinja2.TemplateError as error:
      raise ConfigError(f"The chat template refuses these messages: {error}") from error
    ids: list[int] = []
    for piece in self._special_pattern.split(text):
      if piece in self.specials:
        ids.append(self.specials[piece])
      elif piece:
        ids += self.encode(piece.replace(guard, ""))
    return ids

  @functools.cached_property
  def _special_pattern(self) -> re.Pattern[str]:
    """Splits a text at its special tokens, longest first, and keeps them."""
    return re.compile("(" + "|".join(map(re.escape, sorted(self.specials, key=len, reverse=True))) + ")")


def _raise(message: str) -> None:
  raise jinja2.TemplateError(message)
