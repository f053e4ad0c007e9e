"""Larger changes, for prompts that leave room for them: several numbers at once, moved and new blocks, parts of others.

Every kind takes the program, a draw and the sources of the other programs that the prompt shows, and gives an Edit or
None. The code that `refine`, `pull` and `bump` write is written after the seed programs of training families
(labs_merit_factor's accept loop, thomson_energy's normalised steps, online_bin_packing's bonus terms) and of no other.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Sequence

from eft_jax.search import keys
from eft_jax.search.proposers import mutations
from eft_jax.search.proposers.mutations import Mutation
from eft_jax.search.proposers.program_text import ProgramText


@dataclasses.dataclass(frozen=True)
class Edit:
  """Changes of places apart from each other, from the top down, and why."""

  parts: tuple[Mutation, ...]
  reason: str


def several(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """Two to four numbers at once."""
  del others
  found: dict[int, Mutation] = {}
  for _ in range(2 + draw.below(3)):
    made = mutations.literal(program, draw)
    if made is not None:
      found.setdefault(made.begin, made)
  parts = tuple(found[line] for line in sorted(found))
  return Edit(parts, " ".join(part.reason for part in parts)) if len(parts) > 1 else None


def _end(program: ProgramText, line: int) -> int:
  """Where the block that begins at a line ends: the line and all that is deeper."""
  depth, end = len(program.indent(line)), line + 1
  while end < len(program.lines) and (not program.lines[end].strip() or len(program.indent(end)) > depth):
    end += 1
  while not program.lines[end - 1].strip():
    end -= 1
  return end


def move(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """A statement with all its block goes past its neighbour (Python)."""
  del others
  if program.language != "python":
    return None
  pairs = []
  for line in range(len(program.lines) - 1):
    if program.is_code(line) and program.indent(line):
      end = _end(program, line)
      if end < len(program.lines) and program.is_code(end) and program.indent(end) == program.indent(line) and (
          not re.match(r"\s*(return|else|elif|except|finally)\b", program.lines[end])):
        pairs.append((line, end))
  if not pairs:
    return None
  begin, middle = draw.pick(pairs)
  end = _end(program, middle)
  lines = (*program.lines[middle:end], *program.lines[begin:middle])
  reason = f"Do `{program.lines[middle].strip()}` before `{program.lines[begin].strip()}`."
  return Edit((Mutation(begin, end, lines, reason),), reason)


def _loops(program: ProgramText) -> list[tuple[int, str, str]]:
  """(line, variable, rounds) of every counted loop of Python."""
  found = []
  for line, text in enumerate(program.lines):
    if head := re.fullmatch(r"\s*for (\w+) in range\((\w+)\):", text):
      found.append((line, head[1], head[2]))
  return found


_COUNTED = re.compile(
    r"\s*for \((?:int|long|long long) (\w+) = 0; \1 < ([\w.]+|[\w.]+ \* [\w.]+); (?:\1\+\+|\+\+\1)\).*")


def _cooled(program: ProgramText, draw: keys.Draw) -> Edit | None:
  """The same in C++, where a division of whole numbers would give 0."""
  inside = []
  for line, text in enumerate(program.lines):
    if head := _COUNTED.fullmatch(text):
      inside.append((line, _end(program, line), head[1], head[2]))
  found = [(site, name, rounds) for site in mutations.sites(program) if not site.token.text.isdigit()
           for begin, end, name, rounds in inside if begin < site.token.line < end]
  if not found:
    return None
  site, name, rounds = draw.pick(found)
  old = site.token.text
  new = draw.pick((f"({old} * (1 - {name} / ({rounds} + 1.0)))", f"({old} / (1 + 0.1 * {name}))"))
  reason = f"Vary {old} with {name} {program.place(site.token.line)}."
  return Edit((Mutation(site.token.line, site.token.line + 1, (program.replace(site.token, new),), reason),), reason)


def cool(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """A real number inside a counted loop shrinks, or varies over decades, as the loop goes on."""
  del others
  if program.language != "python":
    return _cooled(program, draw)
  inside = [(line, _end(program, line), name, rounds) for line, name, rounds in _loops(program) if name != "_"]
  found = [(site, name, rounds) for site in mutations.sites(program) if not site.token.text.isdigit()
           for begin, end, name, rounds in inside if begin < site.token.line < end]
  if not found:
    return None
  site, name, rounds = draw.pick(found)
  old, generator = site.token.text, _generator(program)
  shapes = [f"{old} * (1 - {name} / {rounds})", f"{old} * 0.99 ** {name}", f"{old} / (1 + 0.1 * {name})"]
  if generator:
    shapes += [f"{old} * 10 ** {generator}.uniform(-3, 0)", f"{old} * 10 ** {generator}.uniform(-4, 0.5)"]
  new = draw.pick(shapes)
  line = program.lines[site.token.line]
  text = f"{line[:site.token.start]}({new}){line[site.token.end:]}"
  if re.match(r"\s*[,)]", line[site.token.end:]) and re.search(r"[,(=]\s*$", line[:site.token.start]):
    text = f"{line[:site.token.start]}{new}{line[site.token.end:]}"
  how = "over decades" if "**" in new and "uniform" in new else f"with {name}"
  reason = f"Vary {old} {how} {program.place(site.token.line)}."
  return Edit((Mutation(site.token.line, site.token.line + 1, (text,), reason),), reason)


def _generator(program: ProgramText) -> str:
  """The numpy generator of a program, or ''."""
  name = next((program.target(t.line) for t in program.tokens if t.text == "default_rng"), "")
  return name if re.fullmatch(r"[A-Za-z_]\w*", name) else ""


def _fresh(program: ProgramText, name: str) -> str:
  """A name that the program does not have."""
  while name in program.names:
    name += "_"
  return name


def _accepts(program: ProgramText) -> list[tuple[int, str, str, str, str]]:
  """(line, trial, best, measure of {x}, comparison) of every `if f(trial) < f(best): best = trial`."""
  found = []
  for line in range(len(program.lines) - 1):
    head = re.fullmatch(r"\s*if (.+?) ([<>]=?) (.+):", program.lines[line])
    take = re.fullmatch(r"\s*([A-Za-z_]\w*) = ([A-Za-z_]\w*)(\.copy\(\))?", program.lines[line + 1])
    if head and take and re.sub(rf"\b{take[2]}\b", take[1], head[1]) == head[3]:
      found.append((line, take[2], take[1], re.sub(rf"\b{take[1]}\b", "{x}", head[3]), head[2]))
  return found


_TRIALS = (
    ("Change a few entries", "{t} = {x} + {g}.normal(0, {s}, np.shape({x})) * ({g}.random(np.shape({x})) < 0.2)"),
    ("Take small random steps", "{t} = {x} + {g}.normal(0, {s} * 10 ** {g}.uniform(-3, 0), np.shape({x}))"),
    ("Flip one sign", "{t} = {x} * np.where(np.arange(len({x})) == {g}.integers(len({x})), -1, 1)"),
    ("Flip up to four signs", "{t} = {x} * np.where({g}.permutation(len({x})) < {g}.integers(1, 5), -1, 1)"),
    ("Swap entries", "{t} = {x}[np.roll(np.arange(len({x})), {g}.integers(len({x})))]"))


def refine(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """One more local search before the result is returned, with the program's own measure (Python)."""
  del others
  found, generator = _accepts(program), _generator(program)
  if program.language != "python" or not found or not generator or "np" not in program.names:
    return None
  _, _, best, measure, sign = draw.pick(found)
  ends = [i for i, line in enumerate(program.lines) if line.strip() == f"return {best}"]
  if not ends:
    return None
  line, trial, count = ends[-1], _fresh(program, "trial"), draw.pick((50, 200, 1000))
  what, text = draw.pick(_TRIALS)
  text = text.replace("{t}", trial).replace("{x}", best).replace("{g}", generator).replace(
      "{s}", draw.pick(("0.3", "0.1", "0.03", "0.01")))
  a, b = program.indent(line), program.indent(line) + program.step
  new = (f"{a}for {_fresh(program, 'k')} in range({count}):", f"{b}{text}",
         f"{b}if {measure.replace('{x}', trial)} {sign.rstrip('=')} {measure.replace('{x}', best)}:",
         f"{b}{program.step}{best} = {trial}", program.lines[line])
  reason = f"{what} of {best} and keep what is better, {count} times, before it is returned."
  return Edit((Mutation(line, line + 1, new, reason),), reason)


def accept(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """Equal results are taken as well, or the search goes on from the best so far with another kind of step (Python)."""
  del others
  found, generator = _accepts(program), _generator(program)
  if not found:
    return None
  line, trial, best, _, sign = draw.pick(found)
  if draw.uniform() < 0.3 and not sign.endswith("="):
    text = re.sub(rf" {sign} ", f" {sign}= ", program.lines[line], count=1)
    reason = f"Take a new {best} that is as good as the old one, too."
    return Edit((Mutation(line, line + 1, (text,), reason),), reason)
  if not generator or "np" not in program.names:
    return None
  what, text = draw.pick(_TRIALS)
  indent = program.indent(line)
  new = text.replace("{t}", trial).replace("{x}", best).replace("{g}", generator).replace("{s}", "0.1")
  reason = f"{what} of {best} in every second trial."
  parts = (f"{indent}if {generator}.random() < 0.5:", f"{indent}{program.step}{new}", program.lines[line])
  return Edit((Mutation(line, line + 1, parts, reason),), reason)


def pull(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """The step of a loop that moves its variable by `+=` is limited in length or gets momentum (Python with numpy)."""
  del others
  if program.language != "python" or "np" not in program.names:
    return None
  inside = sorted({line for begin, _, _ in _loops(program) for line in range(begin + 1, _end(program, begin))})
  found = [(line, re.fullmatch(r"\s*([A-Za-z_]\w*) ([-+])= (.+)", program.lines[line])) for line in inside]
  found = [(line, match) for line, match in found if match and line in mutations.whole_lines(program)]
  if not found:
    return None
  line, match = draw.pick(found)
  name, sign, value = match.groups()
  new = draw.pick((f"{name} {sign}= np.clip({value}, -0.1, 0.1)", f"{name} {sign}= np.tanh({value})",
                   f"{name} {sign}= 0.5 * ({value})", f"{name} {sign}= 3.0 * ({value})"))
  reason = f"Change the step of {name} {program.place(line)}: `{new}`."
  return Edit((Mutation(line, line + 1, (program.indent(line) + new,), reason),), reason)


def bump(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """A bonus or a malus where a variable lies in a range, for what is returned (Python)."""
  del others
  if program.language != "python" or not program.lines:
    return None
  last = program.lines[-1]
  result = re.fullmatch(r"\s+return ([A-Za-z_]\w*)", last)
  inside = [name for name in program.variables if result and name != result[1]]
  if not inside or any("for " in line for line in program.lines):
    return None
  name, low, width = draw.pick(inside), draw.pick((0, 2, 5, 10, 20, 35)), draw.pick((2, 5, 10, 20))
  size = draw.pick(("1.0", "3.0", "10.0"))
  new = f"{result[1]} {draw.pick('+-')}= {size} * ({name} > {low}) * ({name} < {low + width})"
  reason = f"Add the term `{new}`."
  line = len(program.lines) - 1
  return Edit((Mutation(line, line + 1, (program.indent(line) + new, last), reason),), reason)


def hunks(program: ProgramText, other: str) -> list[Mutation]:
  """What would turn the program into another, place by place."""
  theirs = ProgramText(other, program.language).lines
  matcher = difflib.SequenceMatcher(None, program.lines, theirs, autojunk=False)
  return [Mutation(a, b, tuple(theirs[c:d]), "") for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"]


def borrow(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """Some of the places in which another program differs are taken over: all of them would only copy it."""
  if not others:
    return None
  found = hunks(program, draw.pick(others[:3]))
  if len(found) < 2:
    return None
  parts = [part for part in found if draw.uniform() < 0.5] or [draw.pick(found)]
  if len(parts) == len(found):
    parts.remove(draw.pick(parts))
  return Edit(tuple(parts), f"Take from the other program: {_told(parts[0])}.")


def cross(program: ProgramText, draw: keys.Draw, others: Sequence[str]) -> Edit | None:
  """The same from the program that was shown for it, and where there is little to combine, with a number changed."""
  if not others:
    return None
  if (made := borrow(program, draw, others[:1])) is not None:
    return made
  found = hunks(program, others[0])
  taken = {line for part in found for line in range(part.begin, max(part.end, part.begin + 1))}
  extra = mutations.literal(program, draw)
  if not found or extra is None or extra.begin in taken:
    return None
  parts = sorted([*found, extra], key=lambda part: part.begin)
  return Edit(tuple(parts), f"Take from the second program: {_told(found[0])}. {extra.reason}")


def _told(part: Mutation) -> str:
  line = next((line.strip() for line in part.lines if line.strip()), "")
  return f"`{line[:80]}`" if line else "what it leaves out"


def repair(program: ProgramText, draw: keys.Draw, before: str, told: str) -> Edit | None:
  """A part of the change that broke a program is undone or made smaller, or another change is made in its place.

  Args:
    before: source of the program before it broke, or ''.
    told: reason of the change.
  """
  if between := _between(program, told):
    return Edit((between,), between.reason)
  found = hunks(program, before) if before else []
  if not found:
    return None
  undone = found if len(found) == 1 else [draw.pick(found)]
  if len(found) > 1:
    return Edit(tuple(undone), f"Undo one part of the change: {_told(undone[0])}.")
  taken = {line for part in undone for line in range(part.begin, max(part.end, part.begin + 1))}
  for _ in range(8):
    extra = mutations.literal(program, draw)
    if extra is not None and extra.begin not in taken:
      parts = sorted([*undone, extra], key=lambda part: part.begin)
      return Edit(tuple(parts), f"Undo the change: {_told(undone[0])}. {extra.reason}")
  return None


def _between(program: ProgramText, told: str) -> Mutation | None:
  """A number that was moved too far comes half the way back."""
  moved = re.search(r"(?:from |\b(?:Raise|Lower) )([\d.e-]+) to ([\d.e-]+?)[. ]*(?:$| )", told)
  if not moved:
    return None
  for site in mutations.sites(program):
    if site.token.text == moved[2] and site.role != "seed":
      new = mutations.halfway(moved[1], moved[2])
      return None if new is None else mutations.change(program, site, new)
  return None
