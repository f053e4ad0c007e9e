"""Which protections hold on this machine, and whether they suffice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from eft_jax.core.settings import ConfigError
from eft_jax.sandbox import fork_server
from eft_jax.sandbox import settings as settings_lib

# What must hold, and by which protections: one of them is enough.
_GUARANTEES = {
    "files (sources, tasks, keys and the store are out of reach)": ("namespaces", "landlock"),
    "processes (a candidate ends with all that it has started)": ("namespaces", "seccomp"),
    "network (none)": ("namespaces", "seccomp"),
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
  missing = tuple(name for name, layers in _GUARANTEES.items() if not any(active[layer] for layer in layers))
  return Strength(dict(active), missing)


def strength(settings: settings_lib.SandboxSettings | None = None) -> Strength:
  """Starts a fork server and reports what it could put in force."""
  server = fork_server.ForkServer(settings or settings_lib.SandboxSettings())
  try:
    return judge(server.active)
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
