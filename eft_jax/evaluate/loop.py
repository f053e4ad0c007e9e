"""The comparison: every model searches the same tasks with the same seeds, steps, prompts and sampling."""

from __future__ import annotations

import pathlib
from typing import Any

from eft_jax import core, store
from eft_jax.core.settings import ConfigError
from eft_jax.evaluate import compare, plots
from eft_jax.evaluate.settings import EvaluateSettings
from eft_jax.search import loop as search_loop
from eft_jax.search.proposers import make


def run_evaluate(settings: EvaluateSettings, workdir: pathlib.Path, progress: search_loop.Progress) -> dict[str, Any]:
  """Runs the searches that `workdir` does not hold yet, one model in memory at a time, and compares all of them.

  Returns:
    models (one object per model and task), summaries, gain_over_NAME, table, picture.

  Raises:
    ConfigError: unknown task, model that cannot be loaded, no server.
  """
  tasks = [_load(name) for name in settings.task_names]
  results = []
  for name, model in settings.named_models().items():
    results += _run_model(settings, name, model, tasks, workdir, progress)
  names = list(settings.named_models())
  text = compare.table(results, names)
  picture = plots.curves(results, names, workdir / "curves.png")
  return {**compare.as_json(results, names), "table": text.splitlines(), "picture": str(picture)}


def _load(name: str) -> core.Task:
  try:
    return core.load(name)
  except core.UnknownTask as error:
    raise ConfigError(str(error)) from error


def _run_model(settings: EvaluateSettings, name: str, model: str, tasks: list[core.Task], workdir: pathlib.Path,
               progress: search_loop.Progress) -> list[compare.Result]:
  """All searches of one model, with one proposer for all of them."""
  runs = [(task, seed) for task in tasks for seed in settings.seeds]
  progress.say(f"{name}: {model}, {len(runs)} searches of {settings.steps} replies")
  proposer = make.proposer(settings.search(tasks[0].name, settings.seeds[0], model))
  results = []
  try:
    for task, seed in runs:
      folder = workdir / "search" / name / task.name / str(seed)
      progress.say(f"{name}: {task.name}, seed {seed}")
      search_loop.run_search(settings.search(task.name, seed, model), folder, progress, proposer)
      with store.Store(folder / store.FILE_NAME) as attempts:
        results.append(compare.measure(name, task, seed, attempts.read()))
  finally:
    getattr(proposer, "close", lambda: None)()
  return results
