"""The scripted proposer's kinds of edits: how often each is tried, and how a prompt tells which was tried before."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from eft_jax.search.proposers import blocks, control, mutations


@dataclasses.dataclass(frozen=True)
class Kind:
  """One kind of edit.

  Attributes:
    name: of the table that launch/bench_teacher.py prints.
    make: of mutations or control (program, draw), or of blocks (program, draw, others).
    compact, full: how often it is tried in prompts of the two profiles, as a share of the sum of the column.
    told: what the reasons of this kind begin with.
  """

  name: str
  make: Callable[..., Any]
  compact: float
  full: float
  told: str


# The column `full` follows the share of attempts of each kind that raised the score of their parent, on tasks of
# training families alone: `python launch/bench_teacher.py --tasks=train --steps=150 --kinds`, last column. The column
# `compact` is for a small model to learn from: short edits of many kinds.
KINDS = (
    Kind("literal", mutations.literal, 46, 40, r"(Raise|Lower) |Use the random seed|Run the loop"),
    Kind("sign", mutations.sign, 3, 2, r"Turn "),
    Kind("operator", mutations.operator, 6, 1, r"Use [-+*/]+=? instead"),
    Kind("comparison", mutations.comparison, 4, 1, r"Use [<>=!]+ instead"),
    Kind("conjunct", control.conjunct, 2, 2, r"Drop the condition|Join the conditions"),
    Kind("repeat", control.repeat, 3, 3, r"Repeat the loop"),
    Kind("function", mutations.function, 6, 4, r"Use [a-z]\w* instead of [a-z]\w* "),
    Kind("variable", mutations.variable, 4, 2, r"Use \w+ instead of \w+ "),
    Kind("wrap", mutations.wrap, 4, 2, r"Use .*[(*].* instead"),
    Kind("vary", mutations.vary, 6, 8, r"Add the term"),
    Kind("delete", mutations.delete, 3, 1, r"Remove the line"),
    Kind("double", mutations.double, 2, 2, r"Do `.*` twice"),
    Kind("reorder", mutations.reorder, 2, 0.5, r"Do `.*` before"),
    Kind("insert", mutations.insert, 6, 2, r"Keep |Make |Set |Scale |Centre |Sort |Round |Let "),
    Kind("start_from", mutations.start_from, 2, 6, r"Start "),
    Kind("shake", mutations.shake, 2, 1, r"Shake "),
    Kind("several", blocks.several, 0, 6, r"(Raise|Lower|Use the random seed|Run the loop) .*\. (Raise|Lower|Use|Run)"),
    Kind("move", blocks.move, 0, 1, r"Do `.*` before"),
    Kind("cool", blocks.cool, 0, 6, r"Vary "),
    Kind("refine", blocks.refine, 0, 8, r"(Change|Take small|Flip|Swap).* before it is returned"),
    Kind("accept", blocks.accept, 0, 6, r"Take a new|(Change|Take small|Flip|Swap).* second trial"),
    Kind("pull", blocks.pull, 0, 4, r"Change the step"),
    Kind("bump", blocks.bump, 0, 1, r"Add the term"),
    Kind("borrow", blocks.borrow, 0, 5, r"Take from the other"))
LITERAL = KINDS[:1]  # all that `literal_only` proposes

_TRIED = re.compile(r"^\d+\. \(\w+\) (?P<reason>.+?) Result: (?P<result>.*)$", re.M)


def weights(user: str, column: str) -> list[float]:
  """How often to try each kind: its share, and in a prompt with a history more of what helped and less of what did not.

  An attempt that was better than its parent doubles the weight of the kinds that its reason fits, a failure or a worse
  result takes a fifth off.
  """
  found = [getattr(kind, column) for kind in KINDS]
  if column == "full":
    for tried in _TRIED.finditer(user):
      factor = 2.0 if ", better" in tried["result"] else 0.8
      found = [weight * factor if weight and re.match(kind.told, tried["reason"]) else weight
               for kind, weight in zip(KINDS, found, strict=True)]
  return found
