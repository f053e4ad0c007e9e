"""Kills a search at random instants, again and again, and compares what is left with a run that nobody disturbed.

  python launch/bench_crash.py --kills=100 --steps=2000 --out=bench_crash.json

The search runs with the real sandbox. A life ends by SIGKILL: one in three at a random instant of its start (imports,
replay, workers coming up), the others after a random number of admitted batches and a random part of a batch. After
each one: is every batch that was counted stored, is the store sound, is it a prefix of the undisturbed trace, are all
processes of the run gone? After the last, the run is left to end, and its trace must equal the undisturbed one byte for
byte. Exits with 1 where any answer is no. A program that ends just before its CPU limit in one run and just behind it
in another is counted apart, see Settled.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from eft_jax import core, sandbox, store
from eft_jax.core import Outcome
from eft_jax.search import loop
from eft_jax.search.settings import SearchSettings
from launch import common

GONE_SECONDS = 3.0  # until all processes of a killed run must have ended

_KILLS = flags.DEFINE_integer("kills", 100, "How many lives end by SIGKILL.", lower_bound=0)
_TASK = flags.DEFINE_string("task", "thomson_energy_12", "Task of the search.")
_STEPS = flags.DEFINE_integer("steps", 2000, "Steps of the search.", lower_bound=1)
_BATCH = flags.DEFINE_integer("batch", 2, "Steps of a batch, stored in one transaction.", lower_bound=1)
_LAG = flags.DEFINE_integer("lag", 4, "Batches under way.", lower_bound=1)
_WORKERS = flags.DEFINE_integer("workers", 2, "Processes that evaluate.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the search, and of the instants of the kills.")
_ALLOW_WEAK = flags.DEFINE_bool("allow_weak", False, "As --config.sandbox.allow_weak of launch/search.py.")
_OUT = flags.DEFINE_string("out", None, "JSON file for all figures.")
_RUN = flags.DEFINE_string("run", None, "Used by this program for its lives: searches in this folder.")
_REFERENCE = flags.DEFINE_string("reference", None, "Used by this program for its lives: store of the undisturbed run.")


def say(word: str) -> None:
  """A line for the watching process, whole also where two threads speak."""
  sys.stdout.write(word + "\n")
  sys.stdout.flush()


class Counted:
  """Progress that prints each count of steps: what is printed must be stored."""

  def __call__(self, done: int, total: int, unit: str = "step", text: str = "", force: bool = False) -> None:
    say(str(done))

  def say(self, text: str) -> None:
    pass


class Settled:
  """The real pool, but what the undisturbed run found counts where a program meets its CPU limit in one run alone.

  CPU time decides that limit, and no machine measures it alike twice: of programs that end just before it, some are cut
  off the next time. This is no matter of the store, so it is counted and kept out of the comparison.
  """

  def __init__(self, pool: sandbox.Pool, reference: str):
    self._pool, self._reference = pool, reference
    self.settings = pool.settings  # the key of hidden seeds, which is part of the run's id
    self._known: dict[tuple[str, str], core.Attempt] = {}
    with store.Store(reference, read_only=True) as opened:
      for attempt in opened.read():
        if attempt.program is not None and attempt.outcome not in (Outcome.DUPLICATE, Outcome.INFRA):
          start = None if attempt.parent is None else opened.start_of(attempt.parent)
          self._known[attempt.program.hash, start or ""] = attempt

  def submit(self, task_name: str, program: core.Program, **options: Any) -> concurrent.futures.Future:
    start = "" if options.get("previous") is None else store.construction_hash(options["previous"])
    answer: concurrent.futures.Future = concurrent.futures.Future()

    def done(future: concurrent.futures.Future) -> None:
      try:
        answer.set_result(self._settle(program, start, future.result()))
      except BaseException as error:
        answer.set_exception(error)

    self._pool.submit(task_name, program, **options).add_done_callback(done)
    return answer

  def _settle(self, program: core.Program, start: str, found: sandbox.Evaluation) -> sandbox.Evaluation:
    known = self._known.get((program.hash, start))
    if known is None or known.outcome == found.outcome or Outcome.TIMEOUT not in (known.outcome, found.outcome):
      return found
    say("settled")
    texts, array = dict(known.artifacts), None
    if known.construction is not None:
      with store.Store(self._reference, read_only=True) as opened:
        array = opened.construction(known.construction)
    return sandbox.Evaluation(
        known.outcome, value=known.value, score=known.score, metrics=known.metrics, message=known.message,
        stdout=texts.pop("stdout", ""), artifacts=texts, construction=array)


def search(workdir: str) -> None:
  """One life."""
  protections = sandbox.SandboxSettings(allow_weak=_ALLOW_WEAK.value)
  settings = SearchSettings(task=_TASK.value, steps=_STEPS.value, batch=_BATCH.value, lag=_LAG.value,
                            workers=_WORKERS.value, seed=_SEED.value, sandbox=protections)
  with contextlib.ExitStack() as stack:
    pool = stack.enter_context(sandbox.Pool(settings.workers, protections))
    if _REFERENCE.value:
      pool = Settled(pool, _REFERENCE.value)
    loop.run_search(settings, workdir, Counted(), evaluate_pool=pool)


class Life:
  """A search in a process of its own, watched by what it prints."""

  def __init__(self, workdir: pathlib.Path):
    command = [sys.executable, __file__, f"--run={workdir}"] + [
        f"--{flag.name}={flag.value}" for flag in (_TASK, _STEPS, _BATCH, _LAG, _WORKERS, _SEED, _ALLOW_WEAK)]
    reference = workdir.with_name("whole") / store.FILE_NAME
    if workdir.name != "whole":
      command.append(f"--reference={reference}")
    self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    self.counted = self.lines = self.settled = 0
    self._thread = threading.Thread(target=self._read, daemon=True)
    self._thread.start()

  def _read(self) -> None:
    for line in self.process.stdout:
      if line.startswith("settled"):
        self.settled += 1
      else:
        self.counted, self.lines = int(line), self.lines + 1

  def wait_for(self, lines: int) -> None:
    """Until so many batches are counted, or the process has ended."""
    while self.lines < lines and self.process.poll() is None:
      time.sleep(0.0005)

  def kill(self) -> bool:
    """Whether it was still there to be killed. Raises RuntimeError where it failed by itself."""
    below = _below(self.process.pid)
    self.process.kill()
    code = self.process.wait()
    self._thread.join()
    if code not in (0, -signal.SIGKILL):
      raise RuntimeError(f"The search failed by itself: {self.process.stderr.read()[-2000:]}")
    self.process.stderr.close()
    deadline = time.monotonic() + GONE_SECONDS
    while any(map(_runs, below)) and time.monotonic() < deadline:
      time.sleep(0.01)
    self.left = sum(map(_runs, below))
    return code != 0


def _below(pid: int) -> list[int]:
  found = []
  for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
    try:
      for child in path.read_text().split():
        found += [int(child), *_below(int(child))]
    except OSError:
      continue
  return found


def _runs(pid: int) -> bool:
  try:
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
  except OSError:
    return False


def trace(workdir: pathlib.Path) -> list[str]:
  """The stored attempts as lines without times, `infra` failures left out; [] where no store was born yet."""
  path = workdir / store.FILE_NAME
  if not path.exists():
    return []
  target = workdir / "trace.jsonl"
  with store.Store(path, read_only=True) as opened:
    store.export_trace(opened, target)
  return [line for line in target.read_text().splitlines(keepends=True)
          if json.loads(line)["outcome"] != Outcome.INFRA.value]


def judge(lines: list[str], whole: list[str], counted: int) -> str:
  """What is wrong with the store of a killed run: '' for nothing."""
  if lines != whole[:len(lines)]:
    return "it is no prefix of the undisturbed trace"
  if lines and json.loads(lines[-1])["step"] < counted:
    return f"step {counted} was counted, the last one stored is {json.loads(lines[-1])['step']}"
  return "" if lines or not counted else f"step {counted} was counted, and nothing is stored"


def one_kill(workdir: pathlib.Path, draw: random.Random, start: float, most: int) -> tuple[Life, bool]:
  """A life and its end.

  Args:
    start: seconds that an undisturbed start takes.
    most: batches that the life may reach.
  """
  life = Life(workdir)
  if draw.random() < 1 / 3:
    deadline = time.monotonic() + draw.uniform(0, start)
    while time.monotonic() < deadline and life.process.poll() is None:
      time.sleep(0.001)
  else:
    life.wait_for(draw.randint(1, most))
    time.sleep(draw.uniform(0, 0.02))
  return life, life.kill()


def finished(workdir: pathlib.Path) -> Life:
  """A life that nobody ends."""
  life = Life(workdir)
  life.process.wait()
  life.kill()
  return life


def series(folder: pathlib.Path, progress: common.Progress) -> dict[str, Any]:
  """The undisturbed run, the kills, and the end. Where a run ends before the kills do, another one takes the rest."""
  begun = time.monotonic()
  first = Life(folder / "whole")
  first.wait_for(1)
  start = time.monotonic() - begun
  first.process.wait()
  first.kill()
  whole = trace(folder / "whole")
  draw, lives, broken, runs = random.Random(_SEED.value), [], [], [folder / "0"]
  kills = left = 0
  while kills < _KILLS.value:
    stored = lives[-1]["stored"] if lives else 0
    most = max(1, 2 * (len(whole) - stored) // (_BATCH.value * (_KILLS.value - kills + 1)))
    life, killed = one_kill(runs[-1], draw, start, most)
    lines = trace(runs[-1])
    problem = judge(lines, whole, life.counted)
    broken += [problem] if problem else []
    kills, left = kills + killed, left + life.left
    lives.append({"run": len(runs), "killed": killed, "counted": life.counted, "stored": len(lines),
                  "settled": life.settled})
    progress(kills, _KILLS.value, "kill", f"{len(lines)} of {len(whole)} attempts stored, {len(broken)} stores broken")
    if not killed and kills < _KILLS.value:
      runs.append(folder / str(len(runs)))
  last = finished(runs[-1])
  expected = (folder / "whole" / "trace.jsonl").read_bytes()
  for run in runs:
    trace(run)
  return {"kills": kills, "during_start": sum(life["counted"] == 0 for life in lives), "attempts": len(whole),
          "runs": len(runs), "broken": broken, "processes_left": left,
          "settled": last.settled + sum(life["settled"] for life in lives),
          "same": [(run / "trace.jsonl").read_bytes() == expected for run in runs], "lives": lives}


def main() -> None:
  common.parse()
  if _RUN.value:
    search(_RUN.value)
    return
  start = time.monotonic()
  with tempfile.TemporaryDirectory(prefix="bench_crash") as folder:
    result = series(pathlib.Path(folder), common.Progress("bench_crash"))
  result["seconds"] = round(time.monotonic() - start, 1)
  if _OUT.value:
    common.write_json(pathlib.Path(_OUT.value), result)
  print("{kills} kills ({during_start} before the first batch of a life) over {runs} run(s) of {attempts} attempts; "
        "stores broken: {n}; processes left: {processes_left}; traces equal byte for byte: {equal} of {runs}; "
        "programs at their CPU limit: {settled}; {seconds} s".format(
            n=len(result["broken"]), equal=sum(result["same"]), **result))
  for problem in result["broken"]:
    print(f"  {problem}")
  raise SystemExit(0 if not result["broken"] and not result["processes_left"] and all(result["same"]) else 1)


if __name__ == "__main__":
  main()
