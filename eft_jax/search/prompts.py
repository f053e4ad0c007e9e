"""What a proposer is shown: the `full` profile in OpenEvolve's five parts, or the `compact` one within few tokens.

Full: system = the task's statement; user = the current program's numbers and what to look at, the last output, what was
tried before from this very program (deltas are against it), top and other programs, the program, the instruction.
Compact: one system line; brief, score, the last try, the program, a reminder of the reply's form.

What does not fit the budget goes in a fixed order, the least useful first; a prompt that cannot fit raises TooLong.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Literal

from eft_jax.core import Attempt, Prompt, Task, gain
from eft_jax.core.settings import ConfigError
from eft_jax.search import replies
from eft_jax.search.archives import Choice

Counter = Callable[[Prompt], int]
Profile = Literal["full", "compact"]
BUDGETS = {"full": 16384, "compact": 512}
CPP_ESTIMATE = 1.5  # the estimate takes C++, full of brackets and operators, for about so many times the tokens it has
CURRENT = "## Current program"  # the heading of the program to improve; the last one of a prompt counts
SECOND = "## Second program"    # the same for the one to combine it with
BEFORE = "## The program before the change"
STANDS = "## Where the current program stands"
ARTIFACT_CHARS = 2000
MESSAGE_CHARS = 300

_FORM = f"{replies.SEARCH}\nlines of the program\n{replies.DIVIDER}\nnew lines\n{replies.REPLACE}"
_COMPACT_SYSTEM = "You improve a program by one small edit."
_COMPACT_ASK = {
    "diff": f"Think in one line, then answer with one edit:\n{_FORM}",
    "rewrite": "Think in one line, then answer with the whole new program between ```{language} and ```.",
    "fix": f"Think in one line, then answer with one edit that repairs it:\n{_FORM}"}
_EDITS_FORM = (
    "each in exactly this form:\n\n" + _FORM + "\n\nEvery SEARCH part must copy whole lines of the current program "
    "exactly, indentation included, and stand in it only once.")
_FULL_ASK = {
    "diff": (
        "Change the current program so that its score rises. First think about what limits the score now. Then answer "
        "with one or more edits, " + _EDITS_FORM + " Keep the edits small: do not send the whole program."),
    "rewrite": (
        "Write a better version of the current program. First think about what limits the score now. Then answer with "
        "the whole new program in one block that begins with ```{language} and ends with ```. Keep the function "
        "`{entry}` with its arguments and the kind of result it returns."),
    "crossover": (
        "Combine the current program and the second program into one that is better than both. First think about what "
        "each does better than the other. Then answer with the whole new program in one block that begins with "
        "```{language} and ends with ```, or with one or more edits of the current program, " + _EDITS_FORM + " Keep "
        "the function `{entry}` with its arguments and the kind of result it returns."),
    "fix": (
        "The current program fails. First think about why, then repair it without giving up what the change was meant "
        "to do. Answer with one or more edits, " + _EDITS_FORM + " Keep the edits small: do not send the whole "
        "program.")}


SHARES = ("rewrite_share", "crossover_share", "fix_share")


class TooLong(ValueError):
  """The prompt does not fit its budget even without all that may be left out."""


@dataclasses.dataclass(frozen=True)
class PromptSettings:
  """Prompts of a run.

  Attributes:
    profile: 'full' or 'compact'.
    budget: tokens that a prompt may have; 0 is the profile's default (BUDGETS).
    tokenizer: a model name, GGUF file or folder whose tokenizer counts them; '' is that of the proposer where it has
      one ('llm' over token ids), else a cautious estimate.
    rewrite_share, crossover_share, fix_share: shares of the steps that ask for a whole program, for a combination with
      a second program, and for a repair of the parent's last child that failed; the rest, and steps for which the
      archive has no second or no failed program, ask for SEARCH/REPLACE edits.
  """

  profile: Profile = "compact"
  budget: int = 0
  tokenizer: str = ""
  rewrite_share: float = 0.0
  crossover_share: float = 0.0
  fix_share: float = 0.0

  def __post_init__(self):
    if self.budget < 0:
      raise ConfigError(f"prompt.budget is {self.budget}, expected a number of tokens, or 0 for the profile's default.")
    for name in SHARES:
      if not 0 <= getattr(self, name) <= 1:
        raise ConfigError(f"prompt.{name} is {getattr(self, name)}, expected a share between 0 and 1.")
    total = sum(getattr(self, name) for name in SHARES)
    if total > 1 + 1e-9:
      raise ConfigError(f"prompt.{' + prompt.'.join(SHARES)} is {total:g}, expected at most 1.")
    if self.crossover_share and self.profile == "compact":
      raise ConfigError("prompt.crossover_share has no effect with prompt.profile='compact', which shows one program: "
                        "set it to 0, or prompt.profile to 'full'.")


@dataclasses.dataclass(frozen=True)
class Built:
  """A prompt, its size or a bound of it in tokens, and the steps of the other programs that it really shows."""

  prompt: Prompt
  tokens: int
  shown: tuple[int, ...]


def edit_kind(settings: PromptSettings, choice: Choice, draw: float) -> str:
  """What a step asks for, from a draw in [0, 1): 'diff' where the choice does not hold what the drawn kind needs."""
  for name in SHARES:
    if draw < getattr(settings, name):
      kind = name.removesuffix("_share")
      missing = kind == "crossover" and choice.partner is None or kind == "fix" and choice.broken is None
      return "diff" if missing else kind
    draw -= getattr(settings, name)
  return "diff"


def subject(choice: Choice, edit: str) -> Attempt:
  """The attempt whose program an edit of this kind changes."""
  return choice.broken if edit == "fix" else choice.parent


_PIECE = re.compile(r" ?[A-Z]?[a-z]{1,4}| ?[A-Z]|\d| ?[^\sA-Za-z\d]|\n|[^\S\n]+")


def estimate(prompt: Prompt) -> int:
  """A cautious count of tokens without a tokenizer: on programs and prose a fifth to a half above SmolLM2's."""
  text = f"{prompt.system}\n{prompt.user}"
  return len(_PIECE.findall(text)) + (0 if text.isascii() else len(text.encode("utf-8", "replace")) - len(text)) + 16


def counter(name: str) -> Counter:
  """Counts with the tokenizer of a model, chat template included; '' is the estimate.

  Raises:
    ConfigError: there is no such model.
  """
  if not name:
    return estimate
  from eft_jax import text  # tokenizers takes a second to import
  tokenizer = text.Tokenizer.load(name)
  return lambda prompt: len(text.render.prompt_ids(tokenizer, prompt))


def build(task: Task, choice: Choice, profile: Profile, edit: str, count_tokens: Counter | None = None,
          budget: int | None = None) -> Prompt:
  """The prompt for one parent. Raises TooLong."""
  return compose(task, choice, profile, edit, count_tokens, budget).prompt


def compose(task: Task, choice: Choice, profile: Profile, edit: str, count_tokens: Counter | None = None,
            budget: int | None = None) -> Built:
  """Builds the prompt and says what it holds.

  Args:
    edit: see edit_kind; 'crossover' has no compact form, and 'fix' shows the broken program as the current one.
    count_tokens: of a whole prompt; `estimate` when None.
    budget: tokens; the profile's default when None or 0.

  Raises:
    TooLong: says how long the shortest form is.
  """
  count_tokens = count_tokens or estimate
  if not budget:
    budget = int(BUDGETS[profile] * (CPP_ESTIMATE if task.language == "cpp" and count_tokens is estimate else 1))
  versions = _compact(task, choice, edit) if profile == "compact" else _full(task, choice, edit)
  for prompt, shown in versions:
    tokens = len(prompt.system) + len(prompt.user) + 17  # no estimate is above that
    if count_tokens is not estimate or tokens > budget or not prompt.user.isascii():
      tokens = count_tokens(prompt)
    if tokens <= budget:
      return Built(prompt, tokens, shown)
  parent = subject(choice, edit)
  lines = parent.program.source.count("\n")
  raise TooLong(f"The shortest {profile} prompt has {tokens} tokens, the budget is {budget}: the program of step "
                f"{parent.step} has {lines} lines. Raise prompt.budget or use a shorter program.")


def number(value: float) -> str:
  """Six significant digits: enough to see a change, few tokens."""
  return f"{value:.6g}"


def fence(source: str, language: str) -> str:
  """A fenced block that no line of the source can close."""
  longest = max((len(run) for run in re.findall(r"`{3,}", source)), default=2)
  mark = "`" * (longest + 1)
  return f"{mark}{language}\n{source.rstrip(chr(10))}\n{mark}"


def current_program(user: str) -> tuple[str, str] | None:
  """(language, source) of the program to improve, read back from a prompt's user text: the inverse of both profiles.

  It is the block after the last CURRENT heading that stands outside a block, or the first block of a compact prompt.
  """
  found = _blocks(user)
  current = [block for block in found if block[0] == CURRENT][-1:] or found[:1]
  return current[0][1:] if current else None


def other_programs(user: str) -> list[str]:
  """Sources of the other programs that a prompt shows; the one to combine with comes first."""
  found = _blocks(user)
  second = [source for heading, _, source in found if heading == SECOND]
  return second + [source for heading, language, source in found
                   if heading not in ("", CURRENT, SECOND) and language != "text"]


def program_before(user: str) -> str:
  """Source of the program that a broken one was made from, where the prompt shows it, else ''."""
  return next((source for heading, _, source in _blocks(user) if heading == BEFORE), "")


def _blocks(user: str) -> list[tuple[str, str, str]]:
  """(heading, language, text) of every fenced block; '' where no heading stands before it."""
  found, heading, mark, language, lines = [], "", "", "", []
  for line in user.split("\n"):
    if mark:
      if line == mark:
        found.append((heading, language, "\n".join(lines) + "\n"))
        mark = ""
      else:
        lines.append(line)
    elif begin := re.fullmatch(r"(`{3,})(\w*)", line):
      mark, language, lines = begin[1], begin[2], []
    elif line.startswith("## "):
      heading = line
  return found


def reason(attempt: Attempt) -> str:
  """What an attempt set out to do, in one line: the first line of its reasoning, or of its text before any edit."""
  for text in (attempt.response.reasoning, attempt.response.text):
    for line in text.split("\n"):
      line = line.strip()
      if line and line[0] not in "<`=>":
        return line[:160]
      if line:
        break
  return "(no reason given)"


def result(attempt: Attempt, parent: Attempt) -> str:
  """What became of an attempt, against the parent's score where it has one."""
  if not attempt.ok:
    message = " ".join(attempt.message.split())[:MESSAGE_CHARS]
    return f"{attempt.outcome}: {message}" if message else str(attempt.outcome)
  change = gain(attempt, parent)
  verdict = "better" if change > 0 else "worse" if change < 0 else "no change"
  return f"score {attempt.score:.4f}, {verdict}"


def _goal(task: Task) -> str:
  return "higher is better" if task.direction == "max" else "lower is better"


def _compact(task: Task, choice: Choice, edit: str):
  """Ever shorter versions: all; without the last try; with the brief's first sentence; without the brief."""
  parent, last = choice.parent, []
  score = f"Score: {parent.score:.4f} (value {number(parent.value)}, {_goal(task)})"
  ask = _COMPACT_ASK[edit].replace("{language}", task.language)
  if edit == "fix":
    score = f"This program fails. {_error(choice.broken)}"
    last = [f"Last change: {reason(choice.broken)}"]
  elif choice.previous:
    tried = choice.previous[-1]
    last = [f"Last try: {reason(tried)} Result: {result(tried, parent)}"[:240]]
  program = fence(subject(choice, edit).program.source, task.language)
  brief = f"Task: {task.brief}"
  first = re.split(r"(?<=[.!?])\s", brief, maxsplit=1)[0]
  for head in ([brief, score, *last], [brief, score], [first, score], [score]):
    yield Prompt(_COMPACT_SYSTEM, "\n".join([*head, program, ask])), ()


def _full(task: Task, choice: Choice, edit: str):
  """Ever shorter versions: other programs go first, from the last; then outputs; then earlier attempts.

  The second program of a crossover stays to the end.
  """
  ask = _FULL_ASK[edit].replace("{language}", task.language).replace("{entry}", task.entry)
  scale = (f"The score is how much better the value is than {number(task.baseline)}." if task.best_known is None else
           f"The score is 0 at the value {number(task.baseline)} and 1 at the best known value "
           f"{number(task.best_known)}.")
  system = f"{task.statement}\n\n{scale}"
  end = [f"{CURRENT}\n{fence(subject(choice, edit).program.source, task.language)}", f"## Task\n{ask}"]
  second = (choice.partner,) if edit == "crossover" else ()
  end = [*_programs(task, [(SECOND, second)], 1), *end]
  shown = tuple(attempt.step for attempt in second)
  groups = [("## Top programs", choice.top), ("## Other programs, for ideas", choice.inspirations)]
  if edit == "fix":
    groups.insert(0, (BEFORE, (choice.parent,)))
    numbers, output, history = _failure(task, choice), _output(choice.broken, ()), []
  else:
    numbers, output, history = _numbers(task, choice), _output(choice.parent, choice.previous), _history(choice)
  groups = [(title, tuple(a for a in attempts if a.step not in shown)) for title, attempts in groups]
  others = [attempt.step for _, attempts in groups for attempt in attempts]
  for count in range(len(others), -1, -1):
    user = "\n\n".join([numbers, *output, *history, *_programs(task, groups, count), *end])
    yield Prompt(system, user), (*shown, *others[:count])
  yield Prompt(system, "\n\n".join([numbers, *history, *end])), shown
  yield Prompt(system, "\n\n".join([numbers, *end])), shown


def _error(broken: Attempt) -> str:
  """How a program failed, in one line."""
  message = " ".join(broken.message.split())[:MESSAGE_CHARS]
  return f"Error: {broken.outcome}: {message}" if message else f"Error: {broken.outcome}"


def _failure(task: Task, choice: Choice) -> str:
  """Instead of the numbers of a program that has none."""
  score, value = f"{choice.parent.score:.4f}", number(choice.parent.value)
  return "\n".join([
      STANDS, f"- It fails. {_error(choice.broken)}", f"- It was made by this change: {reason(choice.broken)}",
      f"- The program before the change has the score {score} (value {value}, {_goal(task)})"])


def _numbers(task: Task, choice: Choice) -> str:
  """The current program in numbers, and what to look at."""
  parent = choice.parent
  lines = [STANDS, f"- Score: {parent.score:.4f} (value {number(parent.value)}, {_goal(task)})"]
  lines += [f"- {name}: {number(value)}" for name, value in sorted(parent.metrics.items())]
  if parent.features:
    place = ", ".join(f"{name} {number(value)}" for name, value in sorted(parent.features.items()))
    lines.append(f"- Place in the archive: {place}")
  return "\n".join(lines + [f"- Look at: {text}" for text in _focus(choice)])


def _focus(choice: Choice) -> list[str]:
  """Hints from the history: what the last tries from this program did to its score, and its length."""
  hints, parent = [], choice.parent
  if choice.previous and all(not a.ok for a in choice.previous):
    hints.append("the last tries from this program all failed; see why below, and change less.")
  elif choice.previous and all(gain(a, parent) <= 0 for a in choice.previous):
    hints.append("the last tries from this program did not raise its score; try something of another kind.")
  elif choice.previous and any(gain(a, parent) > 0 for a in choice.previous):
    hints.append("an earlier try from this program raised its score; go further, or combine.")
  if choice.top and choice.top[0].score > parent.score:
    hints.append(f"another program reaches {choice.top[0].score:.4f}; find what it does differently.")
  if len(parent.program.source) > 5000:
    hints.append("the program is long; a simpler one is easier to improve.")
  return hints


def _output(parent: Attempt, previous: Sequence[Attempt]) -> list[str]:
  """Texts of the parent's evaluation and the last failure's, capped; a candidate may have written them."""
  texts = [(name, text) for name, text in sorted(parent.artifacts.items()) if text]
  failed = [a.artifacts["stdout"] for a in previous if not a.ok and a.artifacts.get("stdout")]
  texts += [("Printed by the last try that failed", text) for text in failed[-1:]]
  parts = [f"{name}:\n{fence(text[:ARTIFACT_CHARS], 'text')}" for name, text in texts]
  return ["## Last output\n" + "\n".join(parts)] if parts else []


def _history(choice: Choice) -> list[str]:
  if not choice.previous:
    return []
  lines = [f"{i}. ({a.edit}) {reason(a)} Result: {result(a, choice.parent)}"
           + (f" ({gain(a, choice.parent):+.4f})" if a.ok else "") for i, a in enumerate(choice.previous, 1)]
  return ["## Previous attempts from this program\n" + "\n".join(lines)]


def _programs(task: Task, groups: Sequence[tuple[str, Sequence[Attempt]]], count: int) -> list[str]:
  """The first `count` programs of all groups, under their titles."""
  parts = []
  for title, attempts in groups:
    shown = attempts[:count]
    count -= len(shown)
    if shown:
      parts.append("\n\n".join([title, *(f"### Score {a.score:.4f} (value {number(a.value)})\n"
                                          f"{fence(a.program.source, task.language)}" for a in shown)]))
  return parts
