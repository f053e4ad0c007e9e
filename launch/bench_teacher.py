"""How good and how fast the scripted teacher is, on every task.

  python launch/bench_teacher.py --gains --steps=200 --workdir=DIR      does it improve on the seed program?
  python launch/bench_teacher.py --steps=400 --out=teacher.json         all its kinds of edits against numbers alone

With --gains, one search for each task, as many at a time as there are cores: value and score at the beginning and at
the end, the share of edits that were better than a valid parent, milliseconds for each attempt. The same command with
the same --workdir goes on where it was stopped, and searches again the tasks that have changed since.

Without it, both searches have the same steps, seed, archive and full prompts with shares of rewrites, crossovers and
repairs. Prints for every task the best scores, what part of the gain changed numbers alone explain, steps per second;
then on how many tasks they explain at least 95 % of it, and the proposer's own CPU time per reply. With --kinds also,
for each kind of edit, how many attempts there were and what share of them was valid and better than its parent: the
weights of eft_jax/search/proposers/kinds.py follow that column, measured with --tasks=train.
"""

from __future__ import annotations

import collections
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from eft_jax import core, store
from eft_jax.core.settings import ConfigError, from_mapping
from eft_jax.search import loop
from eft_jax.search.proposers import Request, scripted
from eft_jax.search.settings import SearchSettings
from launch import common

_STEPS = flags.DEFINE_integer("steps", 400, "Steps of each search.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the searches.")
_TASKS = flags.DEFINE_list("tasks", ["all"], "Names of tasks, or 'all', or 'train' for those of training families.")
_KINDS = flags.DEFINE_bool("kinds", False, "Also print what became of each kind of edit.")
_WORKERS = flags.DEFINE_integer("workers", 2, "Processes that evaluate; no effect on what is found.", lower_bound=1)
_ALLOW_WEAK = flags.DEFINE_bool("allow_weak", False, "As --config.sandbox.allow_weak of launch/search.py.")
_GAINS = flags.DEFINE_bool("gains", False, "Only say which tasks the teacher improves; see the top.")
_PROCESSES = flags.DEFINE_integer("processes", len(os.sched_getaffinity(0)), "Searches at a time, for --gains.",
                                  lower_bound=1)
_OUT = flags.DEFINE_string("out", None, "File for all figures, as JSON.")

EXPLAINED = 0.95


class Silent:
  """Progress of one run, which nobody needs to see."""

  def __call__(self, done: int, total: int, unit: str = "step", text: str = "", force: bool = False) -> None:
    pass

  def say(self, text: str) -> None:
    pass


class Timed(scripted.Scripted):
  """The scripted proposer with a clock."""

  def __init__(self, literal_only: bool):
    super().__init__(literal_only)
    self.seconds = 0.0

  def propose(self, requests):
    start = time.thread_time()
    try:
      return super().propose(requests)
    finally:
      self.seconds += time.thread_time() - start


def settings_of(task: str, seed: int, steps: int, workers: int, allow_weak: bool) -> SearchSettings:
  return from_mapping(SearchSettings, {
      "task": task, "seed": seed, "steps": steps, "workers": workers,
      "prompt": {"profile": "full", "rewrite_share": 0.1, "crossover_share": 0.15, "fix_share": 0.1},
      "sandbox": {"allow_weak": allow_weak}})


def search(task: str, literal_only: bool, folder: pathlib.Path) -> tuple[dict[str, Any], list[core.Attempt]]:
  """One search: its results with steps per second and CPU seconds per reply, and its attempts."""
  settings = settings_of(task, _SEED.value, _STEPS.value, _WORKERS.value, _ALLOW_WEAK.value)
  proposer, start = Timed(literal_only), time.monotonic()
  results = loop.run_search(settings, folder, Silent(), proposer)
  results |= {"rate": _STEPS.value / (time.monotonic() - start), "reply_cpu": proposer.seconds / _STEPS.value}
  with store.Store(folder / store.FILE_NAME, read_only=True) as opened:
    return results, list(opened.read())


def tally(attempts: list[core.Attempt], counts: dict[str, list[int]]) -> None:
  """Adds (attempts, valid, better than the parent) of each kind of edit."""
  scores = {a.step: a.score if a.ok else None for a in attempts if a.outcome is not core.Outcome.INFRA}
  for attempt in attempts:
    if attempt.parent is not None and attempt.outcome is not core.Outcome.INFRA:
      kind = scripted.answer(Request(attempt.prompt, attempt.seed, attempt.edit))[2]
      parent = scores[attempt.parent]
      better = attempt.ok and (parent is None or attempt.score > parent)
      for index, value in enumerate((True, attempt.ok, better)):
        counts[kind][index] += value


def compare(task: str, folder: pathlib.Path, counts: dict[str, list[int]]) -> dict[str, Any]:
  """One task with all kinds and with changed numbers alone."""
  every, attempts = search(task, False, folder / task / "all")
  literal, _ = search(task, True, folder / task / "literal")
  tally(attempts, counts)
  gain = every["best_score"] - every["initial_score"]
  part = (literal["best_score"] - literal["initial_score"]) / gain if gain > 0 else None
  return {"task": task, "initial": every["initial_score"], "all": every["best_score"], "literal": literal["best_score"],
          "explained": part, "rate": every["rate"], "reply_cpu": every["reply_cpu"], "outcomes": every["outcomes"]}


def show(rows: list[dict[str, Any]], counts: dict[str, list[int]]) -> dict[str, Any]:
  """Prints the tables; returns the totals."""
  print(f"{'task':32} {'initial':>8} {'all':>8} {'literal':>8} {'explained':>9} {'steps/s':>8} {'ms/reply':>8}")
  for row in rows:
    part = "-" if row["explained"] is None else f"{row['explained']:.0%}"
    print(f"{row['task']:32} {row['initial']:8.4f} {row['all']:8.4f} {row['literal']:8.4f} {part:>9} "
          f"{row['rate']:8.1f} {1000 * row['reply_cpu']:8.2f}")
  gained = [row for row in rows if row["explained"] is not None]
  explained = sum(row["explained"] >= EXPLAINED for row in gained)
  cpu = sum(row["reply_cpu"] for row in rows) / len(rows)
  print(f"Changed numbers alone explain at least {EXPLAINED:.0%} of the gain on {explained} of {len(gained)} tasks "
        f"with a gain; {1000 * cpu:.2f} ms of CPU per reply.")
  if _KINDS.value:
    print(f"{'kind':12} {'tries':>6} {'valid':>6} {'better':>6}")
    for kind, (tries, valid, better) in sorted(counts.items(), key=lambda item: -item[1][2] / item[1][0]):
      print(f"{kind:12} {tries:6d} {valid / tries:6.0%} {better / tries:6.1%}")
  return {"explained": explained, "gained": len(gained), "reply_cpu": cpu, "kinds": dict(counts)}


# --- gains ------------------------------------------------------------------------------------------------------------

def gain(settings: SearchSettings, folder: pathlib.Path) -> dict[str, Any]:
  """One search, in a process of its own, or what it left behind; a failure is part of the row."""
  task, file = core.load(settings.task), folder / "gain.json"
  key = {"version": task.version, "seed": settings.seed, "steps": settings.steps}
  if file.exists() and (row := json.loads(file.read_text())).items() >= key.items():
    return row
  row = {"task": task.name, "domain": task.domain, "split": task.split, "language": task.language, **key}
  start = time.monotonic()
  try:
    try:
      results = loop.run_search(settings, folder, Silent(), scripted.Scripted())
    except ConfigError:  # a run of another version of the task, or of this one with other settings
      shutil.rmtree(folder, ignore_errors=True)
      results = loop.run_search(settings, folder, Silent(), scripted.Scripted())
  except ConfigError as error:
    return {**row, "error": str(error)}
  seconds = time.monotonic() - start
  with store.Store(folder / store.FILE_NAME, read_only=True) as opened:
    attempts = [a for a in opened.read() if a.outcome is not core.Outcome.INFRA]
  scores = {a.step: a.score for a in attempts if a.ok}
  better = sum(a.ok and a.parent in scores and a.score > scores[a.parent] for a in attempts)
  row |= {name: results[name] for name in ("initial_value", "best_value", "initial_score", "best_score", "best_step",
                                           "outcomes")}
  row |= {"improving": better / max(results["steps"], 1), "ms": 1000 * seconds / len(attempts),
          "candidate_ms": 1000 * sum(a.cpu_seconds for a in attempts) / len(attempts)}
  common.write_json(file, row)
  return row


def show_gains(rows: list[dict[str, Any]]) -> dict[str, Any]:
  """Prints the table; returns the totals."""
  print(f"{'task':38} {'split':8} {'seed value':>12} {'value':>12} {'score':>8} {'gain':>8} {'at':>4} {'better':>6} "
        f"{'ms':>6} {'of it':>6}")
  done = [row for row in rows if "error" not in row]
  for row in done:
    print(f"{row['task']:38} {row['split']:8} {row['initial_value']:12.6g} {row['best_value']:12.6g} "
          f"{row['best_score']:8.4f} {row['best_score'] - row['initial_score']:8.4f} {row['best_step']:4d} "
          f"{row['improving']:6.1%} {row['ms']:6.0f} {row['candidate_ms']:6.0f}")
  for row in rows:
    if "error" in row:
      print(f"{row['task']:38} {row['error']}")
  stuck = [row["task"] for row in done if not row["best_score"] > row["initial_score"]]
  print(f"The teacher improves {len(done) - len(stuck)} of {len(rows)} tasks within {_STEPS.value} steps; 'of it' is "
        f"the candidate's own CPU time. Not: {', '.join(stuck) or 'none'}.")
  return {"improved": len(done) - len(stuck), "stuck": stuck}


def gains(names: list[str], folder: pathlib.Path) -> list[dict[str, Any]]:
  """A row for each task, in the order of the names."""
  progress, rows, context = common.Progress("teacher"), {}, multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(_PROCESSES.value, mp_context=context) as pool:
    jobs = [pool.submit(gain, settings_of(name, _SEED.value, _STEPS.value, 1, _ALLOW_WEAK.value), folder / name)
            for name in names]
    try:
      for job in concurrent.futures.as_completed(jobs):
        row = job.result()
        rows[row["task"]] = row
        progress(len(rows), len(names), "task", row["task"])
    except BaseException:
      pool.shutdown(wait=False, cancel_futures=True)
      raise
  return [rows[name] for name in names]


def run() -> None:
  known = core.task.load_all()
  names = [name for name in known if _TASKS.value == ["all"] or (
      known[name].split == "train" if _TASKS.value == ["train"] else name in _TASKS.value)]
  unknown = set(_TASKS.value) - {"all", "train"} - set(known)
  if unknown or not names:
    raise ConfigError(f"--tasks names {', '.join(sorted(unknown)) or 'nothing'}; `python launch/tasks.py "
                      "--action=list` shows all tasks.")
  if _GAINS.value:
    with tempfile.TemporaryDirectory() as folder:
      rows = gains(names, pathlib.Path(common.WORKDIR.value or folder))
    totals = show_gains(rows)
    if _OUT.value:
      common.write_json(pathlib.Path(_OUT.value), {"steps": _STEPS.value, "seed": _SEED.value, "rows": rows, **totals})
    return
  counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
  with tempfile.TemporaryDirectory() as folder:
    rows = [compare(name, pathlib.Path(folder), counts) for name in names]
  totals = show(rows, counts)
  if _OUT.value:
    common.write_json(pathlib.Path(_OUT.value), {"steps": _STEPS.value, "seed": _SEED.value, "rows": rows, **totals})


if __name__ == "__main__":
  common.parse()
  try:
    run()
  except ConfigError as error:
    common.fail(error)
