"""Which protections hold on this machine, and whether they suffice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from eft_jax.core import Limits, Program
from eft_jax.core import task as task_lib
from eft_jax.core.settings import ConfigError
from eft_jax.sandbox import fork_server, session
from eft_jax.sandbox import settings as settings_lib

# What must hold, and by which protections at which version: one of them is enough. Before version 3 Landlock lets a
# program truncate what it may read.
_GUARANTEES = {
    "files (sources, tasks, keys and the store are out of reach)": {"namespaces": 1, "landlock": 3},
    "processes (a candidate ends with all that it has started)": {"namespaces": 1, "seccomp": 1},
    "network (none)": {"namespaces": 1, "seccomp": 1},
}


@dataclasses.dataclass(frozen=True)
class Strength:
  """Protections that are active, as found by starting a fork server.

  Attributes:
    active: by name: namespaces, user_namespace (whether one was needed for them), landlock (ABI version, 0 for none),
      seccomp, uid (candidates run as a user of their own); `namespaces_error` says why there are none.
    missing: the guarantees that no active protection gives.
  """

  active: Mapping[str, bool | int | str]
  missing: tuple[str, ...]

  @property
  def sufficient(self) -> bool:
    return not self.missing


def judge(active: Mapping[str, bool | int | str]) -> Strength:
  """Which guarantees a set of active protections leaves open."""
  missing = tuple(name for name, layers in _GUARANTEES.items()
                  if not any(int(active[layer]) >= least for layer, least in layers.items()))
  return Strength(dict(active), missing)


def strength(settings: settings_lib.SandboxSettings | None = None) -> Strength:
  """Starts a fork server and reports what it could put in force."""
  server = fork_server.ForkServer(settings or settings_lib.SandboxSettings())
  try:
    return judge(server.active)
  finally:
    server.close()


_PROBE = """
import os, socket, threading

def probe(source, key, tasks):
  held = {}
  def attempt(name, action):
    try:
      action()
    except BaseException:
      held[name] = True
    else:
      held[name] = False
  def fork():
    if os.fork() == 0:
      os._exit(0)
  attempt("cannot read the project's sources", lambda: open(source).read())
  attempt("cannot read the key of hidden seeds", lambda: open(key).read())
  attempt("cannot list the tasks", lambda: os.listdir(tasks))
  attempt("cannot read about other processes", lambda: open("/proc/1/cmdline").read())
  attempt("cannot write beside its own folder", lambda: open("/var/tmp/eft_jax_probe", "w"))
  attempt("cannot make a socket", lambda: socket.socket())
  attempt("cannot start a process", fork)
  attempt("cannot run a program", lambda: os.execv("/bin/true", ["true"]))
  attempt("cannot signal its parent", lambda: os.kill(os.getppid(), 0))
  return held
"""


def verify(settings: settings_lib.SandboxSettings | None = None) -> tuple[Strength, dict[str, bool]]:
  """Starts a fork server and lets a candidate try what must not be: (protections, what held)."""
  settings = settings or settings_lib.SandboxSettings()
  settings_lib.secret_key(settings)
  server = fork_server.ForkServer(settings)
  try:
    door = session.PythonSession(server, Program(_PROBE), Limits(), key=b"", task="probe", fidelity="search",
                                    previous=None)
    held = door.call("probe", __file__, str(settings_lib.secret_path()), str(task_lib.TASKS_ROOT))
    door.close()
    return judge(server.active), held
  finally:
    server.close()


def require(active: Mapping[str, bool | int | str], allow_weak: bool) -> None:
  """Raises ConfigError where the protections do not suffice and that is not allowed."""
  found = judge(active)
  if found.missing and not allow_weak:
    reason = f" ({active['namespaces_error']})" if active.get("namespaces_error") else ""
    raise ConfigError(f"This machine cannot hold hostile programs: no protection of {'; '.join(found.missing)}{reason}."
                      " Run where user namespaces, or Landlock and seccomp, are allowed, or accept the risk with "
                      "--config.sandbox.allow_weak=True.")
