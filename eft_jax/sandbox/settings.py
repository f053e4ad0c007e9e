"""Settings of the sandbox, and the secret from which hidden seeds derive."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import os
import pathlib
import secrets

from eft_jax.core.settings import ConfigError

LAYERS = ("namespaces", "landlock", "seccomp", "uid")


@dataclasses.dataclass(frozen=True)
class SandboxSettings:
  """How candidates are held.

  Attributes:
    allow_weak: run also where the kernel's protections do not suffice (see protections.py). Never for strangers' code.
    secret: hex key of the hidden seeds; '' takes the key of this installation, made at the first use.
    limits_scale: factor on the CPU and wall seconds of every task, for slow machines.
    packages: what a candidate can import beside the standard library.
    tmp_mb: size of its working folder, and of any file in it.
    evaluation_seconds: CPU seconds of the trusted evaluation, above which it counts as broken (`task_bug`).
    evaluation_memory_mb: address space of the process that runs trusted evaluations.
    without: protections of LAYERS to leave out, where one misbehaves on a machine.
  """

  allow_weak: bool = False
  secret: str = ""
  limits_scale: float = 1.0
  packages: tuple[str, ...] = ("numpy", "scipy")
  tmp_mb: int = 64
  evaluation_seconds: float = 120.0
  evaluation_memory_mb: int = 16384
  without: tuple[str, ...] = ()

  def __post_init__(self):
    if self.secret:
      with contextlib.suppress(ValueError):
        if len(bytes.fromhex(self.secret)) >= 16:
          return self._check_numbers()
      raise ConfigError(f"sandbox.secret has {len(self.secret)} characters that are no key: expected at least 32 hex "
                        "digits, or '' for this installation's key.")
    return self._check_numbers()

  def _check_numbers(self) -> None:
    for name in ("limits_scale", "tmp_mb", "evaluation_seconds", "evaluation_memory_mb"):
      if not getattr(self, name) > 0:
        raise ConfigError(f"sandbox.{name} is {getattr(self, name)}, expected a number above 0.")
    if "numpy" not in self.packages:
      raise ConfigError("sandbox.packages must hold numpy: results of candidates are numpy arrays.")
    unknown = set(self.without) - set(LAYERS)
    if unknown:
      raise ConfigError(f"sandbox.without holds {', '.join(sorted(unknown))}, expected some of {', '.join(LAYERS)}.")


def secret_path() -> pathlib.Path:
  """Where the key of this installation lies."""
  home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
  return pathlib.Path(home) / "eft_jax" / "secret"


def secret_key(settings: SandboxSettings) -> bytes:
  """The key of the settings, or of this installation: a file that only the user can read, made once.

  Raises:
    ConfigError: the file cannot be made or read, or holds no key.
  """
  if settings.secret:
    return bytes.fromhex(settings.secret)
  path = secret_path()
  try:
    if not path.exists():
      path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
      temporary = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
      with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
      with contextlib.suppress(FileExistsError):
        os.link(temporary, path)  # of two first uses at the same time, one wins
      temporary.unlink()
    key = bytes.fromhex(path.read_text().strip())
  except OSError as error:
    raise ConfigError(f"The sandbox's key file {path} cannot be used ({error.strerror}): set sandbox.secret to 64 hex "
                      "digits, or XDG_DATA_HOME to a folder that can be written.") from error
  except ValueError as error:
    raise ConfigError(f"{path} holds no hex key: delete it (hidden seeds change), or set sandbox.secret.") from error
  if len(key) < 16:
    raise ConfigError(f"{path} holds a key of {len(key)} bytes, expected 16 or more: delete it (hidden seeds change).")
  return key


def secret_id(settings: SandboxSettings) -> str:
  """12 hex digits that name the key without giving it away; two runs with the same id have the same hidden seeds."""
  return hashlib.sha256(b"eft_jax secret id" + secret_key(settings)).hexdigest()[:12]


def hidden_seeds(key: bytes, task: str, label: str, count: int) -> list[int]:
  """`count` numbers in [0, 2^63) that depend on key, task and label alone."""
  seeds = []
  for i in range(count):
    digest = hmac.digest(key, f"{task}\0{label}\0{i}".encode(), "sha256")
    seeds.append(int.from_bytes(digest[:8], "little") >> 1)
  return seeds
