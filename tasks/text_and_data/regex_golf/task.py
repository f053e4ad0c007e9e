"""Regex golf on a small language of patterns: short patterns that tell two lists of words apart. Solver shape.

Patterns are matched by a machine of our own that follows all states at once: its time is bounded by the length of the
pattern times that of the word, whatever the pattern.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core

LETTERS = "abcd"
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16
SHOWN = {"search": 12, "full": 40}  # words of each list
JUDGED = 20  # words of each kind that are not shown
LONGEST = 60

STATEMENT = """Find short patterns that tell two lists of words over the letters a to d apart, and words like them \
that are not shown. The lists come from a hidden simple rule: accepted words contain something, rejected words do \
not.

Write `patterns(accepted, rejected)`. Both are lists of {instances} lists of words, one per puzzle. Return a list of \
{instances} patterns. A word is accepted where the pattern matches anywhere in it. Patterns know: letters, . (any \
letter), [ab] (one of), [^ab] (any other), * + ? after an item, ( ) for groups, | for alternatives, ^ and $ for the \
two ends. At most {longest} characters.

Invalid: another number of patterns, an entry that is not text, other characters, a longer or malformed pattern.

Score: the mean over hidden puzzles of (2 right / words - 1) - characters / 200, over {judged} accepted and {judged} \
rejected words that are not shown; higher is better.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return one short pattern per puzzle that matches its accepted and not its rejected words. Maximise right "
         "hidden words less the length.")


# --- patterns ---------------------------------------------------------------------------------------------------------

class Machine:
  """A pattern as a set of states: `edges[s]` are (letters, next), `free[s]` are (condition, next) without a letter.

  Conditions are '' (always), '^' (at the begin) and '$' (at the end).
  """

  def __init__(self, pattern: str):
    self.text, self.at = pattern, 0
    self.edges: list[list[tuple[str, int]]] = []
    self.free: list[list[tuple[str, int]]] = []
    self.start, self.end = self._either()
    if self.at < len(pattern):
      raise self._error("unmatched )")
    self._memo: dict = {}

  def _error(self, what: str) -> core.Invalid:
    return core.Invalid(f"pattern {self.text!r}: {what} at character {self.at + 1}")

  def _state(self) -> int:
    self.edges.append([])
    self.free.append([])
    return len(self.edges) - 1

  def _peek(self) -> str:
    return self.text[self.at] if self.at < len(self.text) else ""

  def _either(self) -> tuple[int, int]:
    begin, end = self._state(), self._state()
    while True:
      first, last = self._row()
      self.free[begin].append(("", first))
      self.free[last].append(("", end))
      if self._peek() != "|":
        return begin, end
      self.at += 1

  def _row(self) -> tuple[int, int]:
    begin = last = self._state()
    while self._peek() not in ("", "|", ")"):
      first, after = self._item()
      self.free[last].append(("", first))
      last = after
    return begin, last

  def _item(self) -> tuple[int, int]:
    begin, end = self._atom()
    while self._peek() in ("*", "+", "?"):
      sign = self._peek()
      first, last = self._state(), self._state()
      self.free[first].append(("", begin))
      self.free[end].append(("", last))
      if sign in "*+":
        self.free[end].append(("", begin))
      if sign in "*?":
        self.free[first].append(("", last))
      begin, end = first, last
      self.at += 1
    return begin, end

  def _atom(self) -> tuple[int, int]:
    sign = self._peek()
    if sign == "(":
      self.at += 1
      inner = self._either()
      if self._peek() != ")":
        raise self._error("missing )")
      self.at += 1
      return inner
    begin, end = self._state(), self._state()
    if sign in "^$":
      self.free[begin].append((sign, end))
    elif sign == "[":
      self.edges[begin].append((self._set(), end))
    elif sign == ".":
      self.edges[begin].append((LETTERS, end))
    elif sign in LETTERS:
      self.edges[begin].append((sign, end))
    else:
      raise self._error(f"unexpected {sign!r}")
    self.at += 1
    return begin, end

  def _set(self) -> str:
    """The letters of [...]; stops at its ]."""
    close = self.text.find("]", self.at)
    inner = self.text[self.at + 1:close] if close > 0 else ""
    other = inner.startswith("^")
    found = inner[other:]
    if not found or set(found) - set(LETTERS):
      raise self._error(f"expected [ with letters {LETTERS} and ]")
    self.at = close
    return "".join(letter for letter in LETTERS if (letter in found) != other)

  def _closure(self, states: frozenset[int], begin: bool, end: bool) -> frozenset[int]:
    seen, todo = set(states), list(states)
    while todo:
      for condition, state in self.free[todo.pop()]:
        if state not in seen and (not condition or (begin if condition == "^" else end)):
          seen.add(state)
          todo.append(state)
    return frozenset(seen)

  def _step(self, states: frozenset[int], letter: str, begin: bool) -> tuple[frozenset[int], bool]:
    """States after one more letter, and whether a match was complete before it. A match may begin anywhere."""
    key = (states, letter, begin)
    if key not in self._memo:
      here = self._closure(states | {self.start}, begin, letter == "")
      after = frozenset(n for s in here for letters, n in self.edges[s] if letter and letter in letters)
      self._memo[key] = after, self.end in here
    return self._memo[key]

  def matches(self, word: str) -> bool:
    states: frozenset[int] = frozenset()
    for place, letter in enumerate([*word, ""]):
      states, done = self._step(states, letter, place == 0)
      if done:
        return True
    return False


# --- puzzles ----------------------------------------------------------------------------------------------------------

def planted(rng: np.random.Generator) -> str:
  """A hidden rule."""
  def item(signs: str) -> str:
    kind = rng.integers(4)
    letter = str(rng.choice(list(LETTERS)))
    text = [letter, letter, "[" + "".join(sorted(rng.choice(list(LETTERS), 2, replace=False))) + "]", "."][kind]
    return text + str(rng.choice(list(signs) + [""] * 4))
  middle = "".join(item("*+?") for _ in range(int(rng.integers(2, 4))))
  form = int(rng.integers(5))
  letters = "".join(rng.choice(list(LETTERS), 2))
  return [middle, f"^{middle}", f"{middle}$", f"({letters}|{middle})", f"{letters}{middle}"][form]


@functools.lru_cache(maxsize=64)
def puzzle(seed: int, shown: int) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
  """The rule, shown accepted and rejected words, and judged accepted and rejected words; all words are different."""
  rng = np.random.default_rng(seed)
  need = shown + JUDGED
  while True:
    rule = planted(rng)
    machine, sides = Machine(rule), ({}, {})
    for tried in range(60 * need):
      word = "".join(rng.choice(list(LETTERS), int(rng.integers(3, 9))))
      side = sides[machine.matches(word)]
      if len(side) < need:
        side[word] = None
      if min(map(len, sides)) == need:
        no, yes = (tuple(side) for side in sides)
        return rule, yes[:shown], no[:shown], yes[shown:], no[shown:]
      if tried == 200 and min(map(len, sides)) < 20:  # too rare or too common
        break


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("puzzles", HIDDEN))
  puzzles = [puzzle(seed, SHOWN[session.fidelity]) for seed in seeds]
  result = session.call("patterns", [list(p[1]) for p in puzzles], [list(p[2]) for p in puzzles])
  if type(result) is not list or len(result) != len(seeds):
    size = f"{len(result)} entries" if type(result) is list else f"a {type(result).__name__}"
    raise core.Invalid(f"patterns returned {size}, expected a list of {len(seeds)} patterns")
  values = []
  for number, (pattern, (_, _, _, yes, no)) in enumerate(zip(result, puzzles, strict=True)):
    if type(pattern) is not str:
      raise core.Invalid(f"pattern {number} is a {type(pattern).__name__}, expected text")
    if len(pattern) > LONGEST:
      raise core.Invalid(f"pattern {number} has {len(pattern)} characters, expected at most {LONGEST}")
    machine = Machine(pattern)
    right = sum(map(machine.matches, yes)) + sum(not machine.matches(word) for word in no)
    values.append(2 * right / (len(yes) + len(no)) - 1 - len(pattern) / 200)
  public, hidden = float(np.mean(values[:len(PUBLIC_SEEDS)])), float(np.mean(values[len(PUBLIC_SEEDS):]))
  examples = "; ".join(f"{pattern} {value:.2f}" for pattern, value in zip(result[:5], values, strict=False))
  return core.Score(hidden, {"public": public, "gap": hidden - public}, {"first public patterns": examples},
                    instances=tuple(values[:len(PUBLIC_SEEDS)]))


TASKS = [
    core.Task(
        name="regex_golf_own", family="regex_golf", domain="text_and_data",
        statement=STATEMENT.format(instances=len(PUBLIC_SEEDS) + HIDDEN, longest=LONGEST, judged=JUDGED), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="patterns", direction="max",
        baseline=0.46, spread=0.2, best_known=0.964, source="the planted rules, mean over draws",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
