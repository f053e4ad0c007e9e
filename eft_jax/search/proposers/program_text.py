"""A program as lines and tokens: just enough to change a literal, an operator or a line of Python or C++."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import NamedTuple

_STRING = r"""(?:\b[rbfuRBFU]{1,2})?(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
_COMMON = (
    r"|(?P<number>(?<![\w.])(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<newline>\n)"
    r"|(?P<op>\*\*=?|//=?|<<=?|>>=?|&&|\|\||->|\+\+|--|[-+*/%@&|^<>=!]=|[-+*/%@&|^<>=!~.,:;()\[\]{}?])")
_TOKENS = {
    "python": re.compile(rf"(?P<string>{_STRING})|(?P<comment>\#[^\n]*)" + _COMMON),
    "cpp": re.compile(rf"(?P<comment>//[^\n]*|/\*[\s\S]*?\*/|^\#[^\n]*)|(?P<string>{_STRING})" + _COMMON, re.M)}
_ASSIGNMENT = re.compile(
    r"\s*(?:(?:const\s+)?(?:int|long|double|float|auto|bool|size_t)\s+)?"
    r"([A-Za-z_][\w.]*(?:\[[^\]=]*\])?(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?:[-+*/%@&|^]|\*\*|//|<<|>>)?=(?!=)")
_CALL = re.compile(r"\s*([A-Za-z_][\w.]*)\(")
# Python words after which a minus or a star is no binary operator.
KEYWORDS = frozenset("return if elif else while for in and or not lambda yield print assert is import from None True "
                     "False self".split())


class Token(NamedTuple):
  """A piece of the program; `line` counts from 0, `start` and `end` are columns."""

  kind: str
  text: str
  line: int
  start: int
  end: int


@dataclasses.dataclass(frozen=True)
class ProgramText:
  """Lines without their newlines, and the tokens outside strings and comments."""

  source: str
  language: str

  @functools.cached_property
  def lines(self) -> list[str]:
    return self.source.rstrip("\n").split("\n")

  @functools.cached_property
  def _scan(self) -> tuple[list[Token], set[int]]:
    """Tokens, and the lines that lie inside a text of several lines."""
    found, inside, line, begin = [], set(), 0, 0
    for match in _TOKENS[self.language].finditer(self.source):
      kind, text = match.lastgroup, match.group()
      if kind == "newline":
        line, begin = line + 1, match.end()
      elif kind in ("string", "comment"):
        if "\n" in text:
          inside.update(range(line, line + text.count("\n") + 1))
          line, begin = line + text.count("\n"), match.start() + text.rindex("\n") + 1
        if kind == "string":  # an operand, but nothing to change
          found.append(Token(kind, "", line, 0, 0))
      else:
        found.append(Token(kind, text, line, match.start() - begin, match.end() - begin))
    return found, inside

  @property
  def tokens(self) -> list[Token]:
    return self._scan[0]

  @functools.cached_property
  def names(self) -> frozenset[str]:
    return frozenset(token.text for token in self.tokens if token.kind == "name")

  @functools.cached_property
  def variables(self) -> list[str]:
    """Arguments and assigned names, in the order in which they first stand in the program."""
    found, depth = [], 0
    for before, token in zip([None, *self.tokens], self.tokens, strict=False):
      define = self.lines[token.line].lstrip().startswith("def ")
      depth += (token.text in "([{" and token.text != "") - (token.text in ")]}" and token.text != "")
      if token.kind == "name" and before is not None and token.text not in KEYWORDS and (
          (define and depth == 1 and before.text in ("(", ",")) or token.text == self.target(token.line)):
        found.append(token.text)
    return list(dict.fromkeys(found))

  def indent(self, line: int) -> str:
    text = self.lines[line]
    return text[:len(text) - len(text.lstrip())]

  @functools.cached_property
  def step(self) -> str:
    """One step of indentation: the smallest in use."""
    found = [self.indent(i) for i, line in enumerate(self.lines) if line[:1] in (" ", "\t") and line.strip()]
    return min(found, key=len, default="    ")

  def is_code(self, line: int) -> bool:
    """A line that may change: not blank, no comment, text, import, definition, decorator or preprocessor line."""
    text = self.lines[line].strip()
    return bool(text) and line not in self._scan[1] and not text.startswith(
        ("#", "//", "import ", "from ", "def ", "class ", "@", "using ", '"', "'", "/*"))

  def target(self, line: int) -> str:
    """What a line assigns to, or ''."""
    found = _ASSIGNMENT.match(self.lines[line])
    return "" if found is None else " ".join(found[1].split())

  def place(self, line: int) -> str:
    """Names a line for a reader, as the end of a sentence."""
    text = self.lines[line].strip()
    word = re.split(r"[\s(:]", text, maxsplit=1)[0]
    if word == "return":
      return "in the return value"
    if word in ("if", "elif"):
      return "in the test"
    if word in ("for", "while"):
      return "in the loop head"
    target = self.target(line)
    if target and len(target) <= 24:
      return f"where {target} is set"
    call = _CALL.match(text)
    if call and len(call[1]) <= 24:
      return f"in the call of {call[1]}"
    return f"in line {line + 1}"

  def replace(self, token: Token, text: str) -> str:
    """The token's line with the token replaced."""
    line = self.lines[token.line]
    return line[:token.start] + text + line[token.end:]
