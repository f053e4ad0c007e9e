"""Small changes of a program that may help, each with the one line that says what it does.

Every kind takes the program and a draw, and gives one Mutation or None. A mutation says which literal, operator,
function or line it touches, and its reason names them, so that reason and edit can be learnt together.
"""

from __future__ import annotations

import dataclasses
import math
import re

from eft_jax.search import keys
from eft_jax.search.proposers.program_text import KEYWORDS, ProgramText, Token


@dataclasses.dataclass(frozen=True)
class Mutation:
  """Lines [begin, end) of the program become `lines`; `reason` is one sentence or two."""

  begin: int
  end: int
  lines: tuple[str, ...]
  reason: str


# --- literals ---------------------------------------------------------------------------------------------------------

_FACTORS = (0.5, 2.0, 0.8, 1.25, 0.9, 1.1, 0.2, 5.0, 0.1, 10.0, 3.0, 1.5, 0.97, 1.03)
_SEED_CALLS = frozenset({"seed", "default_rng", "RandomState", "Random", "PRNGKey", "mt19937", "srand"})
_FIXED_NAMES = frozenset({"axis", "ndim", "dtype", "keepdims", "size", "shape"})  # keywords that are no quantities


@dataclasses.dataclass(frozen=True)
class Site:
  """A literal and what it stands for."""

  token: Token
  weight: float
  role: str        # 'seed', 'rounds', 'name' or 'place'
  label: str = ""  # of role 'name'


def sites(program: ProgramText) -> list[Site]:
  """All literals that may change. Loop counts, seeds and real numbers count for more than sizes and indices."""
  found, tokens = [], program.tokens
  opened: list[tuple[str, str]] = []  # of each open bracket: its kind, and the name before it
  for i, token in enumerate(tokens):
    text = token.text
    before = tokens[i - 1] if i else None
    if text in ("(", "[", "{"):
      opened.append((text, before.text if before is not None and before.kind == "name" else ""))
    elif text in (")", "]", "}") and opened:
      opened.pop()
    elif token.kind == "number" and program.is_code(token.line):
      found.append(_site(program, i, opened[-1] if opened else ("", "")))
  return [site for site in found if site.weight > 0]


def _site(program: ProgramText, i: int, bracket: tuple[str, str]) -> Site:
  tokens = program.tokens
  token, before = tokens[i], tokens[i - 1] if i else None
  after = tokens[i + 1] if i + 1 < len(tokens) else None
  real = not token.text.isdigit()
  alone = after is None or after.line != token.line or after.text in (",", ")", ";")
  if bracket[1] in _SEED_CALLS:
    return Site(token, 1.5, "seed")
  line = program.lines[token.line].lstrip()
  if (bracket[1] == "range" and after is not None and after.text == ")") or (
      program.language == "cpp" and line.startswith("for") and before is not None and before.text in ("<", "<=")):
    return Site(token, 3.0, "rounds")
  if program.language == "cpp" and re.fullmatch(r"return \d+;", line):
    return Site(token, 0.0, "place")  # the exit code
  if before is not None and before.text == "=" and alone and i > 1 and tokens[i - 2].kind == "name":
    name = tokens[i - 2].text
    if name in _FIXED_NAMES:
      return Site(token, 0.0, "name", name)
    head = program.language == "cpp" and line.startswith("for")  # where a loop begins is seldom free
    return Site(token, 0.3 if head else 3.0, "name", name)
  if bracket[0] == "[" and not real:
    return Site(token, 0.3, "place")
  return Site(token, 3.0 if real else 1.0, "place")


def literal(program: ProgramText, draw: keys.Draw, only: int | None = None) -> Mutation | None:
  """Another number: scaled, one more or less, or with another sign; another random seed; more or fewer rounds.

  Here and below, `only` restricts a kind to one line.
  """
  found = [site for site in sites(program) if only in (None, site.token.line)]
  if not found:
    return None
  site = found[draw.weighted([site.weight for site in found])]
  old = site.token.text
  new = _other_seed(old, draw) if site.role == "seed" else _other_number(old, draw, site.role == "rounds")
  return None if new is None or new == old else change(program, site, new)


def change(program: ProgramText, site: Site, new: str) -> Mutation:
  """Puts another number in a literal's place."""
  old = site.token.text
  verb = "Raise" if _value(new) > _value(old) else "Lower"
  if site.role == "seed":
    reason = f"Use the random seed {new} instead of {old}."
  elif site.role == "rounds":
    reason = f"Run the loop {new} times instead of {old}."
  elif site.role == "name":
    reason = f"{verb} {site.label} from {old} to {new}."
  else:
    reason = f"{verb} {old} to {new} {program.place(site.token.line)}."
  return Mutation(site.token.line, site.token.line + 1, (program.replace(site.token, new),), reason)


def _value(text: str) -> float:
  return float(text.replace("_", ""))


def _other_seed(old: str, draw: keys.Draw) -> str | None:
  return str(draw.below(100)) if old.isdigit() else None


def _other_number(old: str, draw: keys.Draw, rounds: bool) -> str | None:
  """A nearby number in the old one's style: integers stay integers, real numbers keep three digits."""
  value = _value(old)
  if not math.isfinite(value) or value > 1e15:
    return None
  if old.replace("_", "").isdigit():
    if rounds:
      new = int(value * draw.pick((2, 3, 5, 10, 1.5, 0.5)))
    elif value < 10 and draw.uniform() < 0.7:
      new = int(value) + draw.pick((1, 1, -1, 2, -2))
    else:
      new = round(value * draw.pick(_FACTORS))
    return str(new) if new >= 0 and not (rounds and new < 1) else None
  if value == 0:
    return draw.pick(("0.01", "0.1", "0.5", "1.0"))
  if draw.uniform() < 0.15:
    new = value + draw.pick((1.0, -1.0, 0.5, -0.5, 0.1, -0.1))
  else:
    new = value * draw.pick(_FACTORS)
  return real(new) if new > 0 else None


def mirrored(old: str, tried: str) -> str | None:
  """The number on the other side of `old` from `tried`, by the same factor; None where there is none."""
  try:
    value = _value(old) ** 2 / _value(tried)
  except (ValueError, ZeroDivisionError, OverflowError):
    return None
  if not 0 < value < 1e15:
    return None
  new = str(round(value)) if old.isdigit() else real(value)
  return None if new in (old, tried) else new


def halfway(old: str, tried: str) -> str | None:
  """The number between two, by geometric mean; None where there is none."""
  try:
    value = math.sqrt(_value(old) * _value(tried))
  except (ValueError, OverflowError):
    return None
  if not 0 < value < 1e15:
    return None
  new = str(round(value)) if tried.isdigit() else real(value)
  return None if new in (old, tried) else new


def real(value: float) -> str:
  """Three significant digits, recognisably a real number."""
  text = f"{value:.3g}"
  if "e" in text:
    mantissa, exponent = text.split("e")
    return f"{mantissa}e{int(exponent)}"
  return text if "." in text else text + ".0"


def sign(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """A literal or the whole right side with the other sign."""
  found = [site for site in sites(program) if site.role in ("name", "place") and not site.token.text.isdigit()]
  if not found:
    return None
  token = draw.pick(found).token
  line = program.lines[token.line]
  if line[:token.start].endswith("-"):
    return None
  new = line[:token.start] + "-" + line[token.start:]
  if re.search(r"[-+]\s*$", line[:token.start]):
    new = f"{line[:token.start]}(-{token.text}){line[token.end:]}"
  reason = f"Turn {token.text} into -{token.text} {program.place(token.line)}."
  return Mutation(token.line, token.line + 1, (new,), reason)


# --- operators and functions ------------------------------------------------------------------------------------------

_BINARY = {"+": "-", "-": "+", "*": "/", "/": "*", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "//": "/"}
_COMPARE = {"<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "==": ("<=", ">="),
            "!=": ("<", ">")}
_FUNCTIONS = (
    ("sin", "cos", "tanh"), ("min", "max"), ("minimum", "maximum"), ("mean", "median", "sum", "max", "min"),
    ("floor", "ceil", "round"), ("argmin", "argmax"), ("zeros", "ones"), ("abs", "sqrt", "square"),
    ("log", "log1p", "sqrt"), ("exp", "tanh", "log1p"),
    ("linspace", "geomspace"), ("cumsum", "cumprod"), ("uniform", "normal"), ("fmin", "fmax"),
    ("sorted", "reversed"), ("argsort", "argmin"), ("any", "all"), ("arctan", "tanh"))


def operator(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """Another binary operator."""
  tokens, found = program.tokens, []
  for i in range(1, len(tokens) - 1):
    before = tokens[i - 1]
    operand = before.kind in ("name", "number", "string") and before.text not in KEYWORDS or before.text in (")", "]")
    if tokens[i].text in _BINARY and operand and before.line == tokens[i].line and program.is_code(tokens[i].line):
      found.append(tokens[i])
  if not found:
    return None
  token = draw.pick(found)
  return _swap(program, token, _BINARY[token.text])


def comparison(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """Another comparison."""
  found = [t for t in program.tokens if t.text in _COMPARE and program.is_code(t.line)]
  if not found:
    return None
  token = draw.pick(found)
  return _swap(program, token, draw.pick(_COMPARE[token.text]))


def function(program: ProgramText, draw: keys.Draw, only: int | None = None) -> Mutation | None:
  """Another function of the same kind of arguments."""
  tokens, found = program.tokens, []
  for i in range(len(tokens) - 1):
    if tokens[i].kind == "name" and tokens[i + 1].text == "(" and program.is_code(tokens[i].line) and (
        only in (None, tokens[i].line)):
      found += [(tokens[i], other) for group in _FUNCTIONS if tokens[i].text in group
                for other in group if other != tokens[i].text]
  return _swap(program, *draw.pick(found)) if found else None


def _uses(program: ProgramText, only: int | None) -> list[Token]:
  """Where the value of a variable is read: not called, not taken apart, not assigned, no argument's name."""
  tokens, found = program.tokens, []
  for before, token, after in zip(tokens, tokens[1:], [*tokens[2:], None], strict=False):
    follows = after.text if after is not None and after.line == token.line else ""
    read = before.text != "." and not _declares(program, before, token) and (
        follows not in ("(", ".", "[", ",") and not follows.endswith("="))
    if token.kind == "name" and token.text in program.variables and read and program.is_code(token.line) and (
        only in (None, token.line)):
      found.append(token)
  return found


_TYPES = re.compile(r"\s*(?:const |unsigned )*(?:int|long|double|float|char|bool|auto|size_t)\b[^=]*;")


def _declares(program: ProgramText, before: Token, token: Token) -> bool:
  """Whether C++ declares the name here, or takes its address."""
  if program.language != "cpp":
    return False
  typed = before.kind == "name" and before.text != "return"
  near = before.text in ("&", ">", "*") and before.end == token.start
  return typed or near or _TYPES.fullmatch(program.lines[token.line]) is not None


def variable(program: ProgramText, draw: keys.Draw, only: int | None = None) -> Mutation | None:
  """Another variable of the program in one place."""
  uses = _uses(program, only)
  if not uses:
    return None
  token = draw.pick(uses)
  others = [name for name in program.variables if name != token.text]
  return _swap(program, token, draw.pick(others)) if others else None


_WRAPS = ("np.sin({x})", "np.cos({x})", "np.tanh({x})", "np.abs({x})", "np.sqrt(np.abs({x}))", "np.log1p(np.abs({x}))",
          "np.exp(-{x})", "{x} ** 2", "{x} ** 3", "abs({x})")


_PLAIN_WRAPS = ("({x} + 1)", "({x} - 1)", "(2 * {x})", "({x} / 2)", "({x} * {x})", "(-{x})")  # C++


def wrap(program: ProgramText, draw: keys.Draw, only: int | None = None) -> Mutation | None:
  """A function of a variable in its place."""
  uses = _uses(program, only)
  if not uses:
    return None
  token = draw.pick(uses)
  bank = [text for text in _WRAPS if "np" in program.names or "np." not in text]
  bank = _PLAIN_WRAPS if program.language == "cpp" else bank
  new, line = draw.pick(bank).replace("{x}", token.text), program.lines[token.line]
  powers = line[:token.start].rstrip().endswith("**") or line[token.end:].lstrip().startswith("**")
  return _swap(program, token, f"({new})" if powers else new)


def vary(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """One more term: a line that adds to a name once more, changed in one place and with an index of its own."""
  lines = [i for i in whole_lines(program) if re.match(r"\s*[A-Za-z_]\w*\s*[-+]=", program.lines[i])]
  if not lines:
    return None
  line = draw.pick(lines)
  old = program.lines[line]
  copied = ProgramText("\n".join([*program.lines[:line], old, *program.lines[line:]]) + "\n", program.language)
  kind = (literal, function, variable, wrap)[draw.below(4)]
  changed = kind(copied, draw, line + 1)
  if changed is None:
    return None
  new = re.sub(r"\b([A-Za-z_]\w*)\[(\d+)\]", lambda match: f"{match[1]}[{_next_index(program, match[1])}]",
               changed.lines[0], count=1)
  return Mutation(line, line + 1, (old, new), f"Add the term `{new.strip()}`.")


def _next_index(program: ProgramText, name: str) -> int:
  return 1 + max(int(index) for index in re.findall(rf"\b{re.escape(name)}\[(\d+)\]", program.source))


def _swap(program: ProgramText, token: Token, new: str) -> Mutation:
  reason = f"Use {new} instead of {token.text} {program.place(token.line)}."
  return Mutation(token.line, token.line + 1, (program.replace(token, new),), reason)


# --- whole lines ------------------------------------------------------------------------------------------------------

def whole_lines(program: ProgramText) -> list[int]:
  """Lines that are one whole statement: they share no bracket with another line and open no block."""
  depth, ends = 0, {}
  braces = program.language == "python"  # in C++ they are blocks
  for token in program.tokens:
    if token.text in ("(", "[") or (braces and token.text == "{"):
      depth += 1
    elif token.text in (")", "]") or (braces and token.text == "}"):
      depth -= 1
    ends[token.line] = depth
  shared, before = set(), 0
  for line, depth in ends.items():
    if depth or before:
      shared.add(line)
    before = depth
  return [i for i, line in enumerate(program.lines) if program.is_code(i) and i not in shared
          and not line.rstrip().endswith((":", "{", "}", "\\", ","))
          and not line.lstrip().startswith(("return", "}", "break", "continue", "else", "pass"))]


def delete(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """One statement less."""
  lines = whole_lines(program)
  if not lines:
    return None
  line = draw.pick(lines)
  return Mutation(line, line + 1, (), f"Remove the line `{program.lines[line].strip()}`.")


def double(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """One statement twice: only where it builds on itself is that a change."""
  lines = [i for i in whole_lines(program) if _builds_on_itself(program, i)]
  if not lines:
    return None
  line = draw.pick(lines)
  text = program.lines[line]
  return Mutation(line, line + 1, (text, text), f"Do `{text.strip()}` twice.")


def _builds_on_itself(program: ProgramText, line: int) -> bool:
  """Whether the statement assigns to a name from that name's own value."""
  target = program.target(line)
  if not target:
    return False
  root = re.split(r"[.\[]", target)[0]
  text = program.lines[line].strip()[len(target):].lstrip()
  return not text.startswith("=") or re.search(rf"\b{re.escape(root)}\b", text) is not None


def reorder(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """Two neighbouring statements the other way round."""
  lines = set(whole_lines(program))
  pairs = [i for i in lines if i + 1 in lines and program.indent(i) == program.indent(i + 1)]
  if not pairs:
    return None
  first = draw.pick(sorted(pairs))
  above, below = program.lines[first:first + 2]
  return Mutation(first, first + 2, (below, above), f"Do `{below.strip()}` before `{above.strip()}`.")


# --- lines that are often useful --------------------------------------------------------------------------------------

_INSERTS = (
    ("{x} = np.clip({x}, 0, 1)", "Keep {x} between 0 and 1."),
    ("{x} = np.clip({x}, -1, 1)", "Keep {x} between -1 and 1."),
    ("{x} = np.abs({x})", "Make {x} positive."),
    ("{x} = np.maximum({x}, 0)", "Set what is below 0 in {x} to 0."),
    ("{x} = {x} / np.linalg.norm({x})", "Scale {x} to length 1."),
    ("{x} = {x} / np.sum({x})", "Scale {x} so that it sums to 1."),
    ("{x} = {x} / np.max(np.abs({x}))", "Scale {x} so that its largest entry is 1."),
    ("{x} = {x} - np.mean({x})", "Centre {x}."),
    ("{x} = {x} - np.mean({x}, axis=0)", "Centre each column of {x}."),
    ("{x} = np.sort({x})", "Sort {x}."),
    ("{x} = np.round({x}, 6)", "Round {x} to six digits."))
_DRIFTS = (("{x} *= 0.99", "Let {x} shrink by 1 % each time."), ("{x} *= 0.9", "Let {x} shrink by 10 % each time."),
           ("{x} *= 1.01", "Let {x} grow by 1 % each time."), ("{x} *= 1.1", "Let {x} grow by 10 % each time."))


def insert(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """A line after an assignment that bounds, scales, centres or lets drift what was assigned (Python with numpy)."""
  if program.language != "python":
    return None
  places = [i for i in whole_lines(program) if program.indent(i) and re.fullmatch(r"[A-Za-z_]\w*", program.target(i))]
  if not places:
    return None
  line = draw.pick(places)
  bank = _DRIFTS if "np" not in program.names or draw.uniform() < 0.3 else _INSERTS
  template, reason = draw.pick(bank)
  name = program.target(line)
  new = program.indent(line) + template.replace("{x}", name)
  return Mutation(line, line + 1, (program.lines[line], new), reason.replace("{x}", name))


def start_from(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """Goes on from an argument that may be None and is not used yet (Python): what an earlier result becomes."""
  if program.language != "python":
    return None
  unused = [a.text for a, b, c in zip(program.tokens, program.tokens[1:], program.tokens[2:], strict=False)
            if a.kind == "name" and b.text == "=" and c.text == "None"
            and sum(t.text == a.text for t in program.tokens) == 1]
  returned = {line.strip()[7:] for line in program.lines if line.lstrip().startswith("return ")}
  places = [i for i in whole_lines(program) if program.target(i) in returned and not _builds_on_itself(program, i)]
  if not unused or not places:
    return None
  line, argument = draw.pick(places), unused[0]
  indent, name = program.indent(line), program.target(line)
  value = f"np.array({argument})" if "np" in program.names else f"list({argument})"
  new = (program.lines[line], f"{indent}if {argument} is not None:", f"{indent}{program.step}{name} = {value}")
  return Mutation(line, line + 1, new, f"Start {name} from {argument} where there is one.")


def shake(program: ProgramText, draw: keys.Draw) -> Mutation | None:
  """A small random change of what a line has set (Python with a numpy generator)."""
  if program.language != "python" or "np" not in program.names:
    return None
  generators = [program.target(t.line) for t in program.tokens if t.text == "default_rng"]
  first = next((t.line for t in program.tokens if t.text == "default_rng"), 0)
  places = [i for i in whole_lines(program) if i > first and re.fullmatch(r"[A-Za-z_]\w*", program.target(i))]
  if not generators or not re.fullmatch(r"[A-Za-z_]\w*", generators[0]) or not places:
    return None
  line, size = draw.pick(places), draw.pick(("0.001", "0.01", "0.1"))
  name, indent = program.target(line), program.indent(line)
  new = f"{indent}{name} = {name} + {size} * {generators[0]}.normal(size=np.shape({name}))"
  return Mutation(line, line + 1, (program.lines[line], new), f"Shake {name} by random steps of {size}.")
