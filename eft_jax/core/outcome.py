"""What became of one search step: a closed list, so that no failure of a model or a machine is silent."""

from __future__ import annotations

import enum


class Outcome(str, enum.Enum):
  """The result class of an attempt. The string value is what is stored and exported."""

  OK = "ok"                        # evaluated, valid, has a value
  INVALID = "invalid"              # ran, but its result breaks the task's rules
  WRONG = "wrong"                  # ran, but an output with one right answer is not it
  TIMEOUT = "timeout"              # CPU limit, or the generous wall limit behind it
  MEMORY = "memory"                # memory limit
  CRASH = "crash"                  # exception, signal, early exit
  SYNTAX = "syntax"                # the child does not parse
  COMPILE = "compile"              # the child does not compile
  NO_EDIT = "no_edit"              # the reply holds no edit
  NO_MATCH = "no_match"            # a SEARCH text is not in the parent
  NO_CHANGE = "no_change"          # the edit leaves the parent as it was
  DUPLICATE = "duplicate"          # the child is a program already evaluated
  TRUNCATED = "truncated"          # the reply hit its token limit before its edit was complete
  TOO_LONG = "too_long"            # the prompt or the child exceeds its length limit
  POLICY = "policy"                # the child did something the sandbox forbids
  DEVICE_MEMORY = "device_memory"  # accelerator memory
  TASK_BUG = "task_bug"            # the trusted evaluation raised: ours to fix, never scored
  INFRA = "infra"                  # our machine or server failed: retried, never trained on

  def __str__(self) -> str:
    return self.value


NEVER_TRAINED_ON = frozenset({Outcome.INFRA, Outcome.TASK_BUG})

# The reply produced a program that differs from its parent and parses: the "valid edit" of the evaluation tables.
APPLIED = frozenset({
    Outcome.OK, Outcome.INVALID, Outcome.WRONG, Outcome.TIMEOUT, Outcome.MEMORY, Outcome.CRASH, Outcome.COMPILE,
    Outcome.DUPLICATE, Outcome.POLICY, Outcome.DEVICE_MEMORY, Outcome.TASK_BUG,
})
