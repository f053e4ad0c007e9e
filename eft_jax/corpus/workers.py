"""Processes that search: each takes one run after the other, with an evaluation worker of its own, and tallies it.

A process ends at once when the one that started it is gone, however that ended: the run that it was at is whole up to
its last step, and the next command goes on with it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import select
import shutil
import signal
import threading
import time
from typing import Any

from eft_jax import core, sandbox, store
from eft_jax.core.settings import ConfigError
from eft_jax.corpus.plan import Job, Tally
from eft_jax.corpus.settings import CorpusSettings
from eft_jax.finch import FilterSettings, transitions
from eft_jax.search import loop
from eft_jax.search.settings import SearchSettings

TALLY = "tally.json"


class _Silent:
  """Progress of one run, which nobody reads."""

  def __call__(self, done: int, total: int, unit: str = "step", text: str = "", force: bool = False) -> None:
    pass

  def say(self, text: str) -> None:
    pass


def search_settings(settings: CorpusSettings, job: Job) -> SearchSettings:
  """The search of one run."""
  recipe = settings.recipes[job.recipe]
  return SearchSettings(task=job.task, seed=job.seed, steps=job.steps, workers=1, prompt=recipe.prompt,
                        archive=recipe.archive, sandbox=settings.sandbox)


def tally_of(path: pathlib.Path, job: Job, filters: FilterSettings, result: dict[str, Any], seconds: float,
             tasks: dict[str, core.Task]) -> Tally:
  """Counts what the data set builder would keep of a run's store."""
  labels, dropped = collections.Counter(), collections.Counter()
  rows: dict[int, None] = {}
  trees: dict[int, None] = {}
  with store.Store(path / store.FILE_NAME, read_only=True) as opened:
    stream = transitions.joined(opened.read(), tasks, filters.minimum_gain, filters.keep_broken)
    for found in stream:
      if found.label is None:
        dropped[found.dropped] += found.dropped != "seed"
        continue
      labels[found.label] += 1
      if found.label not in filters.labels:
        continue
      parent, child = found.parent.program, found.attempt.program
      rows[_hash(parent.hash, child.hash)] = None
      if found.label == "improved" and found.parent.ok:
        trees[_hash(parent.identity, child.identity)] = None
  return Tally(job.recipe, result["steps"], tuple(rows), tuple(trees), dict(labels), dict(+dropped),
               dict(result["outcomes"]), result["initial_score"], result["best_score"], round(seconds, 3))


def _hash(*parts: str) -> int:
  return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=6).digest(), "little")


def read_tally(path: pathlib.Path) -> Tally | None:
  """The tally of a finished run, or None. Raises ConfigError on one that cannot be read."""
  try:
    values = json.loads((path / TALLY).read_text())
    return Tally(**values | {name: tuple(values[name]) for name in ("rows", "trees")})
  except FileNotFoundError:
    return None
  except (ValueError, TypeError, KeyError) as error:
    raise ConfigError(f"{path / TALLY} is damaged ({error}): remove it, and it is made again.") from error


def write_tally(path: pathlib.Path, tally: Tally) -> None:
  temporary = path / (TALLY + ".tmp")
  temporary.write_text(json.dumps(dataclasses.asdict(tally)))
  os.replace(temporary, path / TALLY)


def _work(channel: multiprocessing.connection.Connection, settings: CorpusSettings, root: str, tasks_root: str) -> None:
  """What a process does until its channel closes."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the command alone
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  threading.Thread(target=_end_with, args=(channel.fileno(),), daemon=True).start()
  try:
    tasks = core.load_all(pathlib.Path(tasks_root))
    with sandbox.Pool(1, settings.sandbox, tasks_root) as pool:
      while (job := channel.recv()) is not None:
        channel.send(_run(job, settings, pathlib.Path(root), pool, tasks, pathlib.Path(tasks_root)))
  except (ConfigError, OSError) as error:  # nothing that another task could do better
    channel.send(error)


def _run(job: Job, settings: CorpusSettings, root: pathlib.Path, pool: sandbox.Pool, tasks: dict[str, core.Task],
         tasks_root: pathlib.Path) -> Tally | str:
  """One run: its tally, or why the task cannot be searched. Raises OSError."""
  path, start = root / job.folder, time.monotonic()
  for last in (False, True):
    try:
      result = loop.run_search(search_settings(settings, job), path, _Silent(), evaluate_pool=pool,
                               tasks_root=tasks_root)
      break
    except ConfigError as error:
      if last or not _only_seed(path):
        return f"{job.folder}: {error}"
      shutil.rmtree(path)  # a seed program that failed once may have met a busy machine
  tally = tally_of(path, job, settings.filters, result, time.monotonic() - start, tasks)
  write_tally(path, tally)
  return tally


def _only_seed(path: pathlib.Path) -> bool:
  try:
    with store.Store(path / store.FILE_NAME, read_only=True) as opened:
      return opened.count() <= 1
  except ConfigError:
    return False


def _end_with(descriptor: int) -> None:
  poll = select.poll()
  poll.register(descriptor, 0)  # a hang-up is always reported
  poll.poll()
  os._exit(0)


class Workers:
  """A fixed number of such processes. A context manager, which ends them at once."""

  def __init__(self, count: int, settings: CorpusSettings, root: pathlib.Path, tasks_root: pathlib.Path):
    context = multiprocessing.get_context("spawn")
    self._jobs: dict[Any, Job] = {}
    self._free: list[multiprocessing.connection.Connection] = []
    self._processes = []
    root.mkdir(parents=True, exist_ok=True)
    for _ in range(count):
      ours, theirs = context.Pipe()
      process = context.Process(target=_work, args=(theirs, settings, str(root), str(tasks_root)), daemon=True)
      process.start()
      theirs.close()
      self._processes.append(process)
      self._free.append(ours)

  @property
  def free(self) -> bool:
    return bool(self._free)

  @property
  def busy(self) -> bool:
    return bool(self._jobs)

  def start(self, job: Job) -> None:
    channel = self._free.pop()
    channel.send(job)
    self._jobs[channel] = job

  def wait(self) -> list[tuple[Job, Tally | str]]:
    """Waits for at least one run to end: its tally, or why the task cannot be searched.

    Raises:
      ConfigError, OSError: what would stop every run.
    """
    found = []
    for channel in multiprocessing.connection.wait(list(self._jobs)):
      job = self._jobs.pop(channel)
      try:
        answer = channel.recv()
      except EOFError as error:
        raise ConfigError(f"The process that ran {job.folder} died; its own message stands above. The same command "
                          "goes on.") from error
      if isinstance(answer, Exception):
        raise answer
      self._free.append(channel)
      found.append((job, answer))
    return found

  def __enter__(self) -> Workers:
    return self

  def __exit__(self, *exception) -> None:
    for channel in self._free:
      with contextlib.suppress(OSError):
        channel.send(None)
    for process in self._processes:
      process.join(2.0 if self._free and not self._jobs else 0.0)
      process.kill()
    for process in self._processes:
      process.join()
