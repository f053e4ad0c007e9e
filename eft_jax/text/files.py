"""Where tokenizers come from and go to: GGUF metadata, tokenizer.json folders, and one made of bytes."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import gguf
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from eft_jax.core.settings import ConfigError
from eft_jax.text.tokenizer import CHATML, Tokenizer

CONTROL = 3  # token type of special tokens in GGUF
END_OF_TEXT = "<|endoftext|>"  # ends generation beside eos where the vocabulary has it


def _make(
    bpe: tokenizers.Tokenizer, template: str, bos: int | None, eos: int, pad: int | None, max_length: int,
) -> Tokenizer:
  end = bpe.token_to_id(END_OF_TEXT)
  stops = (eos,) if end is None or end == eos else (eos, end)
  return Tokenizer(bpe, template, bos, eos, eos if pad is None else pad, stops, max_length)


def _byte_level(model: models.BPE, specials: list[str], digits: bool) -> tokenizers.Tokenizer:
  """BPE over bytes, as GPT-2's; with `digits` every digit is a piece of its own, as in SmolLM."""
  bpe = tokenizers.Tokenizer(model)
  byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
  split = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
  bpe.pre_tokenizer = pre_tokenizers.Sequence([*split, byte_level])
  bpe.decoder = decoders.ByteLevel()
  bpe.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False) for token in specials])
  return bpe


def from_gguf(path: pathlib.Path) -> Tokenizer:
  """The tokenizer in a GGUF file; agrees with llama.cpp.

  Raises:
    ConfigError: truncated or foreign file, or a tokenizer other than SmolLM's byte-level BPE.
  """
  try:
    fields = gguf.GGUFReader(path).fields
  except Exception as error:  # ValueError, IndexError, KeyError ...: it depends on where the file ends
    raise ConfigError(f"{path} cannot be read as GGUF, it is truncated or another format "
                      f"({type(error).__name__}: {error}).") from error

  def value(name: str, default: Any = None) -> Any:
    return fields[name].contents() if name in fields else default

  kind = (value("tokenizer.ggml.model"), value("tokenizer.ggml.pre"))
  if kind != ("gpt2", "smollm"):
    raise ConfigError(f"{path} has the tokenizer {kind}, expected ('gpt2', 'smollm').")
  tokens, types = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
  merges = [tuple(merge.split(" ", 1)) for merge in value("tokenizer.ggml.merges")]
  model = models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges)
  specials = [token for token, type_ in zip(tokens, types, strict=True) if type_ == CONTROL]
  return _make(_byte_level(model, specials, digits=True), value("tokenizer.chat_template", ""),
               value("tokenizer.ggml.bos_token_id"), value("tokenizer.ggml.eos_token_id"),
               value("tokenizer.ggml.padding_token_id"), value("llama.context_length", 8192))


def from_bytes() -> Tokenizer:
  """Specials 0-2, bytes 3-258."""
  specials = [END_OF_TEXT, "<|im_start|>", "<|im_end|>"]
  alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
  vocab = {token: index for index, token in enumerate(specials + alphabet)}
  return _make(_byte_level(models.BPE(vocab=vocab, merges=[]), specials, digits=False), CHATML, 1, 2, 0, 512)


def from_folder(folder: pathlib.Path) -> Tokenizer:
  """The tokenizer of a Hugging Face folder.

  Raises:
    ConfigError: no tokenizer.json, or files that do not parse, or no eos token.
  """
  file = folder / "tokenizer.json"
  try:
    bpe = tokenizers.Tokenizer.from_file(str(file))
    values = json.loads((folder / "tokenizer_config.json").read_text())
  except Exception as error:  # tokenizers raises plain Exception
    raise ConfigError(f"{folder} has no readable tokenizer.json and tokenizer_config.json ({error}).") from error
  template = values.get("chat_template") or ""
  if not template and (folder / "chat_template.jinja").exists():
    template = (folder / "chat_template.jinja").read_text()

  def index(name: str) -> int | None:
    token = values.get(name)
    token = token["content"] if isinstance(token, dict) else token
    return None if token is None else bpe.token_to_id(token)

  eos = index("eos_token")
  if eos is None:
    raise ConfigError(f"{folder}/tokenizer_config.json names no eos_token that tokenizer.json knows.")
  max_length = int(min(values.get("model_max_length", 8192), 1 << 30))  # some folders say 1e30
  return _make(bpe, template, index("bos_token"), eos, index("pad_token"), max_length)


def save(tokenizer: Tokenizer, folder: pathlib.Path) -> None:
  """Writes tokenizer.json and tokenizer_config.json."""
  folder.mkdir(parents=True, exist_ok=True)
  tokenizer.bpe.save(str(folder / "tokenizer.json"))
  token = lambda index: None if index is None else tokenizer.bpe.id_to_token(index)
  values = {
      "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": token(tokenizer.bos_id),
      "eos_token": token(tokenizer.eos_id), "pad_token": token(tokenizer.pad_id),
      "chat_template": tokenizer.chat_template, "model_max_length": tokenizer.max_length,
      "clean_up_tokenization_spaces": False, "add_bos_token": False, "add_eos_token": False,
  }
  (folder / "tokenizer_config.json").write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
