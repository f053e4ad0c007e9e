"""What a run shows while it goes on and leaves behind: best program, curve, counts, TensorBoard events."""

from __future__ import annotations

import collections
import os
import pathlib
from typing import Any

from eft_jax.core import APPLIED, Attempt, Outcome, Task
from eft_jax.core.events import Events

EVENTS_EVERY = 50  # attempts between two points of the shares


class Report:
  """A fold over the attempts, like an archive; `live` ones are also written as events."""

  def __init__(self, task: Task, workdir: pathlib.Path):
    self._task, self._workdir = task, workdir
    self.outcomes: collections.Counter[str] = collections.Counter()
    self.initial: Attempt | None = None
    self.best: Attempt | None = None
    self.steps = 0
    self.stopped_by = ""  # what ended the run: 'steps', or a limit of its budget
    self.tokens = 0
    self.curve: list[list[float]] = []  # [step, best score so far], where it rose
    self._applied = self._improved = 0
    self._events: Events | None = None

  def add(self, attempt: Attempt, live: bool = True, candidate: bool | None = None) -> None:
    """Counts an attempt; `candidate` says whether it may be the best: by default, whether it is valid."""
    self.outcomes[attempt.outcome.value] += 1
    self.tokens += attempt.response.tokens + attempt.response.prompt_tokens
    if attempt.outcome is Outcome.INFRA:
      return
    self.steps = max(self.steps, attempt.step)
    if attempt.step == 0:
      self.initial = attempt
    else:
      self._applied += attempt.outcome in APPLIED
    candidate = attempt.ok if candidate is None else candidate
    if candidate and (self.best is None or attempt.score > self.best.score):
      self._improved += attempt.step > 0
      self.best = attempt
      self.curve.append([attempt.step, attempt.score])
      if live:
        self._event("best_score", attempt.score, attempt.step)
        self._event("best_value", attempt.value, attempt.step)
    if live and attempt.step and attempt.step % EVENTS_EVERY == 0:
      self._event("share_applied", self._applied / attempt.step, attempt.step)
      self._event("share_ok", self.outcomes["ok"] / (attempt.step + 1), attempt.step)

  def text(self) -> str:
    """For the progress line."""
    if self.best is None:
      return "no valid program yet"
    return (f"best {self.best.value:.6g} (score {self.best.score:.4f}, step {self.best.step})  "
            f"ok {self.outcomes['ok'] / max(sum(self.outcomes.values()), 1):.0%}")

  def results(self, attempts: int) -> dict[str, Any]:
    """For summary.json."""
    best = self.best
    return {
        "task": self._task.name, "trust": self._task.trust,
        "steps": self.steps, "attempts": attempts, "stopped_by": self.stopped_by,
        "tokens": self.tokens,
        "best_value": best.value if best else None, "best_score": best.score if best else 0.0,
        "best_step": best.step if best else None,
        "initial_value": self.initial.value if self.initial else None,
        "initial_score": self.initial.score if self.initial else 0.0,
        "outcomes": dict(sorted(self.outcomes.items())), "improvements": self._improved,
        "valid_edit_share": self._applied / self.steps if self.steps else 0.0,
        "best_program": str(self.best_path) if best else None, "curve": self.curve}

  @property
  def best_path(self) -> pathlib.Path:
    return self._workdir / ("best.cpp" if self._task.language == "cpp" else "best.py")

  def close(self) -> None:
    """Writes the best program and ends the events; a full disk does not hide an earlier error."""
    if self.best is not None:
      temporary = self.best_path.with_name(self.best_path.name + ".tmp")
      try:
        temporary.write_text(self.best.program.source, encoding="utf-8", errors="surrogatepass")
        os.replace(temporary, self.best_path)
      except OSError:
        temporary.unlink(missing_ok=True)
      self._event("best_score", self.best.score, self.steps)
    if self._events is not None:
      self._events.close()

  def _event(self, name: str, value: float, step: int) -> None:
    if self._events is None:
      self._events = Events(self._workdir / "tensorboard")
    self._events.add(f"search/{name}", value, step)
