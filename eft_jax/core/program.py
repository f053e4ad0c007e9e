"""A candidate program: source text and the hash of its content."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

LANGUAGES = ("python", "cpp")


@dataclasses.dataclass(frozen=True)
class Program:
  """Source text in one language. Two programs are the same program when their `hash` is the same."""

  source: str
  language: str = "python"

  def __post_init__(self):
    if self.language not in LANGUAGES:
      raise ValueError(f"Program.language is {self.language!r}, expected one of {', '.join(LANGUAGES)}.")

  @functools.cached_property
  def hash(self) -> str:
    """16 hex digits over language and source."""
    return hashlib.sha256(f"{self.language}\0{self.source}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
