"""One step under way, and the attempt that it becomes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from eft_jax import core
from eft_jax import store as store_lib
from eft_jax.core import Attempt, Outcome, Program, Response, Task
from eft_jax.core.settings import ConfigError
from eft_jax.search import archives, prompts
from eft_jax.search.proposers.ensemble import Arm
from eft_jax.search.settings import SearchSettings

TEXT_CHARS = 4000  # of one artifact


@dataclasses.dataclass(eq=False)
class Step:
  """One attempt under way."""

  step: int
  batch: int
  group: int
  member: int
  edit: str
  seed: int
  digest: str = ""
  choice: archives.Choice | None = None   # None for the seed program
  arm: Arm | None = None                  # who answers; None for the seed program
  built: prompts.Built | None = None      # None where the prompt is too long
  response: Response = Response("")
  propose_seconds: float = 0.0
  outcome: Outcome | None = None          # set when there is nothing to evaluate
  message: str = ""
  program: Program | None = None
  key: int = 0                            # of the program, and of its start where that matters; 0 where it is no child
  gate: Any = None                        # the evaluation that let it go on to the next fidelity
  fidelity: str = "search"                # of `evaluation`
  evaluation: Any = None
  retry: int = 0                          # infra failures so far, over all processes that ran it
  failures: int = 0                       # those of this process

  @property
  def parent(self) -> Attempt | None:
    """The attempt whose program is to be changed; None for the seed program."""
    return prompts.subject(self.choice, self.edit) if self.choice else None

  @property
  def done(self) -> bool:
    return self.outcome is not None or self.evaluation is not None


class Recorder:
  """Makes attempts of steps.

  Args:
    archive: gives the features of a new program.
  """

  def __init__(self, settings: SearchSettings, task: Task, run: str, archive: archives.Archive):
    self._settings, self._task, self._run, self._archive = settings, task, run, archive

  def attempt(self, step: Step, outcome: Outcome, message: str, **fields: Any) -> Attempt:
    """The attempt of a step as it stands."""
    parent = step.parent
    return Attempt(
        run=self._run, step=step.step, batch=step.batch, group=step.group, member=step.member, task=self._task.name,
        family=self._task.family, task_version=self._task.version, outcome=outcome, retry=step.retry,
        parent=parent.step if parent else None, parent_hash=parent.program.hash if parent else "",
        inspirations=step.built.shown if step.built else (), island=step.choice.island if step.choice else 0,
        generation=parent.generation + 1 if parent else 0, archive_digest=step.digest,
        prompt=step.built.prompt if step.built else core.Prompt("", ""), response=step.response,
        proposer=step.arm.name if step.arm else "", sampling=step.arm.recorded if step.arm else {}, seed=step.seed,
        edit=step.edit, message=message, program=step.program, propose_seconds=step.propose_seconds,
        fidelity=step.fidelity, trust=self._task.trust, **fields)

  def duplicate(self, step: Step, earlier: Attempt) -> Attempt:
    """The attempt of a step whose program was evaluated before: answered with what came of it then."""
    step.fidelity = earlier.fidelity  # how far an evaluation of its own may have got is up to chance
    came = f"score {earlier.score:.4f}" if earlier.ok else f"{earlier.outcome}: {earlier.message}"
    message = f"{step.message} This program was tried before, at step {earlier.step}: {came}".strip()
    return self.attempt(step, Outcome.DUPLICATE, message[:TEXT_CHARS],
                        metrics={"earlier_step": float(earlier.step), "earlier_score": earlier.score})

  def finished(self, step: Step, constructions: MutableMapping[str, np.ndarray]) -> Attempt:
    """The attempt of a step that is done; a construction to be stored with it is added to `constructions`."""
    if step.evaluation is None:
      return self.attempt(step, step.outcome, step.message)
    result = step.evaluation
    texts = {**result.artifacts, **({"stdout": result.stdout} if result.stdout.strip() else {})}
    runs = [run for run in (step.gate, result) if run is not None]
    fields = {
        "value": result.value if result.ok else None, "score": result.score if result.ok else 0.0,
        "metrics": dict(result.metrics), "instances": result.instances,
        "artifacts": {name: _steady(text) for name, text in texts.items()},
        "cpu_seconds": sum(run.cpu_seconds for run in runs), "wall_seconds": sum(run.wall_seconds for run in runs),
        "peak_memory_mb": max(run.peak_memory_mb for run in runs)}
    if step.gate is not None:
      fields["metrics"] |= {"search_value": step.gate.value, "search_score": step.gate.score}
    if result.ok:
      fields["features"] = self._features(step, result)
      fields["construction"] = self._keep(result.construction, constructions, fields["artifacts"])
    message = " ".join(text for text in (step.message, _steady(result.message)) if text)
    attempt = self.attempt(step, result.outcome, message, **fields)
    self._archive.check(attempt)
    return attempt

  def _features(self, step: Step, result: Any) -> Mapping[str, float]:
    try:
      return self._archive.features(step.program, result.metrics, result.score)
    except KeyError as error:
      raise ConfigError(f"archive.features names {error}, which {self._task.name} does not give: expected "
                        f"complexity, diversity, score or one of {sorted(result.metrics)}.") from error

  def _keep(self, array: np.ndarray | None, constructions: MutableMapping[str, np.ndarray],
            artifacts: dict[str, str]) -> str | None:
    """Hash of a construction that is stored with the batch."""
    if array is None or not self._settings.previous:
      return None
    if array.nbytes > store_lib.CONSTRUCTION_LIMIT:
      artifacts["construction"] = f"not kept: {array.nbytes} bytes, the limit is {store_lib.CONSTRUCTION_LIMIT}"
      return None
    key = store_lib.construction_hash(array)
    constructions[key] = array
    artifacts["construction"] = _summary(array)
    return key


def _summary(array: np.ndarray) -> str:
  """A construction in a line: what a child that starts from it as `previous` will find there."""
  text = f"{array.dtype} array of shape {array.shape}"
  if array.size and np.issubdtype(array.dtype, np.number) and not np.iscomplexobj(array):
    text += f", from {array.min():.6g} to {array.max():.6g}, mean {array.mean():.6g}"
  return f"{text}; a changed program gets it as `previous` where it takes that"


_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def _steady(text: str) -> str:
  """A program's text, capped, without memory addresses, which no run repeats, and without what no tokenizer takes."""
  return _ADDRESS.sub("0x...", text[:TEXT_CHARS]).encode("utf-8", "replace").decode()
