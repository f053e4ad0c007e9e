"""Tasks on the command line: list, show, check, run one program, export, catalogue, and how strong the sandbox is.

  python launch/tasks.py --action=list [--json]
  python launch/tasks.py --action=show --task=thomson_energy_12
  python launch/tasks.py --action=run --task=thomson_energy_12 [--program=FILE] [--fidelity=full] [--json]
  python launch/tasks.py --action=check [--task=NAME] [--fidelity=search] [--nocheats]
  python launch/tasks.py --action=export --task=thomson_energy_12 --out=DIR
  python launch/tasks.py --action=catalogue          writes tasks/CATALOGUE.md
  python launch/tasks.py --action=sandbox

--task also takes the path of a task folder of OpenEvolve or open-galapagos.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import ml_collections
from absl import flags
from ml_collections import config_flags

from eft_jax import core, foreign, sandbox
from eft_jax.core import settings as settings_lib
from eft_jax.core import task as task_lib
from eft_jax.core.settings import ConfigError
from eft_jax.foreign import export
from eft_jax.sandbox import cheats
from launch import catalogue, common

ACTIONS = ("list", "show", "check", "run", "export", "catalogue", "sandbox")
HEAD_ROOM = 0.95  # a seed program that scores more leaves nothing to search for

_ACTION = flags.DEFINE_enum("action", "list", ACTIONS, "What to do.")
_TASK = flags.DEFINE_string("task", None, "Name of a task, or path of a task folder of OpenEvolve or open-galapagos; "
                            "needed by show, run and export, a restriction for list and check.")
_TRUST = flags.DEFINE_enum("trust", "auto", foreign.TRUSTS, "How a task folder of another project is evaluated.")
_PROGRAM = flags.DEFINE_string("program", None, "Source file for run; the task's seed program when not given.")
_OUT = flags.DEFINE_string("out", None, "Folder that export writes: the task as OpenEvolve reads it.")
_FIDELITY = flags.DEFINE_enum("fidelity", None, ("search", "full"), "For run: search when not given; for check: both.")
_JSON = flags.DEFINE_bool("json", False, "Print one JSON value on stdout and nothing else.")
_ROOT = flags.DEFINE_string("tasks_root", str(task_lib.TASKS_ROOT), "Folder of the task files.")
_CHEATS = flags.DEFINE_bool("cheats", True, "For check: try every cheat on every task as well.")
_WORKERS = flags.DEFINE_integer("workers", len(os.sched_getaffinity(0)), "Processes for check.", lower_bound=1)
with common.flag_errors():
  _CONFIG = config_flags.DEFINE_config_dict(
      "config", ml_collections.ConfigDict({"sandbox": settings_lib.to_dict(sandbox.SandboxSettings())}),
      "Sandbox settings, for example --config.sandbox.limits_scale=2.")


@dataclasses.dataclass(frozen=True)
class TasksSettings:
  """What `--config` holds."""

  sandbox: sandbox.SandboxSettings


def fields(task: core.Task) -> dict[str, Any]:
  """The fields of a task that are data."""
  return {field.name: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
          for field in dataclasses.fields(task) if not callable(value := getattr(task, field.name))}


def table(rows: Sequence[Sequence[object]]) -> str:
  """Rows as left-aligned columns; the first row is the head."""
  texts = [[f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
  widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
  lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
  return "\n".join(line.rstrip() for line in lines)


def show_list(tasks: Sequence[core.Task]) -> tuple[Any, str]:
  head = ("task", "domain", "split", "direction", "baseline", "best known")
  rows = [(t.name, t.domain, t.split, t.direction, float(t.baseline),
           "-" if t.best_known is None else float(t.best_known)) for t in tasks]
  return [fields(task) for task in tasks], table([head, *rows])


def show_one(task: core.Task) -> tuple[Any, str]:
  data = fields(task)
  lines = [f"{name}: {value}" for name, value in data.items() if name not in ("statement", "seed", "harness")]
  return data, "\n".join(lines) + f"\n\n{task.statement.strip()}\n\n--- seed program ---\n{task.seed.rstrip()}"


def read_program(task: core.Task) -> core.Program:
  """The program of --program, or the seed. Raises ConfigError."""
  if not _PROGRAM.value:
    return task.seed_program
  path = pathlib.Path(_PROGRAM.value)
  try:
    source = path.read_text()
  except (OSError, UnicodeDecodeError) as error:
    raise ConfigError(f"--program={path} cannot be read ({error}).") from error
  return core.Program(source, {".py": "python", ".cpp": "cpp", ".cc": "cpp"}.get(path.suffix, task.language))


def run_one(task: core.Task, settings: sandbox.SandboxSettings) -> tuple[Any, str]:
  """Evaluates one program."""
  program = read_program(task)
  with sandbox.Pool(1, settings, _ROOT.value) as pool:
    result = pool.evaluate(task.reference, program, fidelity=_FIDELITY.value or "search")
  data = dataclasses.asdict(result) | {"outcome": result.outcome.value}
  del data["construction"]
  data |= {"task": task.name, "fidelity": _FIDELITY.value or "search", "program_hash": program.hash}
  return data, "\n".join(f"{name}: {value}" for name, value in data.items() if value not in ("", {}))


def check_all(tasks: Sequence[core.Task], settings: sandbox.SandboxSettings) -> tuple[list[dict], str]:
  """Evaluates each seed program twice at `search` and once at `full`, then every cheat, and names what is wrong."""
  fidelities = ("search", "search") if _FIDELITY.value != "full" else ()
  fidelities += ("full",) if _FIDELITY.value != "search" else ()
  tried = {task.name: cheats.cheats(task) if _CHEATS.value and task.trust == "isolated" else [] for task in tasks}
  total = sum(len(fidelities) + len(tried[task.name]) for task in tasks)
  progress, found, done = common.Progress("check"), [], 0
  with sandbox.Pool(_WORKERS.value, settings, _ROOT.value) as pool:
    futures = {task.name: ([pool.submit(task.reference, task.seed_program, fidelity=f) for f in fidelities],
                           [pool.submit(task.reference, cheat.program) for cheat in tried[task.name]])
               for task in tasks}
    for task in tasks:
      seeds, cheated = ([future.result() for future in part] for part in futures[task.name])
      found.append(verdict(task, fidelities, seeds) | {"cheats": len(cheated)})
      found[-1]["problems"] += faults(task, tried[task.name], cheated, seeds[0] if fidelities[0] == "search" else None)
      done += len(seeds) + len(cheated)
      progress(done, total, "evaluation", task.name)
  rows = [(f["task"], f["split"], f["value"], f["score"], f"{1000 * f['cpu_seconds']:.0f} ms",
           "-" if f["full_score"] is None else f["full_score"], f["cheats"], "; ".join(f["problems"]) or "ok")
          for f in found]
  text = table([("task", "split", "value", "score", "cpu", "full score", "cheats", "verdict"), *rows])
  return found, f"{text}\n{check_summary(found)}"


def check_summary(found: Sequence[dict[str, Any]]) -> str:
  times = sorted(1000 * f["cpu_seconds"] for f in found)
  passed = sum(not f["problems"] for f in found)
  return (f"{passed} of {len(found)} tasks pass (families: {len({f['family'] for f in found})}, cheats tried: "
          f"{sum(f['cheats'] for f in found)}). CPU of a seed program: median {times[len(times) // 2]:.0f} ms, "
          f"95 % within {times[min(len(times) - 1, int(0.95 * len(times)))]:.0f} ms.")


def faults(task: core.Task, tried: Sequence[cheats.Cheat], results: Sequence[sandbox.Evaluation],
           honest: sandbox.Evaluation | None) -> list[str]:
  """What the task let pass, by cheat."""
  same = honest.value if honest is not None and not task.timed else None
  found = []
  for cheat, result in zip(tried, results, strict=True):
    broken = f"{result.outcome} {result.message}" if result.outcome in core.NEVER_TRAINED_ON else ""
    if fault := broken or cheat.fault(task, result.value if result.ok else None, same):
      found.append(f"cheat '{cheat.name}': {fault}")
  return found


def verdict(task: core.Task, fidelities: Sequence[str], results: Sequence[sandbox.Evaluation]) -> dict[str, Any]:
  """What `check` says about one task's seed program."""
  problems, pairs = [], list(zip(fidelities, results, strict=True))
  for fidelity, result in pairs:
    if not result.ok:
      problems.append(f"{fidelity}: {result.outcome} {result.message}")
    elif task.best_known is not None and not result.score < HEAD_ROOM:
      problems.append(f"{fidelity}: the seed scores {result.score:.3f}, head-room needs less than {HEAD_ROOM}")
  search = [(result.value, dict(result.metrics)) for fidelity, result in pairs if fidelity == "search"]
  if len(search) == 2 and search[0] != search[1] and not task.timed:
    problems.append(f"two runs differ: {search[0]}, {search[1]}")
  first = results[0]
  full = results[-1] if fidelities[-1] == "full" else None
  return {"task": task.name, "family": task.family, "split": task.split, "value": first.value, "score": first.score,
          "cpu_seconds": first.cpu_seconds, "full_value": full and full.value, "full_score": full and full.score,
          "full_cpu_seconds": full and full.cpu_seconds, "problems": list(dict.fromkeys(problems))}


def report_sandbox(settings: sandbox.SandboxSettings) -> tuple[Any, str]:
  """Active protections, and what a candidate that tries to break out meets."""
  strength, held = sandbox.verify(settings)
  data = {"active": dict(strength.active), "missing": list(strength.missing), "sufficient": strength.sufficient,
          "held": held, "secret_id": sandbox.secret_id(settings)}
  lines = [f"{name:16} {value}" for name, value in strength.active.items()]
  lines += [f"{'held' if ok else 'OPEN':16} a candidate {name}" for name, ok in held.items()]
  lines += [f"{'missing':16} {name}" for name in strength.missing]
  end = "sufficient for hostile programs" if strength.sufficient else "weak: needs --config.sandbox.allow_weak=True"
  return data, "\n".join([*lines, end])


def act(settings: sandbox.SandboxSettings) -> tuple[Any, str, bool]:
  """Does what --action says: (value for --json, text for people, success). Raises ConfigError."""
  if _ACTION.value == "sandbox":
    data, text = report_sandbox(settings)
    return data, text, data["sufficient"] and all(data["held"].values())
  root = pathlib.Path(_ROOT.value)
  if not (root / "held_out.txt").is_file():
    raise ConfigError(f"--tasks_root={root} is no folder of tasks: it has no held_out.txt.")
  if _TASK.value is None and _ACTION.value in ("show", "run", "export"):
    raise ConfigError(f"--action={_ACTION.value} needs --task=NAME; --action=list shows the names.")
  if _TASK.value and _ACTION.value == "catalogue":
    raise ConfigError("--task has no effect with --action=catalogue, which is of all tasks.")
  if (_OUT.value is None) == (_ACTION.value == "export"):
    raise ConfigError("--action=export needs --out=DIR, and no other action takes it.")
  if _TASK.value:
    say = lambda text: print(text, file=sys.stderr)
    tasks = [foreign.load(_TASK.value, foreign.ForeignSettings(trust=_TRUST.value), settings, say, root)]
  else:
    tasks = list(core.load_all(root).values())
  if _ACTION.value == "list":
    return *show_list(tasks), True
  if _ACTION.value == "catalogue":
    file = root / catalogue.FILE_NAME
    file.write_text(catalogue.markdown(tasks, root))
    return {"file": str(file), "tasks": len(tasks)}, f"{len(tasks)} tasks: {file}", True
  if _ACTION.value == "show":
    return *show_one(tasks[0]), True
  if _ACTION.value == "export":
    files = [str(file) for file in export.write(tasks[0], pathlib.Path(_OUT.value), root)]
    return {"task": tasks[0].name, "files": files}, "\n".join(files), True
  if _ACTION.value == "run":
    data, text = run_one(tasks[0], settings)
    return data, text, data["outcome"] not in ("infra", "task_bug")
  data, text = check_all(tasks, settings)
  return data, text, not any(found["problems"] for found in data)


def main() -> None:
  common.parse()
  try:
    settings = settings_lib.from_mapping(TasksSettings, _CONFIG.value.to_dict()).sandbox
    with common.stop_signals():
      data, text, success = act(settings)
  except ConfigError as error:
    common.fail(error)
  except common.Stopped as stop:
    raise SystemExit(128 + stop.number) from None
  print(json.dumps(data) if _JSON.value else text)
  raise SystemExit(0 if success else 1)


if __name__ == "__main__":
  main()
