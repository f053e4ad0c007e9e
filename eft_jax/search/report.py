"""What a run shows while it goes on and leaves behind: best program, curve, counts, TensorBoard events."""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from eft_jax.core import APPLIED, Attempt, Outcome, Task

EVENTS_EVERY = 50  # attempts between two points of the shares


class Report:
  """A fold over the attempts, like an archive; `live` ones are also written as events."""

  def __init__(self, task: Task, workdir: pathlib.Path):
    self._task, self._workdir = task, workdir
    self.outcomes: collections.Counter[str] = collections.Counter()
    self.initial: Attempt | None = None
    self.best: Attempt | None = None
    self.steps = 0
    self.curve: list[list[float]] = []  # [step, best score so far], where it rose
    self._applied = self._improved = 0
    self._writer = None

  def add(self, attempt: Attempt, live: bool = True) -> None:
    self.outcomes[attempt.outcome.value] += 1
    if attempt.outcome is Outcome.INFRA:
      return
    self.steps = max(self.steps, attempt.step)
    if attempt.step == 0:
      self.initial = attempt
    else:
      self._applied += attempt.outcome in APPLIED
    if attempt.ok and (self.best is None or attempt.score > self.best.score):
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
        "task": self._task.name, "steps": self.steps, "attempts": attempts,
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
    with contextlib.suppress(OSError):
      if self.best is not None:
        temporary = self.best_path.with_name(self.best_path.name + ".tmp")
        temporary.write_text(self.best.program.source, encoding="utf-8", errors="surrogatepass")
        os.replace(temporary, self.best_path)
      if self._writer is not None:
        self._event("best_score", self.best.score if self.best else 0.0, self.steps)
        self._writer.close()

  def _event(self, name: str, value: float, step: int) -> None:
    with contextlib.suppress(OSError):
      if self._writer is None:
        self._writer = summary_writer(self._workdir / "tensorboard")
      self._writer.add_scalar(f"search/{name}", value, step)


@contextlib.contextmanager
def without_torch() -> Iterator[None]:
  """tensorboardX imports torch where it finds it, which takes seconds and is of no use here."""
  if "torch" in sys.modules:
    yield
    return
  sys.modules["torch"] = None
  try:
    yield
  finally:
    sys.modules.pop("torch", None)


def summary_writer(folder: pathlib.Path) -> Any:
  with without_torch():
    from tensorboardX import SummaryWriter
  return SummaryWriter(str(folder), flush_secs=5)
