"""Text to tokens and back: tokenizer, chat template, and one rendering of prompts and replies."""

from eft_jax.text import render
from eft_jax.text.tokenizer import Tokenizer

__all__ = ["Tokenizer", "render"]
