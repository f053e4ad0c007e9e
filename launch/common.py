"""What every launcher shares: flags to settings, one-line errors, work directory, progress, summary, exit codes.

A launcher is `common.launch(run, SettingsClass, default_config)` with `run(settings, workdir, progress) -> results`.
Exit codes: 0 success; 2 one clear line about a bad config or input; 1 failure; 130 or 143 after Ctrl-C or SIGTERM,
when everything already computed is saved and the same command continues.
A launcher that runs as several processes (launch/processes.py) shows progress and writes files in the first one only.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
  sys.path.insert(0, str(ROOT))  # a plain checkout runs without an install

from eft_jax.core import platforms  # noqa: E402

platforms.settle()

from absl import flags  # noqa: E402
from ml_collections import config_flags  # noqa: E402

from eft_jax.core import settings as settings_lib  # noqa: E402
from eft_jax.core.settings import ConfigError  # noqa: E402

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run: config.json, results, summary.json.")


class Stopped(BaseException):
  """SIGTERM or SIGINT arrived. A BaseException, so that no handler of ordinary errors swallows it."""

  def __init__(self, number: int):
    super().__init__(signal.Signals(number).name)
    self.number = number


class Progress:
  """One line on stderr, rewritten in place on a terminal and printed at most every `every` seconds elsewhere."""

  def __init__(self, name: str, every: float = 5.0, silent: bool = False):
    self._name, self._every, self._last, self._silent = name, every, -1e9, silent
    self._first = None  # (done, when) of the count under way
    self._shown = (0, "")
    self._tty = sys.stderr.isatty()

  def __call__(self, done: int, total: int, unit: str = "step", text: str = "", force: bool = False) -> None:
    """Shows `done` of `total` units with rate and time left, and the caller's text; a smaller `done` starts anew."""
    if self._silent:
      return
    now = time.monotonic()
    if self._first is None or done < self._shown[0]:
      self._first = (done, now)
    elif (done, text) == self._shown:
      return
    if not (force or done >= total) and now - self._last < (0.2 if self._tty else self._every):
      return
    self._last, self._shown = now, (done, text)
    first, since = self._first
    rate = (done - first) / max(now - since, 1e-9)
    left = f"{(total - done) / rate:.0f}s left" if rate > 0 and done < total else f"{now - since:.1f}s"
    line = f"[{self._name}] {done}/{total} {unit}s  {rate:.4g} {unit}s/s  {left}  {text}"
    end = "\n" if not self._tty or done >= total or force else ""
    sys.stderr.write(("\r\x1b[K" if self._tty else "") + line + end)
    sys.stderr.flush()

  def say(self, text: str) -> None:
    """A line of its own."""
    if self._silent:
      return
    sys.stderr.write(("\r\x1b[K" if self._tty else "") + f"[{self._name}] {text}\n")
    sys.stderr.flush()


def fail(message: object, code: int = 2) -> None:
  """Prints one line and exits."""
  line = " ".join(str(message).split())
  sys.stderr.write(f"error: {line}\n")
  raise SystemExit(code)


@contextlib.contextmanager
def flag_errors():
  """A flag that cannot be used is one line and exit code 2; config flags raise at their definition and at parsing."""
  try:
    yield
  except SystemExit:
    raise
  except Exception as error:  # config_flags raises KeyError, TypeError, ... and whatever a config file raises
    if isinstance(error, AttributeError) and error.args and isinstance(error.args[0], KeyError):
      fail(f"Unknown key in a --config flag: {error.args[0].args[0]}")
    text = str(error) if isinstance(error, flags.Error) else f"{type(error).__name__}: {error}"
    fail(text if len(text) <= 1000 else f"{text[:1000]} ...")  # config_flags quotes whole configurations


def parse(argv: list[str] | None = None) -> list[str]:
  """Parses absl flags; a bad flag is one line and exit code 2. Returns what is left over."""
  with flag_errors():
    rest = flags.FLAGS(sys.argv if argv is None else argv)[1:]
  if rest:
    fail(f"unexpected argument {rest[0]!r}: flags look like --config.key=value.")
  return rest


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes JSON atomically."""
  temporary = path.with_name(path.name + ".tmp")
  temporary.write_text(json.dumps(value, indent=2, default=str) + "\n")
  os.replace(temporary, path)


def claim_workdir(cls: type, settings: Any, workdir: pathlib.Path, write: bool = True) -> None:
  """Makes the work directory and writes config.json, with `write`; a directory of another configuration is refused.

  Raises:
    ConfigError: names the keys that differ.
  """
  path = workdir / "config.json"
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    if path.exists():
      old = json.loads(path.read_text())
      changed = settings_lib.differences(cls, old, settings_lib.to_dict(settings))
      if changed:
        raise ConfigError(f"{workdir} holds a run with another configuration ({'; '.join(changed[:4])}). "
                          "Use its configuration to resume, or another --workdir.")
    if write:
      write_json(path, settings_lib.to_dict(settings))
  except json.JSONDecodeError as error:
    raise ConfigError(f"{path} is not JSON ({error}): restore it or use another --workdir.") from error
  except OSError as error:
    raise ConfigError(f"--workdir={workdir} cannot be used: {error}.") from error


def release_workdir(workdir: pathlib.Path) -> None:
  """Frees a directory in which nothing happened but its claim, so that the command can be corrected and tried again."""
  with contextlib.suppress(OSError):
    if os.listdir(workdir) == ["config.json"]:
      (workdir / "config.json").unlink()


@contextlib.contextmanager
def stop_signals():
  """SIGTERM and SIGINT raise Stopped in the main thread; a second one kills at once."""
  def handler(number, frame):
    del frame
    signal.signal(number, signal.SIG_DFL)
    raise Stopped(number)
  old = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
  try:
    yield
  finally:
    for number, previous in old.items():
      signal.signal(number, previous)


def summarize(workdir: pathlib.Path, settings: Any, start: float, outcome: str, results: Mapping[str, Any]) -> None:
  """Writes summary.json: command, seed, seconds, outcome and the stage's results."""
  command = "python " + shlex.join(sys.argv)
  write_json(workdir / "summary.json", {
      "command": command, "seed": getattr(settings, "seed", None), "seconds": round(time.monotonic() - start, 3),
      "outcome": outcome, **results})


def launch(run: Callable[[Any, pathlib.Path, Progress], Mapping[str, Any]], cls: type, default_config: str,
           join: Callable[[], int] = lambda: 0) -> None:
  """Runs one stage as a command; never returns.

  Args:
    run: (settings, workdir, progress) -> results for summary.json; raises ConfigError for what the user must change.
    cls: the settings dataclass; `--config` files return a ConfigDict of its fields.
    default_config: path of the config file below the repository root, used when --config is not given.
    join: joins the other processes of the run, if there are any, and tells this one's index.
  """
  with flag_errors():
    text = "Configuration file of the run."
    config_flag = config_flags.DEFINE_config_file("config", str(ROOT / default_config), text)
  parse()
  name = pathlib.Path(sys.argv[0]).stem
  start = time.monotonic()
  if not WORKDIR.value:
    fail("--workdir=DIR is required.")
  workdir = pathlib.Path(WORKDIR.value)
  settings, results, code, index = None, {}, 1, 0

  def leave(outcome: str) -> None:
    if index == 0:
      summarize_quietly(workdir, settings, start, outcome)

  try:
    with flag_errors():
      values = config_flag.value.lock().to_dict()
    settings = settings_lib.from_mapping(cls, values)
    index = join()
    progress = Progress(name, silent=index > 0)
    claim_workdir(cls, settings, workdir, write=index == 0)
    with stop_signals():
      results = run(settings, workdir, progress)
    if index == 0:
      summarize(workdir, settings, start, "ok", results)
    code = 0
  except ConfigError as error:
    if index == 0:
      release_workdir(workdir)
    fail(error)
  except OSError as error:
    if error.errno is None:
      raise
    leave("failed")
    fail(f"{error.strerror}: {error.filename or ''} (errno {error.errno}); what was stored before is kept, "
         "the same command continues.")
  except FloatingPointError as error:  # a run that diverged: its numbers are at fault, no line of code
    leave("failed")
    fail(error, code=1)
  except Stopped as stop:
    progress.say(f"stopped by {stop}; the same command continues.")
    leave("stopped")
    code = 128 + stop.number
  sys.stdout.flush()
  sys.stderr.flush()
  raise SystemExit(code)


def summarize_quietly(workdir: pathlib.Path, settings: Any, start: float, outcome: str) -> None:
  """A summary of an unfinished run; a full disk must not hide the first error."""
  with contextlib.suppress(OSError):
    summarize(workdir, settings, start, outcome, {})
