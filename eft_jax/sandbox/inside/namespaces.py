"""A world of its own: user, mount, PID, network, IPC, UTS namespaces, and a root with only what may be read."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence

import libc

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH, _AT_FDCWD, _AT_RECURSIVE = 2, -100, 0x8000
_SYS_MOUNT_SETATTR = 442
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_STAGE = "/proc"          # any existing folder below which nothing is bound: the new root is mounted over it
_INSIDE_ID = 1000         # the candidate's user and group id where the fork server is not root
# The candidate's folder is not /tmp itself, below which a checkout with its packages may lie.
FOLDER = "/candidate"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_ALL = (libc.CLONE_NEWNS | libc.CLONE_NEWPID | libc.CLONE_NEWNET | libc.CLONE_NEWIPC | libc.CLONE_NEWUTS)


def enter() -> bool:
  """Moves this single-threaded process into new namespaces; its next child is the first of a new PID namespace.

  As root without a user namespace, so that the candidate's user id can be dropped further; otherwise with one.

  Returns:
    Whether a user namespace was needed.

  Raises:
    OSError: the kernel, or the container around this process, does not allow it; nothing has changed.
    RuntimeError: it was allowed by half (AppArmor does so), and this process is of no use any more.
  """
  os.stat(_STAGE + "/self/ns/mnt")  # without a /proc the rest cannot work
  if os.geteuid() == 0:
    try:
      libc.call("unshare", _ALL)
      return False
    except PermissionError:
      pass
  user, group = os.geteuid(), os.getegid()
  libc.call("unshare", _ALL | libc.CLONE_NEWUSER)
  maps = {"setgroups": "deny", "uid_map": f"{_INSIDE_ID} {user} 1", "gid_map": f"{_INSIDE_ID} {group} 1"}
  try:
    for name, text in maps.items():
      with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
  except OSError as error:
    raise RuntimeError(f"user namespaces exist, but not their maps: {error}") from error
  return True


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
  encoded = [None if text is None else text.encode() for text in (source, target, kind)]
  libc.call("mount", *encoded, flags, None if options is None else options.encode())


def _set_attributes(target: str, attributes: int, recursive: bool) -> None:
  """mount_setattr(2): adds attributes to a mount, and to those below it."""
  attr = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
  libc.call("syscall", _SYS_MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE if recursive else 0, attr, 32)


def _show(path: str, attributes: int) -> None:
  """Binds a path of the old root, read-only, to the same place in the new one; symbolic links are made again."""
  target = _STAGE + path
  if os.path.lexists(target):
    return
  os.makedirs(os.path.dirname(target), exist_ok=True)
  if os.path.islink(path):
    os.symlink(os.readlink(path), target)
    return
  if stat.S_ISDIR(os.stat(path).st_mode):
    os.mkdir(target)
  else:
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
  _mount(path, target, None, _MS_BIND | _MS_REC)
  _set_attributes(target, attributes, recursive=True)


def enter_root(read: Sequence[str], hide: Sequence[str], packages: Sequence[str], tmp_mb: int) -> None:
  """Replaces the root by one that holds `read` without `hide`, then `packages`, four devices and an empty folder.

  Args:
    read: folders and links shown read-only, for example the standard library.
    hide: folders below them whose content is not shown, for example site-packages.
    packages: folders and files shown read-only, also within hidden folders.
    tmp_mb: size of FOLDER, the one writable place.
  """
  _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
  _mount("tmpfs", _STAGE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m")
  read_only = _MS_RDONLY | _MS_NOSUID | _MS_NODEV  # the MOUNT_ATTR_ flags have the same values
  for path in read:
    _show(path, read_only)
  for path in hide:
    _mount("tmpfs", _STAGE + path, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=64k")
  for path in packages:
    _show(path, read_only)
  for path in hide:
    _set_attributes(_STAGE + path, _MS_RDONLY, recursive=False)
  for path in _DEVICES:
    _show(path, _MS_RDONLY | _MS_NOSUID)
  os.mkdir(_STAGE + FOLDER)
  if not os.path.lexists(_STAGE + "/tmp"):
    os.symlink(FOLDER, _STAGE + "/tmp")
  _set_attributes(_STAGE, _MS_RDONLY, recursive=False)
  os.chdir(_STAGE)
  libc.call("syscall", _SYS_PIVOT_ROOT[os.uname().machine], b".", b".")
  libc.call("umount2", b".", _MNT_DETACH)
  os.chdir("/")
  mount_folder(tmp_mb)


def mount_folder(size_mb: int) -> None:
  """An empty FOLDER of limited size and number of files that everyone may write."""
  _mount("tmpfs", FOLDER, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode=1777,size={size_mb}m,nr_inodes=4096")


def renew_folder(size_mb: int) -> bool:
  """Throws away what a candidate left. Returns whether there was something, so that FOLDER is another one now."""
  if not os.listdir(FOLDER):
    return False
  libc.call("umount2", FOLDER.encode(), _MNT_DETACH)
  mount_folder(size_mb)
  return True
