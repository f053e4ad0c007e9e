"""Hindsight: what several steps reached together, as if one edit had made it.

For an ancestor whose best descendant is two or more steps away, the prompt is the one that was really asked when the
first of these steps was taken; the reply is one edit from the ancestor to the descendant, and its reasoning tells the
steps in order. A model that learns from such rows learns to see several moves ahead. They are no attempts of a run and
are marked in the row: `edit` is 'hindsight', and `metadata` names the steps.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from eft_jax.core import Attempt, Prompt, Response, Task
from eft_jax.finch.transitions import Transition, label_of

EDIT = "hindsight"
LONGEST = 8                      # steps that one edit may stand for
_ASKED = ("diff", "rewrite")     # prompts that show the ancestor alone as the program to change
_SEARCH, _DIVIDER, _REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"  # of search/replies.py, a room beside


def added(stream: Iterable[Transition], tasks: Mapping[str, Task], minimum_gain: float) -> Iterator[Transition]:
  """The stream, and after each run what hindsight adds to it. Memory: the texts of the valid attempts of one run."""
  run: list[Transition] = []
  for transition in stream:
    if run and (transition.attempt.run != run[0].attempt.run or transition.attempt.edit == "seed"):
      yield from of_run(run, tasks, minimum_gain)
      run = []
    if transition.attempt.ok:
      run.append(transition)
    yield transition
  yield from of_run(run, tasks, minimum_gain)


def of_run(run: Iterable[Transition], tasks: Mapping[str, Task], minimum_gain: float) -> Iterator[Transition]:
  """What the valid attempts of one run give, in the order of the ancestors."""
  found = {t.attempt.step: t.attempt for t in run}
  alike = lambda step, parent: parent in found and found[step].fidelity == found[parent].fidelity
  parents = {step: a.parent for step, a in found.items() if alike(step, a.parent)}
  best = {step: step for step in found}
  for step in sorted(parents, reverse=True):  # children have later steps than their parents
    here, parent = best[step], parents[step]
    if (-found[here].score, here) < (-found[best[parent]].score, best[parent]):
      best[parent] = here
  for ancestor, step in sorted(best.items()):
    path = [step]
    while path[0] != ancestor and parents[path[0]] != ancestor:
      path.insert(0, parents[path[0]])
    if 2 <= len(path) <= LONGEST:
      task = tasks[found[step].task]
      better = label_of(found[step].value, found[ancestor].value, task.direction, minimum_gain) == "improved"
      made = _attempt(found[ancestor], [found[s] for s in path]) if better else None
      if made is not None:
        yield Transition(made, dataclasses.replace(found[ancestor], prompt=Prompt("", ""), response=Response("")),
                         "improved", path=tuple(path))


def _attempt(ancestor: Attempt, steps: list[Attempt]) -> Attempt | None:
  """The last step as an answer to the first one's prompt; None where that prompt or the edit is not of the kind."""
  first, last = steps[0], steps[-1]
  if first.edit not in _ASKED:
    return None
  text = (_fence(last.program.source, last.program.language) if first.edit == "rewrite" else
          blocks(ancestor.program.source, last.program.source))
  if not text:
    return None
  return dataclasses.replace(
      last, parent=ancestor.step, parent_hash=ancestor.program.hash, prompt=first.prompt, edit=first.edit,
      inspirations=first.inspirations, response=Response(text, " Then: ".join(map(_reason, steps))), seed=first.seed,
      batch=first.batch, group=first.group, member=first.member, archive_digest=first.archive_digest)


def _reason(attempt: Attempt) -> str:
  """The first line of what a step said that it would do."""
  for text in (attempt.response.reasoning, attempt.response.text):
    line = next((line.strip() for line in text.split("\n") if line.strip()), "")
    if line and line[0] not in "<`=>":
      return line[:400]
  return "Change the program."


def _fence(source: str, language: str) -> str:
  longest = max((len(run) for run in re.findall(r"`{3,}", source)), default=2)
  mark = "`" * (longest + 1)
  return f"{mark}{language}\n{source.rstrip(chr(10))}\n{mark}"


def blocks(before: str, after: str) -> str:
  """SEARCH/REPLACE blocks from one program to another, '' where there are none that apply one after the other.

  Each SEARCH part holds as many neighbouring lines as make it unique.
  """
  old = before.split("\n")  # the empty line that ends a file is one that a SEARCH part may match
  end = len(before) - len(before.rstrip("\n"))
  new = (after.rstrip("\n") + end * "\n").split("\n")
  codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
  parts: list[list[int]] = []  # [begin, end) of old, [begin, end) of new
  for kind, a, b, c, d in codes:
    if kind != "equal":
      parts = _joined(parts, _widened(old, [a, b, c, d]), old)
  lines, texts = [line.rstrip() for line in old], []
  for a, b, c, d in parts:
    search, replace = old[a:b], new[c:d]
    places = _places(lines, search)
    if len(places) != 1:
      return ""
    lines[places[0]:places[0] + len(search)] = [line.rstrip() for line in replace]
    texts.append("\n".join([_SEARCH, *search, _DIVIDER, *replace, _REPLACE]))
  return "\n".join(texts) if lines == [line.rstrip() for line in new] else ""


def _places(lines: list[str], search: list[str]) -> list[int]:
  wanted = [line.rstrip() for line in search]
  return [i for i in range(len(lines) - len(wanted) + 1) if lines[i:i + len(wanted)] == wanted] if any(wanted) else []


def _widened(old: list[str], part: list[int]) -> list[int]:
  """A part with equal lines around it, above and below in turns, until its old lines are unique."""
  a, b, c, d = part
  lines, above = [line.rstrip() for line in old], True
  while len(_places(lines, old[a:b])) != 1 and (a > 0 or b < len(old)):
    if (above and a > 0) or b == len(old):
      a, c = a - 1, c - 1
    else:
      b, d = b + 1, d + 1
    above = not above
  return [a, b, c, d]


def _joined(parts: list[list[int]], part: list[int], old: list[str]) -> list[list[int]]:
  """The parts with one more, which swallows those that it meets: the first of them knows the top, it the bottom."""
  while parts and parts[-1][1] > part[0]:
    a, b, c, _ = parts.pop()
    top, end = min(a, part[0]), max(b, part[1])
    part = _widened(old, [top, end, c - (a - top), part[3] + (end - part[1])])
  return [*parts, part]
