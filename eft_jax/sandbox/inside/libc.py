"""System calls that Python's os module lacks, each raising OSError on failure."""

from __future__ import annotations

import ctypes
import os
import signal

_LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38


def call(name: str, *arguments: int | bytes | None | ctypes.Array) -> int:
  """One function of libc; ints are passed as C long."""
  converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
  result = getattr(_LIBC, name)(*converted)
  if result < 0:
    number = ctypes.get_errno()
    raise OSError(number, f"{name}: {os.strerror(number)}")
  return result


def prctl(option: int, value: int | ctypes.Array = 0, extra: int | bytes = 0) -> None:
  call("prctl", option, value, extra, 0, 0)


def die_with_parent() -> None:
  """SIGKILL when the parent dies. The kernel forgets this at a change of credentials: call it after them."""
  prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def drop_capabilities() -> None:
  """Empties the effective, permitted and inheritable sets of this thread."""
  header = (ctypes.c_uint32 * 2)(0x20080522, 0)
  call("capset", header, (ctypes.c_uint32 * 6)())
