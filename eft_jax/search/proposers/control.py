"""Changes of what decides whether and how often lines run: conditions of tests, bounds of loops; of Python and C++."""

from __future__ import annotations

import re

from eft_jax.search import keys
from eft_jax.search.proposers.mutations import Mutation
from eft_jax.search.proposers.program_text import ProgramText

_HEAD = {"python": re.compile(r"(\s*(?:if|elif|while) )(.+)(:)$"),
         "cpp": re.compile(r"(.*\b(?:if|while) \()(.+)(\).*)$")}
_JOINTS = {"python": re.compile(r" (and|or) "), "cpp": re.compile(r" (&&|\|\|) ")}


def _balanced(text: str) -> bool:
  depth = 0
  for letter in text:
    depth += (letter in "([{") - (letter in ")]}")
    if depth < 0:
      return False
  return depth == 0


def conjunct(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """A test of several conditions loses one of them, or takes either where it took both."""
  found, joint = [], _JOINTS[program.language]
  for line in sorted({token.line for token in program.tokens if token.text in ("if", "elif", "while")}):
    head = _HEAD[program.language].match(program.lines[line]) if program.is_code(line) else None
    if head and _balanced(head[2]):
      ends = [match for match in joint.finditer(head[2]) if _balanced(head[2][:match.start()])]
      found += [(line, head, match) for match in ends if _balanced(head[2][match.end():])]
  if not found:
    return None
  line, head, match = draw.pick(found)
  left, right, word = head[2][:match.start()], head[2][match.end():], match[1]
  # Only the neighbours of the joint: `a and b and c` keeps its third part whichever goes.
  near = left[[0, *[m.end() for m in joint.finditer(left) if _balanced(left[:m.start()])]][-1]:]
  other = {"and": "or", "or": "and", "&&": "||", "||": "&&"}[word]
  choice = draw.below(3)
  if choice == 0:
    new, reason = left[:len(left) - len(near)] + right, f"Drop the condition `{near.strip()}`."
  elif choice == 1:
    far = right[:next((m.start() for m in joint.finditer(right) if _balanced(right[:m.start()])), len(right))]
    new, reason = left + right[len(far):], f"Drop the condition `{far.strip()}`."
  else:
    new, reason = f"{left} {other} {right}", f"Join the conditions by `{other}` instead of `{word}`."
  return Mutation(line, line + 1, (head[1] + new + head[3],), reason)


_REPEATS = {"python": re.compile(r"(\s*for (\w+) in range\()([^,]+)(\):.*)"),
            "cpp": re.compile(r"(\s*for \((?:int |long |size_t |auto )*(\w+) = [^;]+; \2 <=? )([^;]+)(; .+)")}


def _speaks(program: ProgramText, line: int) -> bool:
  """Whether a loop reads or writes: how often it runs is agreed with who is at the other end."""
  end = line + 1
  while end < len(program.lines) and len(program.indent(end)) > len(program.indent(line)):
    end += 1
  return any(re.search(r"\b(scanf|printf|puts|getchar|putchar|cin|cout|print|input)\b", text)
             for text in program.lines[line:end])


def repeat(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """A loop that only counts, to a bound that is no number, runs more often or less."""
  found = []
  for line, text in enumerate(program.lines):
    head = _REPEATS[program.language].fullmatch(text) if program.is_code(line) else None
    if head and not head[3].replace("_", "").isdigit() and _balanced(head[3]) and not _speaks(program, line) and (
        not re.search(rf"\[[^\]]*\b{head[2]}\b", program.source) or draw.uniform() < 0.1):
      found.append((line, head))
  if not found:
    return None
  line, head = draw.pick(found)
  factor, bound = draw.pick(("2", "4", "10", "3")), head[3]
  plain = re.fullmatch(r"[\w.]+(\([\w., ]*\))?", bound)
  new = f"{factor} * {bound if plain else f'({bound})'}"
  if draw.uniform() < 0.2:
    divide = "//" if program.language == "python" else "/"
    new, factor = f"{bound if plain else f'({bound})'} {divide} 2", "half"
  how = "half as often" if factor == "half" else f"{factor} times as often"
  return Mutation(line, line + 1, (head[1] + new + head[4],), f"Repeat the loop over {head[2]} {how}.")
