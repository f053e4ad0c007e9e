"""Landlock: file, TCP and signal rules that a process lays on itself for good. Works without root and in containers."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence

import libc

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# All file rights that each ABI version knows; later versions add no file rights up to 7.
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_HANDLED_NEWEST = (1 << 16) - 1
_TCP_BIND_AND_CONNECT, _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3, 3


def version() -> int:
  """The ABI version that the kernel offers; 0 for none."""
  try:
    return libc.call("syscall", _CREATE_RULESET, None, 0, 1)
  except OSError:
    return 0


def ruleset(read: Sequence[str], write: Sequence[str]) -> int:
  """A descriptor of rules: read and execute below `read`, everything but devices below `write`, nothing elsewhere.

  TCP is refused from ABI 4 on; signals to, and abstract sockets of, processes outside from ABI 6 on.
  Paths that do not exist are skipped.
  """
  abi = version()
  handled = _HANDLED.get(abi, _HANDLED_NEWEST)
  attributes = struct.pack("<QQQ", handled, _TCP_BIND_AND_CONNECT, _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS)
  size = 8 if abi < 4 else 16 if abi < 6 else 24
  rules = libc.call("syscall", _CREATE_RULESET, attributes, size, 0)
  for paths, rights in ((read, _EXECUTE | _READ_FILE | _READ_DIR), (write, handled)):
    for path in paths:
      try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
      except FileNotFoundError:
        continue
      try:
        mask = handled if stat.S_ISDIR(os.fstat(fd).st_mode) else handled & _FILE_RIGHTS
        libc.call("syscall", _ADD_RULE, rules, 1, struct.pack("<Qi", rights & mask, fd), 0)
      finally:
        os.close(fd)
  return rules


def restrict(rules: int) -> None:
  """Lays the rules on this process and all its future children; needs no_new_privs."""
  libc.call("syscall", _RESTRICT_SELF, rules, 0)


