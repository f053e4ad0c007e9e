"""The corpus stage: runs the plan over the worker processes, then builds the data set and reports on it.

What a stopped command leaves behind is runs: finished ones with their tallies, and some that are whole up to a step.
The next command reads the tallies, comes to the same plan, and goes on with those runs first.
"""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from eft_jax import core
from eft_jax.core import Task
from eft_jax.core import task as task_lib
from eft_jax.core.settings import ConfigError
from eft_jax.corpus import report, workers
from eft_jax.corpus.plan import Plan
from eft_jax.corpus.settings import CorpusSettings
from eft_jax.finch.build import BuildSettings, run_build

SEARCH = "search"  # folder of the runs


def run_corpus(settings: CorpusSettings, workdir: pathlib.Path, progress: Callable[..., None],
               tasks_root: pathlib.Path = task_lib.TASKS_ROOT) -> dict[str, Any]:
  """Searches until the plan is done, builds workdir/dataset and writes workdir/report.md.

  Returns:
    The report for summary.json.

  Raises:
    ConfigError: an unknown task, one of a held-out family, or a machine that cannot run hostile programs. A task that
      cannot be searched is left out, and the report says so.
  """
  start, tasks = time.monotonic(), chosen_tasks(settings, core.load_all(tasks_root))
  plan = Plan(settings, tasks)
  _search(settings, plan, workdir / SEARCH, progress, tasks_root)
  searched = time.monotonic() - start
  counted = report.Counted()
  build = BuildSettings(source=str(workdir / SEARCH), tokenizer=settings.tokenizer, hindsight=settings.hindsight,
                        filters=settings.filters)
  built = run_build(build, workdir, progress, counted.add)
  found = report.results(settings, plan, {task.name: task for task in tasks}, built, counted)
  found["seconds_search"], found["seconds_build"] = round(searched, 1), round(time.monotonic() - start - searched, 1)
  found["search_bytes"] = sum(file.stat().st_size for file in (workdir / SEARCH).rglob("attempts.db*"))
  text = report.markdown(found)
  (workdir / "report.md").write_text(text)
  print(text, flush=True)
  return found


def chosen_tasks(settings: CorpusSettings, known: dict[str, Task]) -> list[Task]:
  """The tasks of the settings, in name order. Raises ConfigError."""
  wanted, families = set(settings.tasks), {task.family for task in known.values()}
  unknown = wanted - set(known) - families
  if unknown:
    raise ConfigError(f"config.tasks names {', '.join(sorted(unknown))}, which are no tasks or families; `python "
                      "launch/tasks.py --action=list` shows all.")
  tasks = [task for task in known.values() if (task.name in wanted or task.family in wanted if wanted else
                                               task.split == "train")]
  held_out = [task.name for task in tasks if task.split != "train"]
  if held_out and not settings.filters.allow_held_out:
    raise ConfigError(f"config.tasks names {', '.join(held_out)}, of held-out families: leave them out, or set "
                      "--config.filters.allow_held_out=True and compare nothing on them.")
  return tasks


def _search(settings: CorpusSettings, plan: Plan, root: pathlib.Path, progress: Callable[..., None],
            tasks_root: pathlib.Path) -> None:
  """Runs what the plan still needs; the finished runs of earlier commands are only read."""
  count = settings.processes or len(os.sched_getaffinity(0))
  resumed = 0
  with workers.Workers(count, settings, root, tasks_root) as pool:
    while True:
      while pool.free and (job := plan.next()) is not None:
        state = plan.states[job.task]
        if (tally := workers.read_tally(root / job.folder)) is not None:
          state.add(tally)
          resumed += 1
        else:
          state.running = True
          pool.start(job)
          _show(plan, progress)
      if resumed:
        progress.say(f"{resumed} finished runs found: {plan.rows} rows, {plan.improved} improved")
        resumed = 0
      if not pool.busy:
        return
      for job, tally in pool.wait():
        state = plan.states[job.task]
        state.running = False
        if isinstance(tally, str):
          state.error = tally
          progress.say(f"left out from here on: {tally}")
        else:
          state.add(tally)
      _show(plan, progress)


def _show(plan: Plan, progress: Callable[..., None]) -> None:
  states: Sequence = list(plan.states.values())
  done = sum(bool(plan.why(state)) for state in states)
  attempts = sum(state.attempts for state in states)
  progress(plan.todo, plan.total, "row", f"{plan.rows} rows, {plan.improved} improved, {attempts} attempts, "
           f"{done} of {len(states)} tasks done")
