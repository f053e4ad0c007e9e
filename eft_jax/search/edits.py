"""From a reply to a child program: SEARCH/REPLACE blocks or a whole fenced program, every failure a typed outcome.

What is strict, and why: a SEARCH text matches whole lines, exactly but for trailing white space, and must match in
exactly one place. A guess (the first of two places, a line that is nearly the same) would store an edit that the reply
did not ask for, and teach it. Blocks are applied in order, each to the result of the one before; if one fails, none
counts. Where the parent has EVOLVE-BLOCK-START / EVOLVE-BLOCK-END comments, only lines between them may change.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import re
import warnings

from eft_jax.core import Outcome

SEARCH, DIVIDER, REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
BLOCK_START, BLOCK_END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"

# Five to nine characters: small models miscount, and no line of a program looks like this.
_SEARCH = re.compile(r"<{5,9} ?SEARCH\s*")
_DIVIDER = re.compile(r"={5,9}\s*")
_REPLACE = re.compile(r">{5,9} ?REPLACE\s*")
_FENCE = re.compile(r" {0,3}(`{3,})([\w+#.-]*)\s*")
_FENCE_END = re.compile(r" {0,3}(`{3,})\s*")
_TAGS = {"python": ("python", "py", "python3"), "cpp": ("cpp", "c++", "cc", "cxx")}


@dataclasses.dataclass(frozen=True)
class Edited:
  """Exactly one of `outcome` (why there is no child) and `source` (the child) is given."""

  outcome: Outcome | None
  source: str | None
  message: str = ""


class _Failure(Exception):
  def __init__(self, outcome: Outcome, message: str):
    super().__init__(message)
    self.outcome, self.message = outcome, message


def apply(parent_source: str, response_text: str, edit: str, language: str, *, finish: str | None = None,
          max_chars: int | None = None) -> Edited:
  """Applies a reply to its parent.

  Args:
    parent_source: the program that was shown.
    response_text: the reply without its reasoning.
    edit: 'diff' and 'fix' expect SEARCH/REPLACE blocks, 'rewrite' and 'crossover' one fenced program.
    language: 'python' (the child must parse) or 'cpp'.
    finish: 'stop' when the writer ended the reply itself, 'length' when it was cut; None when unknown. An edit that is
      not closed is `truncated`, or `no_edit` where the writer ended it itself.
    max_chars: a longer child is `too_long`.
  """
  parent = _lines(parent_source)
  reply = _lines(response_text)
  try:
    if edit in ("rewrite", "crossover"):
      child = _rewritten(parent, reply, language, finish)
    else:
      child = _patched(parent, reply, finish)
    if [line.rstrip() for line in child] == [line.rstrip() for line in parent]:
      raise _Failure(Outcome.NO_CHANGE, "The edit leaves the program as it was: the new lines equal the old ones.")
    source = "\n".join(child)
    if max_chars is not None and len(source) > max_chars:
      raise _Failure(Outcome.TOO_LONG, f"The new program has {len(source)} characters, the limit is {max_chars}.")
    if language == "python" and (problem := _syntax(source)):
      raise _Failure(Outcome.SYNTAX, problem)
  except _Failure as failure:
    return Edited(failure.outcome, None, failure.message)
  return Edited(None, source)


def _lines(text: str) -> list[str]:
  return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def blocks(reply: list[str], finish: str | None = None) -> list[tuple[list[str], list[str]]]:
  """The (search, replace) line lists of a reply, in order; raises the typed failure of a malformed one."""
  found, search, replace = [], None, None
  for number, line in enumerate(reply, 1):
    if _SEARCH.fullmatch(line):
      if search is not None:
        raise _Failure(Outcome.NO_EDIT, f"Line {number} of the reply begins a block inside a block: end each first.")
      search = []
    elif _REPLACE.fullmatch(line):
      if replace is None:
        missing = DIVIDER if search is not None else SEARCH
        raise _Failure(Outcome.NO_EDIT, f"Line {number} of the reply has {REPLACE} without {missing} before it.")
      found.append((search, replace))
      search = replace = None
    elif search is not None and _DIVIDER.fullmatch(line):
      if replace is not None:
        raise _Failure(Outcome.NO_EDIT, f"Line {number} of the reply is a second {DIVIDER} in one block.")
      replace = []
    elif replace is not None:
      replace.append(line)
    elif search is not None:
      search.append(line)
  if search is not None or (finish == "length" and not found):
    if finish == "stop":
      raise _Failure(Outcome.NO_EDIT, f"The reply ends inside a block: close it with {REPLACE} on a line of its own.")
    raise _Failure(Outcome.TRUNCATED, "The reply was cut off before its edit was complete: be shorter.")
  if not found:
    near = any(word in line for line in reply for word in ("<<<<", ">>>>", "SEARCH", "REPLACE"))
    hint = " Each marker stands alone on its line." if near else ""
    raise _Failure(Outcome.NO_EDIT, f"The reply has no edit: expected {SEARCH}, {DIVIDER}, {REPLACE}.{hint}")
  return found


def _patched(parent: list[str], reply: list[str], finish: str | None) -> list[str]:
  lines = parent
  found = blocks(reply, finish)
  for index, (search, replace) in enumerate(found, 1):
    name = "The SEARCH text" if len(found) == 1 else f"SEARCH text {index} of {len(found)}"
    start = _place(lines, search, name)
    if any(mark in line for line in replace for mark in (BLOCK_START, BLOCK_END)):
      raise _Failure(Outcome.NO_EDIT, f"{name}: its replacement contains an EVOLVE-BLOCK marker; leave these alone.")
    lines = lines[:start] + replace + lines[start + len(search):]
  return lines


def _place(lines: list[str], search: list[str], name: str) -> int:
  """The one index at which `search` stands in `lines`, within an EVOLVE-BLOCK where there is one."""
  wanted = [line.rstrip() for line in search]
  if not any(wanted):
    raise _Failure(Outcome.NO_MATCH, f"{name} is empty: copy the lines of the program that should change.")
  found = _find(lines, wanted)
  if found and (allowed := regions(lines)) is not None:
    found = [i for i in found if any(a <= i and i + len(wanted) <= b for a, b in allowed)]
    if not found:
      raise _Failure(Outcome.NO_MATCH, f"{name} is outside the EVOLVE-BLOCK: change only lines between the markers.")
  if len(found) == 1:
    return found[0]
  if found:
    where = ", ".join(str(i + 1) for i in found[:5])
    raise _Failure(Outcome.NO_MATCH, f"{name} stands in {len(found)} places (lines {where}): add a neighbouring line.")
  raise _Failure(Outcome.NO_MATCH, f"{name} is not in the program: {_difference(lines, wanted)}")


def _find(lines: list[str], wanted: list[str]) -> list[int]:
  """Where the lines `wanted`, without trailing white space, stand in `lines`."""
  have = [line.rstrip() for line in lines]
  first, count = wanted[0], len(wanted)
  return [i for i, line in enumerate(have) if line == first and have[i:i + count] == wanted]


def places(lines: list[str], search: list[str]) -> int:
  """In how many places a SEARCH text would match; 0 for blank ones."""
  wanted = [line.rstrip() for line in search]
  return len(_find(lines, wanted)) if any(wanted) else 0


def _difference(lines: list[str], wanted: list[str]) -> str:
  """What a reader needs to copy the lines right the next time."""
  have = [line.rstrip() for line in lines]
  known = set(have)
  for line in wanted:
    if line not in known:
      near = difflib.get_close_matches(line[:200], [h[:200] for h in have[:1000] if h], n=1, cutoff=0.6)
      return f"no line reads {line[:120]!r}." + (f" The nearest is {near[0][:120]!r}." if near else "")
  return "its lines are all there, but not one after the other."


def regions(lines: list[str]) -> list[tuple[int, int]] | None:
  """Half-open line ranges between EVOLVE-BLOCK markers; None where there are no markers."""
  found, start = [], None
  for i, line in enumerate(lines):
    if BLOCK_START in line:
      start = i + 1 if start is None else start
    elif BLOCK_END in line and start is not None:
      found.append((start, i))
      start = None
  if start is not None:
    found.append((start, len(lines)))
  return found or None


def fenced(reply: list[str]) -> tuple[list[tuple[str, list[str]]], bool]:
  """The complete fenced blocks of a reply as (tag, lines), and whether one is left open at the end."""
  found, mark, tag, body = [], "", "", None
  for line in reply:
    if body is None:
      begin = _FENCE.fullmatch(line)
      if begin:
        mark, tag, body = begin[1], begin[2].lower(), []
    else:
      end = _FENCE_END.fullmatch(line)
      if end and len(end[1]) >= len(mark):
        found.append((tag, body))
        body = None
      else:
        body.append(line)
  return found, body is not None


def _rewritten(parent: list[str], reply: list[str], language: str, finish: str | None) -> list[str]:
  """The last complete fenced program of a reply, within the parent's EVOLVE-BLOCK frame where there is one."""
  found, left_open = fenced(reply)
  if (left_open and finish != "stop") or (finish == "length" and not found):
    raise _Failure(Outcome.TRUNCATED, "The reply was cut off before its program was complete: be shorter.")
  tagged = [body for tag, body in found if tag in _TAGS[language]] or [body for tag, body in found if not tag]
  if not tagged:
    raise _Failure(Outcome.NO_EDIT, f"The reply has no complete program between ```{language} and ```.")
  child = tagged[-1]
  while child and not child[-1].strip():
    child = child[:-1]
  if not child:
    raise _Failure(Outcome.NO_EDIT, "The fenced program of the reply is empty.")
  child = [*child, ""]
  outside = regions(parent)
  if outside is None:
    return child
  inside = regions(child)
  if inside is None or len(inside) != len(outside):
    raise _Failure(Outcome.NO_MATCH, f"The new program has {len(inside or [])} EVOLVE-BLOCKs, the old one "
                                     f"{len(outside)}: keep the marker comments where they are.")
  lines, end = [], 0
  for (a, b), (c, d) in zip(outside, inside, strict=True):
    lines += parent[end:a] + child[c:d]
    end = b
  return lines + parent[end:]


@functools.lru_cache(maxsize=32)  # a scripted child is parsed by its proposer first
def _syntax(source: str) -> str:
  """Why a Python program does not parse; '' for one that does."""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      ast.parse(source)
  except SyntaxError as error:
    text = (error.text or "").strip()[:80]
    where = f" (line {error.lineno}: {text})" if text else f" (line {error.lineno})" if error.lineno else ""
    return f"{type(error).__name__}: {error.msg}{where}."
  except (ValueError, RecursionError, MemoryError) as error:  # null bytes, lone surrogates, too deep
    return f"The program does not parse: {type(error).__name__}: {error}"[:200]
  return ""
