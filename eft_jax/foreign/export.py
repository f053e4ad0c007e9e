"""A task of ours as an OpenEvolve folder: initial_program, evaluator.py and config.yaml, for OpenEvolve 0.4.0.

The evaluator runs candidates in our sandbox. With EFT_JAX_DIRECT=1 it calls them in its own process, as OpenEvolve's
examples do: cheap and without any protection, and hidden seeds are not hidden there.
"""

from __future__ import annotations

import pathlib

import yaml

from eft_jax import core
from eft_jax.core import task as task_lib
from eft_jax.core.settings import ConfigError

_ROOT = pathlib.Path(__file__).resolve().parents[2]
FAILED = -1e6  # combined score of a program without a value: below that of any valid one

_EVALUATOR = '''"""Evaluates a program for the task {name} of eft_jax; combined_score is the common score.

Candidates run in eft_jax's sandbox; with EFT_JAX_DIRECT=1 in this very process, without protection.
"""

import atexit
import hashlib
import importlib.util
import os
import pathlib
import sys
import time

try:
  import eft_jax
except ImportError:
  sys.path.append({root!r})  # the checkout that wrote this file

import numpy as np

from eft_jax import core

NAME, TASKS = {name!r}, pathlib.Path({tasks!r})
FAILED = {failed!r}
TASK = core.load(NAME, TASKS)
_POOL = []


def evaluate(program_path):
  if os.environ.get("EFT_JAX_DIRECT") == "1":
    return _direct(program_path)
  return _sandboxed(program_path)


def _sandboxed(program_path):
  from eft_jax import sandbox
  if not _POOL:
    _POOL.append(sandbox.Pool(1, tasks_root=TASKS))
    atexit.register(_POOL[0].close)
  with open(program_path, encoding="utf-8") as file:
    program = core.Program(file.read(), TASK.language)
  result = _POOL[0].evaluate(NAME, program)
  if not result.ok:
    return _failed(str(result.outcome), result.message)
  return _scored(result.value, result.score, result.metrics, result.artifacts)


def _direct(program_path):
  try:
    score = TASK.evaluate(Session(program_path))
  except core.Invalid as error:
    return _failed("invalid", str(error))
  except Exception as error:
    return _failed("crash", f"{{type(error).__name__}}: {{error}}")
  return _scored(score.value, TASK.score(score.value), score.metrics, score.artifacts)


def _failed(outcome, message):
  return {{"combined_score": FAILED, "validity": 0.0, "error": f"{{outcome}}: {{message}}",
          "artifacts": {{"error": f"{{outcome}}: {{message}}"}}}}


def _scored(value, score, metrics, artifacts):
  return {{**metrics, "combined_score": score, "value": value, "validity": 1.0, "artifacts": dict(artifacts)}}


class Session:
  """Calls a Python program in this process; results as plain data, where that takes no copying."""

  fidelity, previous = "search", None

  def __init__(self, program_path):
    spec = importlib.util.spec_from_file_location("candidate", program_path)
    self._module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(self._module)
    self._used = 0.0

  def call(self, entry, *arguments):
    start = time.process_time()
    result = _plain(getattr(self._module, entry)(*arguments))
    self._used += time.process_time() - start
    return result

  def cpu_seconds(self):
    return self._used

  def seeds(self, label, count):
    digests = (hashlib.sha256(f"{{NAME}} {{label}} {{i}}".encode()).digest() for i in range(count))
    return [int.from_bytes(digest[:8], "little") >> 1 for digest in digests]


def _plain(x):
  kind = type(x)
  if kind in (list, tuple):
    return [_plain(item) for item in x]
  if kind is dict:
    return {{key: _plain(item) for key, item in x.items()}}
  return x.item() if isinstance(x, np.generic) else x
'''


def write(task: core.Task, out: pathlib.Path, root: pathlib.Path = task_lib.TASKS_ROOT) -> list[pathlib.Path]:
  """Writes the folder and returns its files.

  Args:
    root: folder of the task files, which the evaluator reads.

  Raises:
    ConfigError: a foreign task; a language that OpenEvolve's evaluators cannot call; or the folder cannot be written.
  """
  if task.origin:
    raise ConfigError(f"{task.name} is a folder already: copy {task.origin.partition('#')[0]}.")
  suffix = ".cpp" if task.language == "cpp" else ".py"
  mark = "//" if task.language == "cpp" else "#"
  config = {
      "max_iterations": 100, "random_seed": 0, "diff_based_evolution": True, "max_code_length": 20000,
      "language": task.language, "file_suffix": suffix,
      "prompt": {"system_message": f"{task.statement.strip()}\n"},
      "evaluator": {"timeout": int(task.limits.wall_seconds) + 1, "cascade_evaluation": False},
      "llm": {"api_base": "http://127.0.0.1:30000/v1", "models": [{"name": "default", "weight": 1.0}]}}
  yaml_text = yaml.safe_dump(config, sort_keys=False, width=110)
  texts = {
      f"initial_program{suffix}": f"{mark} EVOLVE-BLOCK-START\n{task.seed.rstrip()}\n{mark} EVOLVE-BLOCK-END\n",
      "evaluator.py": _EVALUATOR.format(name=task.name, tasks=str(root.resolve()), root=str(_ROOT), failed=FAILED),
      "config.yaml": f"# {task.name} of eft_jax, for OpenEvolve.\n{yaml_text}"}
  try:
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
      (out / name).write_text(text, encoding="utf-8")
  except OSError as error:
    raise ConfigError(f"--out={out} cannot be written: {error}.") from error
  return [out / name for name in texts]
